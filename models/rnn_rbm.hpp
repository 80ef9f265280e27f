#pragma once
#include <functional>
#include <optional>
#include <vector>

#include <damo/models/rnn_rbm_graph.hpp>
#include <damo/models/update_rules.hpp>
#include <damo/runtime/function/function.hpp>
#include <damo/runtime/function/to_array.hpp>

namespace damo::models {

/// MIDI pitches: column 0 of a piano-roll is `low`, the last one `high - 1`.
struct PitchRange {
  int low = 21;    ///< A0 of the piano
  int high = 109;  ///< one past C8
};

/// The classic program's settings, and after them its two lists of improvements, off by default.
struct RnnRbmOptions {
  std::int64_t n_hidden = 150;
  std::int64_t n_hidden_recurrent = 100;
  double lr = 0.001;
  PitchRange pitch_range = {};  ///< n_visible is its width
  double dt = 0.3;              ///< seconds a frame lasts, for `steps_of` and for reading MIDI
  std::int64_t k = 15;          ///< Gibbs steps in training
  std::int64_t k_generate = 25;
  std::uint64_t seed = 1234;  ///< of initial parameters, draws and the order of training
  DType dtype = floatX();
  /// Where given, the streams and the initial parameters come from it, in the order and with the
  /// numbers of the classic program over NumPy.
  NumpyRandomState* numpy_rng = nullptr;

  UpdateRule rule = UpdateRule::sgd;
  double rnn_lr = 0;                     ///< of Wuh, Wuv, Wvu, Wuu, bu and u0; 0: the same as `lr`
  double clip = 0;                       ///< largest joint norm of the gradients; 0: no limit
  double weight_decay = 0;               ///< L2, of the five matrices
  double dropout = 0;                    ///< share of the state hidden from the biases in training
  double average = 0;                    ///< rate of the running averages of parameters; 0: none
  bool learn_initial_state = false;      ///< u0 is a parameter instead of zero
  bool chain_from_frame_before = false;  ///< `generate` starts the Gibbs steps of a frame at the
                                         ///< frame before, instead of at the empty frame, which a
                                         ///< model of sharp modes may not leave
  /// Where given, `generate` starts them at one of these frames (any, n_visible), drawn by its mass
  /// under the frame's RBM: distinct_frames of the training data for example.
  std::optional<Array> known_frames{};
  std::optional<Var> lr_factor{};  ///< a scalar that multiplies both learning rates: a schedule
  Site site = Site::here();        ///< the line that errors about parameters name
};

/// The mean over an epoch's chunks.
struct EpochReport {
  std::int64_t epoch = 0;  ///< from 0
  double monitor = 0;      ///< log pseudo-likelihood a frame
  double cost = 0;         ///< free energy of the data minus that of the chain's end, a frame
};

struct RnnRbmTraining {
  std::int64_t batch_size = 100;  ///< frames of a sequence that one update sees at most
  std::int64_t num_epochs = 200;
  std::int64_t first_epoch = 0;  ///< where an earlier training stopped
  /// After each epoch; false ends the training.
  std::function<bool(const EpochReport&)> on_epoch{};
  /// Asked before each update; true ends the training within the epoch, whose report is not made.
  std::function<bool()> stop_requested{};
};

/// Training of the frames' RBM alone, as if there were no time: PCD-k with Adam, the learning rate
/// falling linearly to 0, on shuffled frames.
struct RbmPretraining {
  std::int64_t epochs = 80;
  std::int64_t batch = 100;   ///< frames
  std::int64_t chains = 200;  ///< persistent ones
  std::int64_t k = 5;
  double lr = 0.02;
  double average = 0.002;  ///< the running averages of this rate are what remains
  /// After each epoch, with its mean difference of free energies; false ends the pretraining.
  std::function<bool(std::int64_t epoch, double cost)> on_epoch{};
};

/// Training of the recurrence alone, to predict each frame from those before it by independent
/// units: cross-entropy with Adam. Its output weights are dropped.
struct RnnPretraining {
  std::int64_t epochs = 20;
  std::int64_t batch_size = 100;  ///< frames of a sequence in an update
  double lr = 0.001;
  double clip = 5;
  std::function<bool(std::int64_t epoch, double cross_entropy)> on_epoch{};
};

struct GenerateOptions {
  double temperature = 1;        ///< below 1: likelier frames
  std::optional<Array> prime{};  ///< (time, n_visible): what comes is the continuation of this
};

/// The RNN-RBM as the classic program has it: a model that trains on piano-rolls and composes.
///
///     models::RnnRbm model({.lr = 0.001, .pitch_range = {21, 109}, .dt = 0.3});
///     model.train(sequences, {.num_epochs = 200});
///     const Array roll = model.generate(200);
///
/// Sequences are matrices (time, n_visible) of 0 and 1: Arrays or xtensor expressions.
/// `io::read_piano_roll` makes them of MIDI files and `io::write_midi` turns them back.
class RnnRbm {
 public:
  /// Creates the parameters and compiles training and generation. Throws ShapeError for options
  /// that make no model.
  explicit RnnRbm(const RnnRbmOptions& options = {});

