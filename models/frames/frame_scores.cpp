#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/models/annealed_importance.hpp>
#include <damo/models/frames/frame_scores.hpp>
#include <damo/models/frames/known_frames.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>

namespace damo::models {
namespace {

constexpr double clearly = 0.1;  // nats above 0: more than noise makes of a frame that is certain
constexpr double unsure = 0.5;

/// Of frames drawn from a model beside the real ones, (rows, 3): the share that is right, how many
/// notes are right, how many are drawn.
Var compared(const Var& drawn, const Var& real) {
  const Var right = cast(sum(drawn * real, 1), float64), notes = cast(sum(drawn, 1), float64);
  const Var larger = maximum(notes, cast(sum(real, 1), float64));
  const Var share = where(larger > 0, right / maximum(larger, 1), 1.0);
  return stack({share, right, notes}, 1);
}

/// log Z of each frame's RBM, and the means of `compared` under it.
struct Frames {
  Var log_z, standard_error, effective_runs, far, expected;
};

Frames by_annealing(const Var& W, const Var& v, const Var& bv, const Var& bh, const Var& base,
                    const Var& betas, const FrameScoring& how) {
  const AisGraph ais = build_ais(W, bv, bh, base, betas, how.runs, RandomStream(how.seed));
  const Var n = v.shape(0);
  const Var drawn = reshape(ais.v_sample, {how.runs * n, v.shape(1)});
  const Var at_ends = reshape(compared(drawn, tile(v, {how.runs, 1})), {how.runs, n, 3});
  // The expectation over runs is their weighted sum.
  const Var weight = dimshuffle(softmax(ais.log_weights, 0), {0, 1, newaxis});
  return {ais.log_z, ais.standard_error, ais.effective_runs, ones_like(ais.log_z),
          sum(weight * at_ends, 0)};
}

Frames by_known(const Var& W, const Var& v, const Var& bv, const Var& bh, const Var& base,
                const Var& betas, const FrameScoring& how) {
  const KnownLogZ z =
      build_known_log_z({.known = *how.known, .W = W, .bv = bv, .bh = bh, .own = v},
                        {.base_bias = base, .betas = betas, .runs = how.runs, .features = compared},
                        RandomStream(how.seed));
  return {z.log_z, z.standard_error, z.effective_runs, z.far, z.expected};
}

/// Sums over the frames of a batch. Inputs: frames, their RBMs' biases.
Function scoring_function(const RnnRbm& model, const Array& base_bias, const FrameScoring& how) {
  const DType dtype = model.options.dtype;
  const Var v = matrix("v", dtype);
  const Var bv = matrix("bv", dtype);
  const Var bh = matrix("bh", dtype);
  const Var& W = model.parameters.W;
  const Var betas = cast(arange(how.betas + 1), dtype) / static_cast<double>(how.betas);
  const Var base = constant(base_bias.cast(dtype), "base_bias");
  const Frames of = how.known ? by_known(W, v, bv, bh, base, betas, how)
                              : by_annealing(W, v, bv, bh, base, betas, how);
  const Var minus_free_energy =
      cast(sum(v * bv, 1), float64) + cast(sum(log(1 + exp(dot(v, W) + bh)), 1), float64);
  const Var log_likelihood = minus_free_energy - of.log_z;
  const Var means = sum(of.expected, 0);
  const auto count = [](const Var& which) { return sum(cast(which, int64)); };
  return function(
      {v, bv, bh},
      {sum(log_likelihood), sum(sqr(of.standard_error)), sum(of.effective_runs),
       min(of.effective_runs), means[0], means[1], means[2], sum(cast(sum(v, 1), float64)),
       sum(of.far), count(log_likelihood > clearly), count(of.standard_error > unsure)},
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
  if (how.known && (how.known->rank() != 2 || how.known->shape()[0] < 1 ||
                    how.known->shape()[1] != model.n_visible())) {
    throw ShapeError(fmt::format("score_frames: known frames of shape {}; (any, {}) expected",
                                 to_string(how.known->shape()), model.n_visible()));
  }
  Function score = scoring_function(model, base_bias, how);
  const DType dtype = model.options.dtype;
  double log_likelihood = 0, variance = 0, effective = 0, share = 0, right = 0, drawn = 0, real = 0,
         far = 0;
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
      far += value(8);
      scores.above_one += out.scalar<std::int64_t>(9);
      scores.unsure += out.scalar<std::int64_t>(10);
      scores.frames += v[i].shape()[0];
      const auto n = static_cast<double>(scores.frames);
      scores.log_likelihood = log_likelihood / n;
      scores.standard_error = std::sqrt(variance) / n;
      scores.mean_effective_runs = effective / n;
      scores.least_effective_runs = least;
      scores.far = far / n;
      scores.accuracy = share / n;
      scores.bay_accuracy = right / std::max(drawn + real - right, 1e-300);
      if (how.on_batch && !how.on_batch(scores)) return scores;
    }
  }
  return scores;
}

}  // namespace damo::models
