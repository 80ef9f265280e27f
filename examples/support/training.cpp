#include "support/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/io/formats/csv.hpp>
#include <damo/io/pictures/pictures.hpp>
#include <damo/io/runs/checkpoint.hpp>

#include "support/program.hpp"
#include "support/run_files.hpp"
#include "support/stop.hpp"
#include "support/training_position.hpp"

namespace damo::examples {
namespace {

constexpr const char* best_previous_name = "best.previous.npz";
constexpr const char* metrics_name = "metrics.csv";
constexpr double first_look_seconds = 15;

double value_of(const Metrics& metrics, const std::string& name) {
  for (const Metric& m : metrics) {
    if (m.name == name) return m.value;
  }
  throw InternalError(fmt::format("training: there is no metric '{}'", name));
}

}  // namespace

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
  write_live_report(at);
  at.epoch_start = Clock::now();
}

// After every epoch, as long as that takes no more than a twentieth of the time.
void Training::write_live_report(Position& at) {
  if (at.reported && seconds_since(*at.reported) < 20 * at.report_seconds) return;
  const auto begun = Clock::now();
  set_status("running", at);
  at.report.write(*folder_, true);
  at.report_seconds = seconds_since(begun);
  at.reported = Clock::now();
}

bool Training::is_over(const TrainingSteps& steps, const Position& at) const {
  if (at.epoch >= steps.epochs_before + options_.epochs) return true;
  if (options_.patience == 0 || !steps.score) return false;
  const std::int64_t since = at.best ? at.best_epoch : steps.score->from_epoch - 1;
  return at.epoch - since >= options_.patience;
}

// The variables get the values of the best epoch.
void Training::use_best(const TrainingSteps& steps, const Position& at) {
  if (!steps.score) return;
  if (at.epoch < steps.epochs_before + options_.epochs)
    note(fmt::format("training ends: no better {} in {} (--patience)", steps.score->metric,
                     counted(options_.patience, "epoch")));
  if (!at.best)
    note(fmt::format("no epoch has a {}: the parameters of the last one are used",
                     steps.score->metric));
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
  if (cli_.given("--patience") && options_.patience > 0 && !steps.score)
    throw UsageError("--patience: there is no validation score here to stop by");
  catch_stop_signals();
  open_folder(info);
  Position at;
  at.watch = Watch(steps.cost_better);
  at.report = Report(steps.function);
  for (const auto& [metric, meaning] : steps.meanings) caption(metric, meaning);
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
