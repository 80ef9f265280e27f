#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/models/annealed_importance.hpp>
#include <damo/ops/control/debug.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>

namespace damo::models {
namespace {

const double log_2 = std::log(2.0);

/// The betas if they rise from 0 to 1: NumericError now where they are known, else of the run.
Var checked_path(const Var& betas, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  const char* what = "build_ais: betas must rise from 0 to 1";
  if (betas.ndim() == 1 && betas.type().dims[0] == 0)
    throw NumericError(
        fmt::format("{}, got none, at {}", what, to_string(SiteScope::or_else(site))));
  // The ends as float32 has them.
  const Var starts = abs(betas[0]) <= 1e-6, ends = abs(betas[-1] - 1) <= 1e-6;
  const Var rises = all(betas[from(1)] >= betas[range(-1)]);
  if (constant_value(betas) != nullptr) {
    const bool fine = evaluate(and_(and_(starts, ends), rises)).item<bool>();
    if (!fine)
      throw NumericError(fmt::format("{}, got {}, at {}", what, describe(betas),
                                     to_string(SiteScope::or_else(site))));
  }
  return Assert(what)(betas, starts, ends, rises);
}

}  // namespace

AisGraph build_ais(const Var& W, const Var& bv, const Var& bh, const Var& base_bias,
                   const Var& given_betas, const Arg& n_runs, RandomStream rng) {
  const DType dtype = W.dtype();
  const Var betas = checked_path(given_betas, n_runs.site());
  const Var runs = n_runs.var(int64);
  const Var n = bv.shape(0);
  // One row a run and RBM, the RBMs of a run together.
  const Var visible_bias = tile(bv, {runs, 1});
  const Var hidden_bias = tile(bh, {runs, 1});
  const auto draw = [&](const Var& p) { return rng.binomial({.n = 1, .p = p, .dtype = dtype}); };

  // f_b(v) = exp((1 - b) v.base + b v.bv + sum_j softplus(b a_j)) at b = beta, over that at
  // `before`.
  const auto log_ratio = [&](const Var& v, const Var& a, const Var& beta, const Var& before) {
    const Var visible = (beta - before) * sum(v * (visible_bias - base_bias), 1);
    const Var hidden = sum(log(1 + exp(beta * a)) - log(1 + exp(before * a)), 1);
    return cast(visible, float64) + cast(hidden, float64);
  };
  const auto step = [&](const Var& before, const Var& beta, const Var& v, const Var& log_w) {
    const Var a = dot(v, W) + hidden_bias;
    const Var h = draw(sigmoid(beta * a));
    const Var to_v = beta * (dot(h, W.T()) + visible_bias) + (1 - beta) * base_bias;
    return Vars{draw(sigmoid(to_v)), log_w + log_ratio(v, a, beta, before)};
  };
  const Var v0 = draw(sigmoid(zeros_like(visible_bias) + base_bias));
  const Var log_w0 = zeros({runs * n}, float64);
  const auto [path, updates] = scan(
      step, {.sequences = {seq(betas, {0, 1})}, .outputs_info = {v0, log_w0}, .name = "annealing"});

  AisGraph ais;
  ais.updates = updates;
  ais.v_sample = reshape(path[0][-1], {runs, n, W.shape(0)});
  ais.log_weights = reshape(path[1][-1], {runs, n});
  const Var log_sum = logsumexp(ais.log_weights, 0);
  const Var log_sum_of_squares = logsumexp(2 * ais.log_weights, 0);
  const Var runs64 = cast(runs, float64);
  const Var log_z0 =
      sum(log(1 + exp(cast(base_bias, float64)))) + cast(W.shape(1), float64) * log_2;
  ais.log_z = log_z0 + log_sum - log(runs64);
  ais.effective_runs = exp(2 * log_sum - log_sum_of_squares);
  // Of a mean of weights, relative to it: the error of its logarithm.
  ais.standard_error = sqrt(maximum(1 / ais.effective_runs - 1 / runs64, 0));
  return ais;
}

Var log_odds(const Var& frames) {
  const Var on = sum(cast(frames, float64), 0) + 1;
  const Var off = cast(frames.shape(0), float64) + 2 - on;
  return cast(log(on / off), frames.dtype());
}

}  // namespace damo::models
