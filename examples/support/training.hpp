#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <damo/io/pictures/png.hpp>
#include <damo/io/runs/record.hpp>
#include <damo/runtime/function/state.hpp>

#include "support/cli.hpp"
#include "support/progress.hpp"
#include "support/report.hpp"
#include "support/run_folder.hpp"
#include "support/training_options.hpp"
#include "support/watch.hpp"

namespace damo::examples {

/// What a program fills in.
struct TrainingSteps {
  /// What `step` returns: the name of its column in metrics.csv and of the learning curve, and
  /// whether more of it is better.
  std::string cost_name = "cost";
  Better cost_better = Better::lower;
  std::int64_t batches = 0;  ///< in an epoch
  /// Epochs that come before the --epochs ones: of layers trained by themselves.
  std::int64_t epochs_before = 0;
  /// What metrics mean, with unit and direction, by name: what report.html says above their curves.
  std::vector<std::pair<std::string, std::string>> meanings{};
  /// Which of several trainings an epoch (from 0) belongs to (optional): the costs of different
  /// ones are not compared.
  std::function<std::int64_t(std::int64_t epoch)> phase{};
  /// Before the first batch of a new run (optional): pretraining. Should call `leave_if_stopped`.
  std::function<void()> prepare{};
  /// Trains on one batch and returns its cost. Epoch and batch count from 0.
  std::function<double(std::int64_t epoch, std::int64_t batch)> step{};
  /// Once, some seconds into the run, when the first epoch takes longer (optional): draws pictures
  /// of the model so far. Must not change it.
  std::function<void()> first_look{};
  /// After each epoch, the first being 1 (optional): draws pictures, returns further metrics,
  /// always the same names.
  std::function<Metrics(std::int64_t epoch)> epoch_end{};
  /// The metric that tells the best epoch (optional), and from which epoch on. The state of the
  /// best is kept in best.npz, `finish` finds it in the variables, and --patience counts from it.
  std::optional<Score> score{};
  /// After the last epoch and its checkpoint (optional). Should call `part_done` or
  /// `leave_if_stopped` now and then.
  std::function<void()> finish{};
  /// What a checkpoint holds, so that training goes on with the same bits: all that `step` changes,
  /// chains and random streams too.
  State state;
  /// The function that `step` calls (optional): report.html shows its graph and its profile.
  Function* function = nullptr;
};

/// One training run: folder, settings, progress, metrics.csv, learning_curve.png, checkpoints,
/// report.html.
///
///     Training training(cli, options);           // after cli.parse
///     const io::Dataset data = load_images(options);
///     ... build the model ...
///     return training.run({.batches = ..., .step = ..., .state = State::updated_by(train)}, info);
class Training {
 public:
  /// With --resume, opens that run's folder and takes over its settings, except where the command
  /// line gives others; throws IoError when another program made the run, or another process writes
  /// to it. Without, throws IoError when the run could not write to --out.
  Training(Cli& cli, TrainingOptions& options);

  /// Trains until all epochs are done (result 0) or Ctrl-C, SIGTERM or SIGHUP asks for a stop
  /// (130): then the batch is finished, a checkpoint written, and the command printed that goes on.
  /// The model of a resumed run ends with the same bits as that of an uninterrupted one. `info`
  /// joins the settings in run.json: sizes, data, kernels. Throws NumericError when the cost or a
  /// parameter is not finite or far too large; the last checkpoint then still is. Whatever ends the
  /// run, run.json says so and report.html is written. Throws IoError when a resumed run's data
  /// differs from what it began with, unless the command line says --data.
  int run(const TrainingSteps& steps, const io::Record& info = {});

  /// The learning rate under --lr-schedule: the number itself when it is constant, otherwise an
  /// expression that changes from batch to batch.
  Arg rate(double lr) const;
  /// What --lr-schedule multiplies learning rates by; nothing when it is constant.
  std::optional<Var> lr_factor() const;

  /// Where the run writes; from within `run` only.
  const RunFolder& folder() const { return *folder_; }
  std::filesystem::path output(const std::string& name) const { return folder_->output(name); }
  /// Writes NAME.png, and the caption that pages show with it.
  void draw(const std::string& name, const io::Picture& picture, const std::string& caption);
  /// The same of a picture of each epoch, NAME_epoch_N.png: of many epochs the later ones, further
  /// and further apart, and the first and the last are kept.
  void draw_epoch(const std::string& name, std::int64_t epoch, const io::Picture& picture,
                  const std::string& caption);
  bool resumed() const { return resumed_; }
  /// What joins run.json when its status is written next.
  void add_info(const io::Record& info) { record_.add(info); }
  /// For remarks while training; they do not disturb the progress line.
  void note(std::string_view text);
  /// Shows how far something is that takes long, and leaves it when a stop was asked for.
  void part_done(std::string_view what, std::int64_t done, std::int64_t total);

 private:
  struct Position;
  void open_folder(const io::Record& info);
  void compare_data(const io::Record& info) const;
  bool has_checkpoint() const;
  void load(const TrainingSteps& steps, Position& at);
  void save(const TrainingSteps& steps, const Position& at);
  void begin(const TrainingSteps& steps, Position& at);
  int train(const TrainingSteps& steps, Position& at);
  bool train_epoch(const TrainingSteps& steps, Position& at);
  void end_epoch(const TrainingSteps& steps, Position& at);
  void write_metrics(const TrainingSteps& steps, Position& at, const Metrics& metrics);
  void judge(const TrainingSteps& steps, Position& at, const Metrics& metrics);
  bool is_over(const TrainingSteps& steps, const Position& at) const;
  void use_best(const TrainingSteps& steps, const Position& at);
  void set_schedule(const TrainingSteps& steps, const Position& at);
  int stop(const TrainingSteps& steps, Position& at);
  int finish(Position& at);
  void fail(const std::string& reason, Position& at);
  void write_live_report(Position& at);
  void caption(const std::string& name, const std::string& text);
  void set_status(const std::string& status, const Position& at);

  Cli& cli_;
  TrainingOptions& options_;
  std::optional<RunFolder> folder_;
  bool resumed_ = false;
  io::Record record_, captions_;
  SharedVar lr_factor_;
  Progress* progress_ = nullptr;
};

}  // namespace damo::examples
