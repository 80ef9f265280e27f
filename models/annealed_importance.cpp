#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/models/annealed_importance.hpp>
#include <damo/models/binary_rbm.hpp>
#include <damo/models/energy/evaluation/annealing.hpp>
#include <damo/models/energy/units/kinds.hpp>
#include <damo/ops/control/debug.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>

namespace damo::models {
namespace {

using energy::Conditional, energy::Unit;

/// An RBM of any size, each state with biases of its own, and the base rates to start from.
struct OpenRbm {
  explicit OpenRbm(DType dtype)
      : W(matrix("W", dtype)),
        bv(matrix("bv", dtype)),
        bh(matrix("bh", dtype)),
        base_bias(vector("base_bias", dtype)),
        v(energy::bernoulli_kind(), "v", W.shape(0), dtype),
        h(energy::bernoulli_kind(), "h", W.shape(1), dtype) {}
  energy::EnergyModel model() const {
    return {BinaryRbm::energy(v, h, W, bv, bh), {.visible = {v}, .hidden = {h}}};
  }
  Var W, bv, bh, base_bias;
  Unit v, h;
};

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
  const Var betas = checked_path(given_betas, n_runs.site());
  const Var runs = n_runs.var(int64);
  const Var n = bv.shape(0);
  const OpenRbm open(W.dtype());
  const Conditional first(open.v, {.natural = {zeros_like(open.bv) + open.base_bias}});
  const energy::Annealing path =
      energy::anneal(open.model(), {first.sample(rng), Var()}, cast(betas, W.dtype()), rng,
                     -dot(open.v, open.base_bias));
  // One row a run and RBM, the RBMs of a run together.
  const std::vector<std::pair<Var, Var>> at{{open.W, W},
                                            {open.bv, tile(bv, {runs, 1})},
                                            {open.bh, tile(bh, {runs, 1})},
                                            {open.base_bias, base_bias}};
  AisGraph ais;
  for (const auto& [stream, next] : path.updates) ais.updates[stream] = clone(next, at);
  ais.v_sample = reshape(clone(path.state[0], at), {runs, n, W.shape(0)});
  ais.log_weights = reshape(clone(path.log_weights, at), {runs, n});
  const Var log_sum = logsumexp(ais.log_weights, 0);
  const Var log_sum_of_squares = logsumexp(2 * ais.log_weights, 0);
  const Var runs64 = cast(runs, float64);
  const energy::UnitKind& kind = open.v.kind();
  ais.log_base_z = sum(kind.log_normaliser({cast(base_bias, float64)})) +
                   sum(kind.log_normaliser({zeros({W.shape(1)}, float64)}));
  ais.log_z = ais.log_base_z + log_sum - log(runs64);
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
