#include "support/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/io/formats/csv.hpp>
#include <damo/io/pictures/pictures.hpp>
#include <damo/io/runs/checkpoint.hpp>

#include "support/kernels.hpp"
#include "support/program.hpp"
#include "support/run_files.hpp"
#include "support/stop.hpp"

namespace damo::examples {
namespace {

constexpr const char* previous_name = "checkpoint.previous.npz";
constexpr const char* best_previous_name = "best.previous.npz";
constexpr const char* metrics_name = "metrics.csv";
constexpr std::int64_t quick_images = 2000;
constexpr double first_look_seconds = 15;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point t) {
  return std::chrono::duration<double>(Clock::now() - t).count();
}

double value_of(const Metrics& metrics, const std::string& name) {
  for (const Metric& m : metrics) {
    if (m.name == name) return m.value;
  }
  throw InternalError(fmt::format("training: there is no metric '{}'", name));
}

}  // namespace

struct Training::Position {
  bool begun = false;      // a checkpoint of this run is there
  std::int64_t epoch = 0;  // the batch to train next; so many epochs are done
  std::int64_t batch = 0;
  double cost_sum = 0;          // over the epoch so far
  std::optional<double> best;   // the best score
  std::int64_t best_epoch = 0;  // that has it, from 1
  Watch watch;
  Clock::time_point start = Clock::now(), epoch_start = start, saved = start;
  bool looked = false;
  std::optional<io::CsvWriter> csv;
  Report report;
};

Training::Training(Cli& cli, TrainingOptions& options) : cli_(cli), options_(options) {
  if (options.resume.empty()) {
    RunFolder::check(options.out, options.force);
  } else {
    if (cli.given("--out"))
      throw UsageError("--resume goes on in its own folder: --out does not go with it");
    folder_ = RunFolder::resume(options.resume);
    record_ = folder_->info();
    const std::string made_by = record_.has("program") ? record_.text("program") : cli.program();
    if (made_by != cli.program()) {
      throw IoError(fmt::format("{}: the run was made by {}, not by {}; go on with {} --resume {}",
                                options.resume, made_by, cli.program(), made_by, options.resume));
    }
    const TrainingOptions now = options;
    cli.restore(record_, (*folder_ / "run.json").string());
    // These belong to a call, not to a run.
    options.out = now.out;
    options.resume = now.resume;
    options.quiet = now.quiet;
    options.force = now.force;
    resumed_ = true;
  }
  use_threads(options.threads);
  if (options.quick) {
    if (!cli.given("--epochs")) options.epochs = 1;
    if (options.limit == 0) options.limit = quick_images;
  }
  if (options.lr_schedule != "constant") lr_factor_ = shared(Array::scalar(1.0F), "lr_factor");
}

Arg Training::rate(double lr) {
  if (options_.lr_schedule == "constant") return lr;
  return cast(lr_factor_, floatX()) * lr;
}

void Training::note(std::string_view text) {
  if (progress_ != nullptr) progress_->note(text);
}

void Training::part_done(std::string_view what, std::int64_t done, std::int64_t total) {
  if (progress_ != nullptr) progress_->part_done(what, done, total);
  leave_if_stopped();
}

void Training::compare_data(const io::Record& info) const {
  constexpr const char* key = "data_fingerprint";
  if (!record_.has(key) || !info.has(key) || cli_.given("--data")) return;
  if (record_.text(key) == info.text(key)) return;
  throw IoError(fmt::format(
      "{}: the data is not what the run began with: its fingerprint is {}, and was {}; put the old "
      "data back, or say --data to go on with what is there now",
      folder_->path().string(), info.text(key), record_.text(key)));
}

