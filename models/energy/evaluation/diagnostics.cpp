#include <damo/graph/errors/error.hpp>
#include <damo/models/energy/estimators/objective_parts.hpp>
#include <damo/models/energy/evaluation/diagnostics.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo::energy {

Var autocorrelation(const Var& trajectory, std::int64_t lags) {
  if (trajectory.ndim() != 2) throw ShapeError("autocorrelation: a trajectory is (steps, chains)");
  const Var centred = trajectory - mean(trajectory, 0, {.keepdims = true});
  const Var steps = trajectory.shape(0);
  const auto at_lag = [&](const Var& lag) {
    return sum(centred(range(0, steps - lag)) * centred(range(lag, steps)), 0) /
           cast(steps, trajectory.dtype());
  };
  const Var covariance = map(at_lag, {arange(lags + 1)}, {.name = "lags"}).outputs[0];
  return mean(covariance, 1) / mean(covariance[0]);
}

Var autocorrelation_time(const Var& trajectory, std::int64_t lags) {
  const Var rho = autocorrelation(trajectory, lags);
  // Sums of lags 2m and 2m + 1, which are positive for a reversible chain, up to the first that is
  // not.
  const std::int64_t pairs = (lags + 1) / 2;
  const Var pair = sum(reshape(rho(range(0, 2 * pairs)), {pairs, 2}), 1);
  const Var stopped = cumsum(cast(pair <= 0, int64), 0) > 0;
  return 2 * sum(where(stopped, 0.0, pair)) - 1;
}

Var effective_sample_size(const Var& trajectory, std::int64_t lags) {
  return cast(trajectory.shape(0) * trajectory.shape(1), trajectory.dtype()) /
         autocorrelation_time(trajectory, lags);
}

Var r_hat(const Var& trajectory) {
  const Var n = cast(trajectory.shape(0), trajectory.dtype());
  const Var within = mean(var(trajectory, 0, {.ddof = 1}));
  const Var between = var(mean(trajectory, 0), {.ddof = 1});
  return sqrt(((n - 1) / n * within + between) / within);
}

namespace {

// Which row each takes after exchanges between rows of neighbouring betas.
struct Exchange {
  Var rows;      // (levels * chains,)
  Var accepted;  // (levels, chains): whether a level took its upper neighbour's state
};

class Exchanges {
 public:
  Exchanges(const std::vector<double>& betas, DType dtype) : levels_(betas.size()) {
    betas_ = constant(Array::from(betas).cast(dtype));
  }
  // Pairs (0, 1), (2, 3), ... for parity 0, (1, 2), ... for parity 1. `slope`: dE/dbeta, (levels *
  // chains,).
  Exchange operator()(const Var& slope, std::size_t parity, RandomStream& rng) const {
    const auto levels = static_cast<std::int64_t>(levels_);
    const Var energy = reshape(slope, {levels, -1});
    const Var chains = energy.shape(1);
    std::vector<std::int64_t> partner, lower;
    for (std::size_t t = 0; t < levels_; ++t) {
      const bool opens = t % 2 == parity, has_upper = t + 1 < levels_;
      const std::size_t other = opens ? (has_upper ? t + 1 : t) : (t > 0 ? t - 1 : t);
      partner.push_back(static_cast<std::int64_t>(other));
      lower.push_back(static_cast<std::int64_t>(std::min(t, other)));
    }
    const Var other = constant(Array::from(partner));
    const Var gain = dimshuffle(betas_ - take(betas_, other, 0), {0, newaxis}) *
                     (energy - take(energy, other, 0));
    const Var u = rng.uniform({levels, chains}, 0.0, 1.0, slope.dtype());
    const Var accepted = log(take(u, constant(Array::from(lower)), 0)) < gain;
    const Var level = dimshuffle(arange(levels), {0, newaxis});
    const Var from = where(accepted, dimshuffle(other, {0, newaxis}), level);
    const Var moved = neq(dimshuffle(other, {0, newaxis}), level);
    return {ravel(from * chains + dimshuffle(arange(chains), {newaxis, 0})), and_(accepted, moved)};
  }
  // The betas of rows.
  Var of_rows(const Var& rows) const {
    const Var chains = floor_div(rows, static_cast<std::int64_t>(levels_));
    return ravel(broadcast_to(dimshuffle(betas_, {0, newaxis}),
                              {static_cast<std::int64_t>(levels_), chains}));
  }

 private:
  std::size_t levels_;
  Var betas_;
};

}  // namespace

ParallelTempering parallel_tempering(const EnergyModel& model, const Vars& start,
                                     const ParallelTemperingOptions& o) {
  RandomStream rng = required(o.rng, "parallel_tempering");
  if (o.betas.size() < 2) throw GraphError("parallel_tempering: at least two betas are needed");
  const DType dtype = model.energy().dtype();
  const Exchanges exchanges(o.betas, dtype);
  const auto levels = static_cast<std::int64_t>(o.betas.size());
  const EnergyModel hot = model.tempered(exchanges.of_rows(start.front().shape(0)));
  const Var base = model.base_energy();
  const bool one_sweep = o.k.is_literal() && o.k.integer() == 1;

  const auto round = [&](const Vars& before) {
    Vars state =
        one_sweep ? hot.sweep(before, rng) : hot.gibbs(before, {.k = o.k, .rng = rng}).state;
    Vars accepted;
    for (const std::size_t parity : {0, 1}) {
      Var slope = model.energy(state);
      if (base.defined()) slope = slope - model.at_states(base, state);
      const Exchange exchange = exchanges(slope, parity, rng);
      for (Var& s : state) s = take(s, exchange.rows, 0);
      accepted.push_back(mean(cast(exchange.accepted, dtype), 1));
    }
    const Var even = eq(arange(levels) % 2, 0);
    Vars outputs = state;
    outputs.push_back(where(even, accepted[0], accepted[1])(range(0, levels - 1)));
    return outputs;
  };
  Vars first;
  for (std::size_t i = 0; i < start.size(); ++i)
    first.push_back(as_state(model.units()[i], start[i]));
  std::vector<OutputInfo> info(first.begin(), first.end());
  info.emplace_back(none);
  const auto [outputs, updates] =
      scan(round, {.outputs_info = info, .n_steps = o.rounds, .name = "parallel_tempering"});
  ParallelTempering result;
  for (std::size_t i = 0; i < start.size(); ++i) result.state.push_back(outputs[i][-1]);
  result.swap_rates = mean(outputs.back(), 0);
  result.updates = updates;
  return result;
}

}  // namespace damo::energy
