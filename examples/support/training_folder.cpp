// What a run has in its folder: settings, captions, pictures, checkpoints.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/runs/checkpoint.hpp>

#include "support/kernels.hpp"
#include "support/pages/results.hpp"
#include "support/program.hpp"
#include "support/run_files.hpp"
#include "support/stop.hpp"
#include "support/training_position.hpp"

namespace damo::examples {
namespace {

constexpr const char* previous_name = "checkpoint.previous.npz";
constexpr std::int64_t quick_images = 2000;
constexpr std::string_view options_of_call[] = {"out", "resume", "quiet", "force"};

}  // namespace

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

std::optional<Var> Training::lr_factor() const {
  if (options_.lr_schedule == "constant") return std::nullopt;
  return cast(lr_factor_, floatX());
}

Arg Training::rate(double lr) const {
  const std::optional<Var> factor = lr_factor();
  return factor ? Arg(*factor * lr) : Arg(lr);
}

void Training::note(std::string_view text) {
  if (progress_ != nullptr) progress_->note(text);
}

void Training::part_done(std::string_view what, std::int64_t done, std::int64_t total) {
  if (progress_ != nullptr) progress_->part_done(what, done, total);
  leave_if_stopped();
}

void Training::caption(const std::string& name, const std::string& text) {
  if (captions_.has(name) && captions_.text(name) == text) return;
  captions_.set(name, text);
  io::write_file(output(captions_name), captions_.to_json());
}

void Training::draw(const std::string& name, const io::Picture& picture,
                    const std::string& caption) {
  this->caption(name, caption);
  io::write_png(output(name + ".png"), picture);
}

void Training::draw_epoch(const std::string& name, std::int64_t epoch, const io::Picture& picture,
                          const std::string& caption) {
  const std::string stem = name + "_epoch_";
  this->caption(stem, caption);
  io::write_png(output(fmt::format("{}{}.png", stem, epoch)), picture);
  remove_between(folder_->path(), stem, ".png", epoch);
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
  captions_ = captions_of(folder_->path());
  io::Record settings = cli_.values();
  settings.add(info);
  if (!options_.quiet) print_settings(cli_.program(), settings);
  record_.set("program", cli_.program()).set("version", version());
  if (resumed_) {
    record_.set("resumed", timestamp()).set("resume_command", cli_.command_line());
    if (!options_.quiet) {
      for (const std::string& difference : cli_.differences(record_)) {
        const bool of_call = std::any_of(
            std::begin(options_of_call), std::end(options_of_call),
            [&](std::string_view name) { return difference.starts_with(std::string(name) + " "); });
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

}  // namespace damo::examples