void Training::open_folder(const io::Record& info) {
  if (resumed_) {
    compare_data(info);
  } else {
    folder_ = RunFolder::create(cli_.program(), options_.out, options_.force);
  }
  options_.out = folder_->path().string();
  io::Record settings = cli_.values();
  settings.add(info);
  if (!options_.quiet) print_settings(cli_.program(), settings);
  record_.set("program", cli_.program()).set("version", version());
  if (resumed_) {
    record_.set("resumed", timestamp()).set("resume_command", cli_.command_line());
    if (!options_.quiet) {
      for (const std::string& difference : cli_.differences(record_)) {
        const bool of_call = difference.starts_with("resume ") || difference.starts_with("out ");
        if (!of_call) say(stderr, fmt::format("changed: {}\n", difference));
      }
    }
  } else {
    record_.set("command", cli_.command_line()).set("started", timestamp());
  }
  record_.remove("error").add(settings);
}

void Training::set_status(const std::string& status, const Position& at) {
  record_.set("status", status).set("epochs_done", at.epoch).set("updated", timestamp());
  if (at.best) record_.set("best_epoch", at.best_epoch).set("best_score", *at.best);
  folder_->save_info(record_);
}

bool Training::has_checkpoint() const {
  return std::filesystem::exists(*folder_ / checkpoint_name) ||
         std::filesystem::exists(*folder_ / previous_name);
}

void Training::load(const TrainingSteps& steps, Position& at) {
  std::string trouble;
  const std::string path = (*folder_ / checkpoint_name).string();
  const io::Checkpoint checkpoint = io::load_checkpoint(path, &trouble);
  if (!trouble.empty()) note(trouble);
  steps.state.set_values(checkpoint.arrays, path);
  const io::Record& saved = checkpoint.metadata;
  at.epoch = saved.integer("epoch");
  at.batch = saved.integer("batch");
  at.cost_sum = saved.number("cost_sum");
  if (saved.has("best_score")) {
    at.best = saved.number("best_score");
    at.best_epoch = saved.integer("best_epoch");
  }
  at.watch.load(saved);
  if (at.epoch < 0 || !std::isfinite(at.cost_sum))
    throw IoError(fmt::format("{}: epoch {} with costs of {}", path, at.epoch, at.cost_sum));
  if (at.batch < 0 || at.batch >= std::max<std::int64_t>(steps.batches, 1)) {
    throw IoError(fmt::format("{}: was written after batch {} of an epoch, which has {} now", path,
                              at.batch, steps.batches));
  }
  note(fmt::format("resumed at batch {} of epoch {}", at.batch + 1, at.epoch + 1));
}

void Training::save(const TrainingSteps& steps, const Position& at) {
  io::Checkpoint checkpoint{.arrays = steps.state.values(), .metadata = {}};
  require_sound(checkpoint);
  checkpoint.metadata.set("program", cli_.program())
      .set("epoch", at.epoch)
      .set("batch", at.batch)
      .set("cost_sum", at.cost_sum);
  if (at.best) checkpoint.metadata.set("best_score", *at.best).set("best_epoch", at.best_epoch);
  at.watch.save(checkpoint.metadata);
  folder_->output(previous_name);
  io::save_checkpoint(folder_->output(checkpoint_name), checkpoint);
}

void Training::set_schedule(const TrainingSteps& steps, const Position& at) {
  if (options_.lr_schedule == "constant") return;
  const auto batches = static_cast<double>(steps.batches);
  const double done =
      static_cast<double>(at.epoch - steps.epochs_before) * batches + static_cast<double>(at.batch);
  const double part = std::clamp(done / (static_cast<double>(options_.epochs) * batches), 0.0, 1.0);
  const double factor = schedule_factor(options_.lr_schedule, part);
  lr_factor_.set_array(Array::scalar(static_cast<float>(factor)));
}

