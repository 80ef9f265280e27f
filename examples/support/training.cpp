#include "support/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include <damo/graph/errors/error.hpp>
#include <damo/io/formats/csv.hpp>
#include <damo/io/pictures/pictures.hpp>
#include <damo/io/runs/checkpoint.hpp>

#include "support/stop.hpp"

namespace damo::examples {
namespace {

constexpr const char* checkpoint_name = "checkpoint.npz";
constexpr const char* metrics_name = "metrics.csv";
constexpr std::int64_t quick_images = 2000;
constexpr std::size_t text_width = 90;
constexpr double first_look_seconds = 15;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point t) {
  return std::chrono::duration<double>(Clock::now() - t).count();
}

void require_finite(const io::Checkpoint& checkpoint) {
  for (const auto& [name, array] : checkpoint.arrays) {
    if (!is_float(array.dtype())) continue;
    const Array wide = array.dtype() == DType::float64 ? array : array.cast(DType::float64);
    for (const double v : wide.values<double>()) {
      if (!std::isfinite(v)) {
        throw NumericError(
            fmt::format("'{}' holds {}; nothing was saved over the last checkpoint. "
                        "A smaller --lr may help",
                        name, v));
      }
    }
  }
}

void print_settings(const std::string& program, const io::Record& record) {
  std::string line = program + ":";
  for (const auto& [name, value] : record.values()) {
    const std::string text = std::visit([](const auto& v) { return fmt::format("{}", v); }, value);
    if (text.empty() || text == "false") continue;
    const std::string item = fmt::format(" {} {},", name, text);
    if (line.size() + item.size() > text_width) {
      fmt::print("{}\n", line);
      line = std::string(program.size() + 1, ' ');
    }
    line += item;
  }
  line.pop_back();
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

// "filters_epoch_0.png to filters_epoch_14.png" for files that differ in their number only.
void print_pictures(const std::filesystem::path& folder) {
  std::map<std::string, std::map<std::int64_t, std::string>> groups;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".png") continue;
    const std::string stem = entry.path().stem().string();
    const std::size_t digits = stem.find_last_not_of("0123456789") + 1;
    const std::string number = stem.substr(digits).substr(0, 9);
    groups[stem.substr(0, digits)][number.empty() ? 0 : std::stoll(number)] = entry.path().string();
  }
  for (const auto& [stem, files] : groups) {
    fmt::print("  {}", files.begin()->second);
    if (files.size() > 1)
      fmt::print(" to {}", std::filesystem::path(files.rbegin()->second).filename().string());
    fmt::print("\n");
  }
}

}  // namespace

void add_training_options(Cli& cli, TrainingOptions& o) {
  cli.option("--epochs", o.epochs, "passes over the training set", {1, 1e6});
  cli.option("--batch", o.batch, "examples in a batch", {1, 1e6});
  cli.option("--lr", o.lr, "learning rate", {0, 1e38});
  cli.option("--seed", o.seed, "seed of all random numbers", {0, 9e15});
  cli.option("--threads", o.threads, "threads; 0 is one for each core", {0, 1024});
  cli.option("--out", o.out, "folder to write to [default runs/<program>-<date>-<time>]");
  cli.optional("--resume", o.resume, "runs/latest", "go on with the run in this folder");
  cli.option("--checkpoint-minutes", o.checkpoint_minutes, "time between checkpoints",
             {0, 1e5, "min"});
  cli.flag("--force", o.force, "replace the run that --out holds");
  cli.flag("--quick", o.quick, "one epoch on little data, to see that everything works");
  cli.flag("--quiet", o.quiet, "print errors only");
}

void add_image_options(Cli& cli, TrainingOptions& o) {
  cli.choice("--data", o.data, "images", io::dataset_names(), true);
  cli.choice("--binarize", o.binarize, "how gray levels become binary",
             {"none", "threshold", "sampled"});
  cli.option("--limit", o.limit, "train on this many images only; 0 is all", {0, 1e9});
}

io::Dataset load_images(const TrainingOptions& o) {
  return io::load_dataset(o.data, {.binarize = io::parse_binarize(o.binarize),
                                   .seed = static_cast<std::uint64_t>(o.seed),
                                   .limit = o.limit});
}

io::Record image_info(const io::Dataset& data) {
  io::Record record;
  record.set("train_images", data.train.shape()[0])
      .set("pixels", data.pixels())
      .set("data_source", data.source)
      .set("data_fingerprint", data.fingerprint);
  return record;
}

struct Training::Position {
  std::int64_t epoch = 0;  // the batch to train next
  std::int64_t batch = 0;
  double cost_sum = 0;  // over the epoch so far
  Clock::time_point start = Clock::now(), epoch_start = start, saved = start;
  bool looked = false;
  std::optional<io::CsvWriter> csv;
  Report report;
};

Training::Training(Cli& cli, TrainingOptions& options) : cli_(cli), options_(options) {
  if (!options.resume.empty()) {
    folder_ = RunFolder::open(options.resume);
    record_ = folder_->info();
    const TrainingOptions now = options;
    cli.restore(record_);
    // These belong to a call, not to a run.
    options.out = now.out;
    options.resume = now.resume;
    options.quiet = now.quiet;
    options.force = now.force;
    resumed_ = true;
  }
  if (options.quick) {
    if (!cli.given("--epochs")) options.epochs = 1;
    if (options.limit == 0) options.limit = quick_images;
  }
}

void Training::note(std::string_view text) {
  if (progress_ != nullptr) progress_->note(text);
}

