#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/models/annealed_importance.hpp>
#include <damo/models/frame_scores.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo::models {
namespace {

constexpr double clearly = 0.1;  // nats above 0: more than noise makes of a frame that is certain

/// Sums over the frames of a batch. Inputs: frames, their RBMs' biases.
Function scoring_function(const RnnRbm& model, const Array& base_bias, const FrameScoring& how) {
  const DType dtype = model.options.dtype;
  const Var v = matrix("v", dtype);
  const Var bv = matrix("bv", dtype);
  const Var bh = matrix("bh", dtype);
  const Var& W = model.parameters.W;
  const Var betas = cast(arange(how.betas + 1), dtype) / static_cast<double>(how.betas);
  const AisGraph ais = build_ais(W, bv, bh, constant(base_bias.cast(dtype), "base_bias"), betas,
                                 how.runs, RandomStream(how.seed));

  const Var minus_free_energy =
      cast(sum(v * bv, 1), float64) + cast(sum(log(1 + exp(dot(v, W) + bh)), 1), float64);
  const Var log_likelihood = minus_free_energy - ais.log_z;

  // (runs, n): the expectation over runs is their weighted sum.
  const auto expected = [weight = softmax(ais.log_weights, 0)](const Var& x) {
    return sum(weight * x, 0);
  };
  const Var right = cast(sum(ais.v_sample * v, 2), float64);
  const Var drawn = cast(sum(ais.v_sample, 2), float64);
  const Var real = cast(sum(v, 1), float64);
  const Var larger = maximum(drawn, real);
  const Var share = where(larger > 0, right / maximum(larger, 1), 1.0);
  return function({v, bv, bh},
                  {sum(log_likelihood), sum(sqr(ais.standard_error)), sum(ais.effective_runs),
                   min(ais.effective_runs), sum(expected(share)), sum(expected(right)),
                   sum(expected(drawn)), sum(real), sum(cast(log_likelihood > clearly, int64))},
                  {.name = "score_frames"});
}

}  // namespace

FrameScores score_frames(RnnRbm& model, const std::vector<Array>& sequences, const Array& base_bias,
                         const FrameScoring& how) {
  if (how.runs < 1 || how.betas < 1 || how.batch < 1) {
    throw ShapeError(
        fmt::format("score_frames: {} runs, {} steps, {} frames at once; each must be "
                    "positive",
                    how.runs, how.betas, how.batch));
  }
  Function score = scoring_function(model, base_bias, how);
  const DType dtype = model.options.dtype;
  double log_likelihood = 0, variance = 0, effective = 0, share = 0, right = 0, drawn = 0, real = 0;
  double least = std::numeric_limits<double>::infinity();
  FrameScores scores;
  for (const Array& sequence : sequences) {
    const RnnRbm::Biases biases = model.biases(sequence);
    const auto v = cut_sequences({sequence}, how.batch, model.n_visible(), dtype);
    const auto bv = cut_sequences({biases.bv}, how.batch, model.n_visible(), dtype);
    const auto bh = cut_sequences({biases.bh}, how.batch, model.options.n_hidden, dtype);
    for (std::size_t i = 0; i < v.size(); ++i) {
      const Outputs out = score(v[i], bv[i], bh[i]);
      const auto value = [&](std::size_t k) { return out.scalar<double>(k); };
      log_likelihood += value(0);
      variance += value(1);
      effective += value(2);
      least = std::min(least, value(3));
      share += value(4);
      right += value(5);
      drawn += value(6);
      real += value(7);
      scores.above_one += out.scalar<std::int64_t>(8);
      scores.frames += v[i].shape()[0];
      const auto n = static_cast<double>(scores.frames);
      scores.log_likelihood = log_likelihood / n;
      scores.standard_error = std::sqrt(variance) / n;
      scores.mean_effective_runs = effective / n;
      scores.least_effective_runs = least;
      scores.accuracy = share / n;
      scores.bay_accuracy = right / std::max(drawn + real - right, 1e-300);
      if (how.on_batch && !how.on_batch(scores)) return scores;
    }
  }
  return scores;
}

}  // namespace damo::models