// False when a stop was asked for.
bool Training::train_epoch(const TrainingSteps& steps, Position& at) {
  const bool starts = at.batch == 0 && at.epoch > 0 && steps.phase;
  if (starts && steps.phase(at.epoch) != steps.phase(at.epoch - 1)) at.watch.restart();
  while (at.batch < steps.batches) {
    if (stop_requested()) return false;
    at.report.next_batch();
    set_schedule(steps, at);
    const double cost = steps.step(at.epoch, at.batch);
    if (!std::isfinite(cost)) {
      throw NumericError(fmt::format(
          "the {} is {} at batch {} of epoch {}; nothing was saved over the last checkpoint. A "
          "smaller --lr may help",
          steps.cost_name, cost, at.batch + 1, at.epoch + 1));
    }
    at.watch.batch(cost);
    at.cost_sum += cost;
    ++at.batch;
    progress_->batch_done(at.epoch, at.batch - 1,
                          {{steps.cost_name, at.cost_sum / static_cast<double>(at.batch)}});
    if (steps.first_look && at.epoch == 0 && !at.looked &&
        seconds_since(at.start) > first_look_seconds) {
      steps.first_look();
      at.looked = true;
      note("first pictures are in " + folder_->path().string());
    }
    if (at.batch < steps.batches && seconds_since(at.saved) > 60 * options_.checkpoint_minutes) {
      save(steps, at);
      at.saved = Clock::now();
    }
  }
  return true;
}

void Training::write_metrics(const TrainingSteps& steps, Position& at, const Metrics& metrics) {
  std::vector<std::string> columns{"epoch"};
  std::vector<double> row{static_cast<double>(at.epoch + 1)};
  for (const Metric& m : metrics) {
    columns.push_back(m.name);
    row.push_back(m.value);
  }
  columns.emplace_back("seconds");
  row.push_back(seconds_since(at.epoch_start));
  const std::filesystem::path csv = folder_->output(metrics_name);
  if (!at.csv) at.csv.emplace(csv, columns, static_cast<std::size_t>(at.epoch));
  at.csv->row(row);
  const io::CsvTable table = io::read_csv(csv);
  io::write_png(folder_->output("learning_curve.png"),
                io::plot({{steps.cost_name, table.column("epoch"), table.column(steps.cost_name)}},
                         {.title = fmt::format("{} on {}", cli_.program(), options_.data),
                          .y_label = steps.cost_name}));
}

// Keeps the state when the score is the best so far, and warns when training goes wrong.
void Training::judge(const TrainingSteps& steps, Position& at, const Metrics& metrics) {
  if (const auto warning =
          at.watch.epoch(at.epoch + 1, steps.cost_name, value_of(metrics, steps.cost_name))) {
    note(*warning);
  }
  if (!steps.score || at.epoch + 1 < steps.score->from_epoch) return;
  const double score = value_of(metrics, steps.score->metric);
  if (!std::isfinite(score) || (at.best && !is_better(steps.score->better, score, *at.best)))
    return;
  at.best = score;
  at.best_epoch = at.epoch + 1;
  io::Checkpoint best{.arrays = steps.state.values(), .metadata = {}};
  best.metadata.set("program", cli_.program()).set("epoch", at.best_epoch).set("score", score);
  folder_->output(best_previous_name);
  io::save_checkpoint(folder_->output(best_name), best);
}

void Training::end_epoch(const TrainingSteps& steps, Position& at) {
  Metrics metrics{{steps.cost_name, at.cost_sum / static_cast<double>(steps.batches)}};
  if (steps.epoch_end) {
    for (Metric& m : steps.epoch_end(at.epoch + 1)) metrics.push_back(std::move(m));
  }
  progress_->epoch_done(at.epoch, metrics);
  write_metrics(steps, at, metrics);
  judge(steps, at, metrics);
  ++at.epoch;
  at.batch = 0;
  at.cost_sum = 0;
  at.epoch_start = Clock::now();
}

bool Training::is_over(const TrainingSteps& steps, const Position& at) const {
  if (at.epoch >= steps.epochs_before + options_.epochs) return true;
  return options_.patience > 0 && at.best && at.epoch - at.best_epoch >= options_.patience;
}

