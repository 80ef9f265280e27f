#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <damo/io/dataset.hpp>
#include <damo/io/runs/record.hpp>
#include <damo/runtime/function/state.hpp>

#include "support/cli.hpp"
#include "support/progress.hpp"
#include "support/report.hpp"
#include "support/run_folder.hpp"

namespace damo::examples {

/// Settings that every training program has. Set other defaults before `add_training_options`.
struct TrainingOptions {
  std::string data = "fashion";
  std::string binarize = "none";
  std::int64_t limit = 0;
  std::int64_t epochs = 15;
  std::int64_t batch = 20;
  double lr = 0.1;
  std::int64_t seed = 1234;
  std::int64_t threads = 0;
  std::string out;
  std::string resume;
  double checkpoint_minutes = 5;
  bool quick = false;
  bool quiet = false;
  bool force = false;
};

/// --epochs --batch --lr --seed --threads --out --resume --force --checkpoint-minutes --quick
/// --quiet.
void add_training_options(Cli& cli, TrainingOptions& options);
/// --data --binarize --limit, for programs that train on images.
void add_image_options(Cli& cli, TrainingOptions& options);
/// The images that the options ask for.
io::Dataset load_images(const TrainingOptions& options);
/// What run.json says of them: number, size, origin, fingerprint.
io::Record image_info(const io::Dataset& data);

/// What a program fills in. Epochs and batches count from 0.
struct TrainingSteps {
  /// What `step` returns: the name of its column in metrics.csv and of the learning curve.
  std::string cost_name = "cost";
  std::int64_t batches = 0;  ///< in an epoch
  /// Trains on one batch and returns its cost.
  std::function<double(std::int64_t epoch, std::int64_t batch)> step{};
  /// Once, some seconds into the run, when the first epoch takes longer (optional): draws pictures
  /// of the model so far. Must not change it.
  std::function<void()> first_look{};
  /// After each epoch (optional): draws pictures, returns further metrics, always the same names.
  std::function<Metrics(std::int64_t epoch)> epoch_end{};
  /// After the last epoch and its checkpoint (optional).
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
  /// line gives others.
  Training(Cli& cli, TrainingOptions& options);

  /// Trains until all epochs are done (result 0) or Ctrl-C or SIGTERM asks for a stop (130): then
  /// the batch is finished, a checkpoint written, and the command printed that goes on. The model
  /// of a resumed run ends with the same bits as that of an uninterrupted one. `info` joins the
  /// settings in run.json: sizes, data, kernels. Throws NumericError when the cost or a parameter
  /// is not finite; the last checkpoint then still is.
  int run(const TrainingSteps& steps, const io::Record& info = {});

  /// Where the run writes; from within `run` only.
  const RunFolder& folder() const { return *folder_; }
  bool resumed() const { return resumed_; }
  /// For remarks while training; they do not disturb the progress line.
  void note(std::string_view text);

 private:
  struct Position;
  void open_folder(const io::Record& info);
  void load(const TrainingSteps& steps, Position& at);
  void save(const TrainingSteps& steps, const Position& at);
  bool train_epoch(const TrainingSteps& steps, Position& at);
  void end_epoch(const TrainingSteps& steps, Position& at);
  int stop(Position& at);
  int finish(Position& at);
  void set_status(const std::string& status, const Position& at);

  Cli& cli_;
  TrainingOptions& options_;
  std::optional<RunFolder> folder_;
  bool resumed_ = false;
  io::Record record_;
  Progress* progress_ = nullptr;
};

}  // namespace damo::examples