void Training::open_folder(const io::Record& info) {
  if (!resumed_) folder_ = RunFolder::create(cli_.program(), options_.out, options_.force);
  options_.out = folder_->path().string();
  io::Record settings = cli_.values();
  settings.add(info);
  if (!options_.quiet) print_settings(cli_.program(), settings);
  record_.set("program", cli_.program())
      .set("version", version())
      .set("command", cli_.command_line());
  if (!resumed_) record_.set("started", timestamp());
  record_.add(settings);
}

void Training::set_status(const std::string& status, const Position& at) {
  record_.set("status", status).set("epochs_done", at.epoch).set("updated", timestamp());
  folder_->save_info(record_);
}

void Training::load(const TrainingSteps& steps, Position& at) {
  std::string trouble;
  const io::Checkpoint checkpoint = io::load_checkpoint(*folder_ / checkpoint_name, &trouble);
  if (!trouble.empty()) note(trouble);
  steps.state.set_values(checkpoint.arrays, (*folder_ / checkpoint_name).string());
  at.epoch = checkpoint.metadata.integer("epoch");
  at.batch = checkpoint.metadata.integer("batch");
  at.cost_sum = checkpoint.metadata.number("cost_sum");
  if (at.batch < 0 || at.batch >= std::max<std::int64_t>(steps.batches, 1)) {
    throw IoError(fmt::format("{}: was written after batch {} of an epoch, which has {} now",
                              (*folder_ / checkpoint_name).string(), at.batch, steps.batches));
  }
  note(fmt::format("resumed at batch {} of epoch {}", at.batch + 1, at.epoch + 1));
}

void Training::save(const TrainingSteps& steps, const Position& at) {
  io::Checkpoint checkpoint{.arrays = steps.state.values(), .metadata = {}};
  require_finite(checkpoint);
  checkpoint.metadata.set("program", cli_.program())
      .set("epoch", at.epoch)
      .set("batch", at.batch)
      .set("cost_sum", at.cost_sum);
  io::save_checkpoint(*folder_ / checkpoint_name, checkpoint);
}

// False when a stop was asked for.
bool Training::train_epoch(const TrainingSteps& steps, Position& at) {
  while (at.batch < steps.batches) {
    if (stop_requested()) return false;
    at.report.next_batch();
    const double cost = steps.step(at.epoch, at.batch);
    if (!std::isfinite(cost)) {
      throw NumericError(fmt::format(
          "the {} is {} at batch {} of epoch {}; nothing was saved over the last checkpoint. A "
          "smaller --lr may help",
          steps.cost_name, cost, at.batch + 1, at.epoch + 1));
    }
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

void Training::end_epoch(const TrainingSteps& steps, Position& at) {
  Metrics metrics{{steps.cost_name, at.cost_sum / static_cast<double>(steps.batches)}};
  if (steps.epoch_end) {
    for (Metric& m : steps.epoch_end(at.epoch)) metrics.push_back(std::move(m));
  }
  progress_->epoch_done(at.epoch, metrics);
  std::vector<std::string> columns{"epoch"};
  std::vector<double> row{static_cast<double>(at.epoch)};
  for (const Metric& m : metrics) {
    columns.push_back(m.name);
    row.push_back(m.value);
  }
  columns.emplace_back("seconds");
  row.push_back(seconds_since(at.epoch_start));
  const std::filesystem::path csv = *folder_ / metrics_name;
  if (!at.csv) at.csv.emplace(csv, columns, static_cast<std::size_t>(at.epoch));
  at.csv->row(row);
  const io::CsvTable table = io::read_csv(csv);
  io::write_png(*folder_ / "learning_curve.png",
                io::plot({{steps.cost_name, table.column("epoch"), table.column(steps.cost_name)}},
                         {.title = fmt::format("{} on {}", cli_.program(), options_.data),
                          .y_label = steps.cost_name}));
  ++at.epoch;
  at.batch = 0;
  at.cost_sum = 0;
  at.epoch_start = Clock::now();
}

int Training::stop(Position& at) {
  set_status("stopped", at);
  at.report.write(*folder_);
  fmt::print(stderr,
             "{}: stopped before batch {} of epoch {}; a checkpoint is written. Go on with\n  {} "
             "--resume {}\n",
             cli_.program(), at.batch + 1, at.epoch + 1, cli_.command(), folder_->path().string());
  return stopped;
}

int Training::finish(Position& at) {
  set_status("finished", at);
  at.report.write(*folder_);
  if (options_.quiet) return success;
  fmt::print("{} epochs are done; this call took {}. Pictures:\n", at.epoch,
             clock_time(seconds_since(at.start)));
  print_pictures(folder_->path());
  fmt::print("All of it on one page: {}\n", (*folder_ / "report.html").string());
  return success;
}

int Training::run(const TrainingSteps& steps, const io::Record& info) {
  if (steps.batches < 1) throw ShapeError("training: there is not a single full batch of data");
  catch_stop_signals();
  open_folder(info);
  std::optional<Progress> progress(std::in_place, options_.epochs, steps.batches,
                                   progress_style(options_.quiet));
  progress_ = &*progress;
  const auto end_progress = [&] {
    progress_ = nullptr;
    progress.reset();  // clears its line
  };
  Position at;
  at.report = Report(steps.function);
  if (resumed_) load(steps, at);
  set_status("running", at);
  while (at.epoch < options_.epochs) {
    if (!train_epoch(steps, at)) {
      save(steps, at);
      end_progress();
      return stop(at);
    }
    end_epoch(steps, at);
    const bool last = at.epoch == options_.epochs;
    if (last || seconds_since(at.saved) > 60 * options_.checkpoint_minutes) {
      save(steps, at);
      at.saved = Clock::now();
    }
  }
  if (steps.finish) steps.finish();
  end_progress();
  return finish(at);
}

}  // namespace damo::examples