// The variables get the values of the best epoch.
void Training::use_best(const TrainingSteps& steps, const Position& at) {
  if (!at.best || at.best_epoch == at.epoch) return;
  const std::string path = (*folder_ / best_name).string();
  steps.state.set_values(io::load_checkpoint(path).arrays, path);
  note(fmt::format("the best {}, {:.4g}, was that of epoch {} of {}: its parameters are used",
                   steps.score->metric, *at.best, at.best_epoch, at.epoch));
}

void Training::begin(const TrainingSteps& steps, Position& at) {
  if (resumed_ && has_checkpoint()) {
    load(steps, at);
  } else {
    if (resumed_) note("there is no checkpoint in it yet: the run begins anew");
    set_status("running", at);
    if (steps.prepare) steps.prepare();
    progress_->epochs_begin();
    at.epoch_start = at.saved = Clock::now();
    save(steps, at);
  }
  at.begun = true;
  set_status("running", at);
}

int Training::train(const TrainingSteps& steps, Position& at) {
  begin(steps, at);
  while (!is_over(steps, at)) {
    if (!train_epoch(steps, at)) {
      save(steps, at);
      throw Stopped{};
    }
    end_epoch(steps, at);
    if (is_over(steps, at) || seconds_since(at.saved) > 60 * options_.checkpoint_minutes) {
      save(steps, at);
      at.saved = Clock::now();
    }
  }
  use_best(steps, at);
  if (steps.finish) steps.finish();
  return success;
}

int Training::stop(const TrainingSteps& steps, Position& at) {
  set_status("stopped", at);
  at.report.write(*folder_);
  const std::string where =
      !at.begun            ? "before the first epoch: what came before it is done again"
      : is_over(steps, at) ? "after the last epoch; a checkpoint is written"
                           : fmt::format("before batch {} of epoch {}; a checkpoint is written",
                                         at.batch + 1, at.epoch + 1);
  say(stderr, fmt::format("{}: stopped {}. Go on with\n  {} --resume {}\n", cli_.program(), where,
                          cli_.command(), shell_quoted(folder_->path().string())));
  return stopped;
}

int Training::finish(Position& at) {
  set_status("finished", at);
  at.report.write(*folder_);
  if (options_.quiet) return success;
  say(stdout, fmt::format("{} {} done; this call took {}. Pictures:\n", counted(at.epoch, "epoch"),
                          at.epoch == 1 ? "is" : "are", clock_time(seconds_since(at.start))));
  print_pictures(folder_->path());
  say(stdout, fmt::format("All of it on one page: {}\n", (*folder_ / "report.html").string()));
  return success;
}

// What went wrong is being thrown already.
void Training::fail(const std::string& reason, Position& at) {
  try {
    record_.set("error", reason);
    set_status("failed", at);
    at.report.write(*folder_);
  } catch (const std::exception& error) {
    say(stderr, fmt::format("{}: {}\n", cli_.program(), error.what()));
  }
}

int Training::run(const TrainingSteps& steps, const io::Record& info) {
  if (steps.batches < 1) throw ShapeError("training: there is not a single full batch of data");
  catch_stop_signals();
  open_folder(info);
  Position at;
  at.watch = Watch(steps.cost_better);
  at.report = Report(steps.function);
  const std::int64_t epochs = steps.epochs_before + options_.epochs;
  std::optional<Progress> progress(std::in_place, epochs, steps.batches,
                                   progress_style(options_.quiet));
  progress_ = &*progress;
  const auto end_progress = [&] {
    progress_ = nullptr;
    progress.reset();  // clears its line
  };
  try {
    train(steps, at);
    end_progress();
    return finish(at);
  } catch (const Stopped&) {
    end_progress();
    return stop(steps, at);
  } catch (const std::exception& error) {
    end_progress();
    fail(error.what(), at);
    throw;
  }
}

}  // namespace damo::examples