  /// Trains on each chunk of `batch_size` frames once an epoch, in an order that seed and epoch
  /// decide. Returns the last finished epoch's report. Throws ShapeError for a sequence that is not
  /// (time, n_visible).
  EpochReport train(const std::vector<Array>& sequences, const RnnRbmTraining& how = {});
  template <class Sequences>
  EpochReport train(const Sequences& sequences, const RnnRbmTraining& how = {}) {
    return train(arrays(sequences), how);
  }
  /// The classic signature.
  template <class Sequences>
  EpochReport train(const Sequences& sequences, std::int64_t batch_size, std::int64_t num_epochs) {
    return train(arrays(sequences), {.batch_size = batch_size, .num_epochs = num_epochs});
  }
  /// One update, from frames (time, n_visible) of options.dtype; `epoch` of the report is 0.
  EpochReport train_chunk(const Array& frames);

  /// Frame RBM first: sets W, bv, bh.
  void pretrain_rbm(const std::vector<Array>& sequences, const RbmPretraining& how = {});
  /// Then the recurrence: sets Wvu, Wuu, bu, and u0 where it is learned.
  void pretrain_rnn(const std::vector<Array>& sequences, const RnnPretraining& how = {});

  /// A new sequence (n_steps, n_visible), another one at each call.
  Array generate(std::int64_t n_steps, const GenerateOptions& how = {});
  /// The number of frames that last so long.
  std::int64_t steps_of(double seconds) const;

  /// Gives the parameters their running averages' values, for good. Throws GraphError when there
  /// are none.
  void use_averages();
  /// The biases of each frame's RBM along a sequence.
  struct Biases {
    Array bv;  ///< (time, n_visible)
    Array bh;  ///< (time, n_hidden)
  };
  Biases biases(const Array& frames);

  /// What `train_chunk` calls, to look at its graph or profile it.
  Function& train_function() { return train_; }

  std::int64_t n_visible() const { return options.pitch_range.high - options.pitch_range.low; }

  const RnnRbmOptions options;
  RandomStream rng;
  const RnnRbmParameters parameters;
  std::vector<SharedVar> params;    ///< W, bv, bh, Wuh, Wuv, Wvu, Wuu, bu, and u0 where learned
  std::vector<SharedVar> averages;  ///< of `params`, where asked for
  Updates updates;                  ///< of one training step: all that a checkpoint must hold

 private:
  template <class Sequences>
  static std::vector<Array> arrays(const Sequences& sequences) {
    std::vector<Array> result;
    for (const auto& sequence : sequences) result.push_back(to_array(sequence));
    return result;
  }
  Var state_before(const Var& v, const Var& u_t) const;
  Var partly_hidden(const Var& u, RandomStream draws) const;
  void add_updates(const RbmGraph& rbm);

  Var u0_;
  Function train_, listen_, generate_;
};

/// The parts of sequences (time, n) that have at most `frames` frames each, in `dtype`. Throws
/// ShapeError for a sequence of another width.
std::vector<Array> cut_sequences(const std::vector<Array>& sequences, std::int64_t frames,
                                 std::int64_t width, DType dtype);
/// All sequences, one after the other: (frames, width).
Array join_sequences(const std::vector<Array>& sequences, std::int64_t width, DType dtype);
/// 0 .. n - 1 in an order that seed and epoch decide.
std::vector<std::size_t> epoch_order(std::size_t n, std::uint64_t seed, std::int64_t epoch);

}  // namespace damo::models
