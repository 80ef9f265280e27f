#pragma once
#include <functional>
#include <optional>
#include <vector>

#include <damo/models/rnn_rbm.hpp>

namespace damo::models {

/// How well a model predicts each frame of sequences from the frames before it.
struct FrameScores {
  std::int64_t frames = 0;
  double log_likelihood = 0;       ///< mean over frames, in nats
  double standard_error = 0;       ///< of that mean, from the runs of AIS
  double mean_effective_runs = 0;  ///< of AIS
  double least_effective_runs = 0;
  double far = 0;  ///< with known frames: the share of Z that AIS alone found, mean over frames
  double accuracy = 0;  ///< of a drawn frame against the real one: mean over frames of the notes
                        ///< right, divided by the larger of the two numbers of notes (1 where both
                        ///< are silent)
  double bay_accuracy = 0;  ///< Bay, Ehmann and Downie 2009, pooled over frames: right / (right +
                            ///< wrong + missing)
  std::int64_t above_one = 0;  ///< frames whose probability came out above 1: AIS has missed where
                               ///< the model has its mass, log Z is too low, the rest too good;
                               ///< with known frames none can
  std::int64_t unsure = 0;     ///< frames whose log Z has a standard error above half a nat
};

struct FrameScoring {
  std::int64_t runs = 100;   ///< of AIS, for each frame; also the draws that accuracies average
  std::int64_t betas = 200;  ///< steps of each, evenly spaced
  std::int64_t batch = 20;   ///< frames at once
  std::uint64_t seed = 1;
  /// Frames that the model is expected to favour, as `distinct_frames` of the training data has
  /// them: their mass is summed, and AIS need not find it again (see KnownLogZ). What sharp modes
  /// hold is in log Z only so. Accuracies then are of as many chains as runs.
  std::optional<Array> known{};
  /// After each batch, with the number of frames done; false ends the scoring.
  std::function<bool(const FrameScores& so_far)> on_batch{};
};

/// Scores an RNN-RBM: the log-likelihood of a frame is -F(v) - log Z of the RBM that the frames
/// before it define, with each log Z by AIS from `base_bias` (see build_ais), the first frame
/// included. Accuracies are of AIS's last states, weighted as AIS weights them. Throws ShapeError
/// for known frames of another width, or none.
FrameScores score_frames(RnnRbm& model, const std::vector<Array>& sequences, const Array& base_bias,
                         const FrameScoring& how = {});

}  // namespace damo::models
