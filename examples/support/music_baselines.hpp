#pragma once
#include <optional>
#include <string>
#include <vector>

#include <damo/graph/values/array.hpp>

namespace damo::examples {

/// How well a model without parameters to train predicts frames. See models/frames/frame_scores.hpp
/// for what the accuracies are.
struct Baseline {
  std::string name;
  std::optional<double> log_likelihood;  ///< mean over frames, in nats
  double accuracy = 0;
  double bay_accuracy = 0;
};

/// The simple models of Boulanger-Lewandowski et al. 2012, fitted to `train`, on all frames of
/// `test` (rolls of one width): Random (each note a coin), 1-Gram (Add-p) (the frames of training
/// as often as they were there, and with probability 0.1 a random one), Note 1-Gram (each note by
/// itself), Note 1-Gram (IID) (all notes alike), and, without a likelihood, the frame before once
/// more. Accuracies are of ten draws a frame.
std::vector<Baseline> music_baselines(const std::vector<Array>& train,
                                      const std::vector<Array>& test);

}  // namespace damo::examples
