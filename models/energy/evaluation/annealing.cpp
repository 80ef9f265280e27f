#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/models/energy/evaluation/annealing.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>

namespace damo::energy {
namespace {

// Units that are summed out of the weights: those drawn first, which depend on the others alone.
Units summed_out(const EnergyModel& model) {
  const std::vector<Block> blocks = model.blocks();
  if (blocks.size() < 2 || blocks.front().color >= 0) return {};
  return blocks.front().units;
}

EnergyModel at_beta(const EnergyModel& model, const Var& beta, const Var& base) {
  return base.defined() ? model.tempered(beta, base) : model.tempered(beta);
}

Vars zero_states(const EnergyModel& model, const Var& rows) {
  Vars states;
  for (const Unit& u : model.units()) states.push_back(zeros_of(u, rows));
  return states;
}

struct Weights {
  double log_mean, standard_error, effective;
};
Weights weigh(const Array& log_weights) {
  const auto w = log_weights.values<double>();
  for (std::size_t i = 0; i < w.size(); ++i) {
    if (std::isfinite(w[i])) continue;
    throw NumericError(fmt::format(
        "estimate_log_z: the log-weight of chain {} is {}: a parameter of the model is not finite, "
        "or its energy is too large to be computed",
        i, w[i]));
  }
  const double top = *std::max_element(w.begin(), w.end());
  double sum = 0, squares = 0;
  for (const double x : w) {
    sum += std::exp(x - top);
    squares += std::exp(2 * (x - top));
  }
  const auto n = static_cast<double>(w.size());
  const double effective = sum * sum / squares;
  // Of a mean of weights, relative to it: the error of its logarithm.
  return {std::log(sum / n) + top, std::sqrt(std::max(1 / effective - 1 / n, 0.0)), effective};
}

Array even_betas(std::int64_t steps, bool back) {
  std::vector<double> betas;
  for (std::int64_t t = 0; t <= steps; ++t) {
    const double b = static_cast<double>(t) / static_cast<double>(steps);
    betas.push_back(back ? 1 - b : b);
  }
  return Array::from(betas);
}

}  // namespace

Annealing anneal(const EnergyModel& model, const Vars& start, const Var& betas, RandomStream rng,
                 const Var& base) {
  const Units gone = summed_out(model);
  const Units kept = model.carried();
  // One state at least is carried: its rows are the chains.
  const bool none_kept = kept.empty() && gone.size() == model.units().size();
  const auto is_kept = [&](const Unit& u) {
    return contains(kept, u) || !contains(gone, u) || (none_kept && same(u, model.units().front()));
  };
  const auto step = [&](const Vars& in) {
    Vars state;
    std::size_t next = 2;
    for (const Unit& u : model.units()) state.push_back(is_kept(u) ? in[next++] : Var());
    const Var gain = model.tempering_gain(in[0], in[1], base, gone, state);
    const Vars moved = at_beta(model, in[1], base).sweep(state, rng);
    Vars out;
    for (std::size_t i = 0; i < moved.size(); ++i) {
      if (is_kept(model.units()[i])) out.push_back(moved[i]);
    }
    for (std::size_t i = 0; i < moved.size(); ++i) {
      if (!is_kept(model.units()[i])) out.push_back(moved[i]);
    }
    out.push_back(in[next] + cast(gain, float64));
    return out;
  };
  std::vector<OutputInfo> info;
  for (std::size_t i = 0; i < start.size(); ++i) {
    if (is_kept(model.units()[i])) info.emplace_back(as_state(model.units()[i], start[i]));
  }
  const std::size_t n_kept = info.size();
  for (std::size_t i = n_kept; i < start.size(); ++i) info.emplace_back(none);
  info.emplace_back(zeros({start.front().shape(0)}, float64));
  const auto [outputs, updates] =
      scan(step, {.sequences = {seq(betas, {0, 1})}, .outputs_info = info, .name = "annealing"});
  Annealing result;
  std::size_t k = 0, g = n_kept;
  for (const Unit& u : model.units()) result.state.push_back(outputs[is_kept(u) ? k++ : g++][-1]);
  result.log_weights = outputs.back()[-1];
  result.updates = updates;
  return result;
}

std::string LogZ::text() const {
  const std::string found = fmt::format("log Z {:.3f} in [{:.3f}, {:.3f}]", value, lower, upper);
  if (converged) return found;
  if (lower > upper) return found + ", not converged: the bounds contradict each other";
  return fmt::format(
      "{}, not converged: the bracket is {:.2f} nats wide, with {:.0f} effective chains", found,
      upper - lower, effective_chains);
}

LogZ estimate_log_z(const EnergyModel& model, const AnnealingOptions& o) {
  if (o.chains < 1 || o.steps < 1)
    throw ShapeError(
        fmt::format("estimate_log_z: at least 1 chain and 1 temperature are needed, not {} and {}",
                    o.chains, o.steps));
  RandomStream rng = o.rng ? *o.rng : RandomStream(1);
  const DType dtype = model.energy().dtype();
  const EnergyModel base = model.base_model(o.base);
  const Var rows = int_constant(o.chains);
  const Vars first = base.sweep(zero_states(model, rows), rng);
  const Var log_z0 = -base.marginal_energy(model.units());

  const Var betas = vector("betas", float64);
  const Annealing there = anneal(model, first, cast(betas, dtype), rng, o.base);
  Vars outputs = there.state;
  outputs.push_back(there.log_weights);
  outputs.push_back(log_z0);
  Function forward = function({betas}, outputs, {.name = "annealing"});
  const Outputs run = forward(even_betas(o.steps, false));
  const std::size_t n = model.units().size();
  const Weights up = weigh(run[n]);

  // Back from the ends of that run, drawn by weight.
  const Var weights = constant(run[n]);
  const Var chosen = rng.choice(o.chains, o.chains, true, softmax(weights));
  Vars ends;
  for (std::size_t i = 0; i < n; ++i) ends.push_back(take(constant(run[i]), chosen, 0));
  const std::int64_t settle = o.settle >= 0 ? o.settle : std::max<std::int64_t>(o.steps / 10, 1);
  const Vars settled = settle > 0 ? model.gibbs(ends, {.k = settle, .rng = rng}).state : ends;
  const Annealing back = anneal(model, settled, cast(betas, dtype), rng, o.base);
  Function backward = function({betas}, {back.log_weights}, {.name = "annealing back"});
  const Outputs back_run = backward(even_betas(o.steps, true));
  const Weights down = weigh(back_run[0]);

  LogZ z;
  const double start = run[n + 1].cast(float64).values<double>()[0];
  z.value = start + up.log_mean;
  z.standard_error = up.standard_error;
  z.effective_chains = up.effective;
  z.lower = z.value - 3 * up.standard_error;
  z.reverse = start - down.log_mean;
  z.upper = z.reverse + 3 * down.standard_error;
  const double enough = std::min(10.0, 0.5 * static_cast<double>(o.chains));
  z.converged = up.effective >= enough && down.effective >= enough && z.upper - z.lower <= 1 &&
                z.lower <= z.upper;
  return z;
}

}  // namespace damo::energy
