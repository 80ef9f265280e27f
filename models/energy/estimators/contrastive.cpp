#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/energy/estimators/objective_parts.hpp>
#include <damo/models/energy/evaluation/diagnostics.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>

// Estimators with chains.
namespace damo::energy {
namespace {

Var difference(const EnergyModel& model, const Vars& data, const Vars& end) {
  return mean(model.free_energy(data)) - mean(model.free_energy(end));
}

}  // namespace

Objective contrastive_divergence(const EnergyModel& model, const VarsOf& data, const CdOptions& o) {
  const RandomStream rng = required(o.rng, "contrastive_divergence");
  const Vars x = visible_states(model, data);
  static_cast<void>(model.free_energy());  // where there is none, that is what to say
  const GibbsChain chain = model.gibbs(x, {.k = o.k, .rng = rng});
  const Vars held = as_constants(visible_part(model, chain.state));
  return {difference(model, x, held), held, reconstruction(model, x), chain.updates};
}

Objective persistent_cd(const EnergyModel& model, const VarsOf& data, const PcdOptions& o) {
  const RandomStream rng = required(o.rng, "persistent_cd");
  const Vars x = visible_states(model, data);
  const PersistentChains chains(model, o.chains, rng);
  GibbsChain chain = model.gibbs(chains.start(), {.k = o.k, .rng = rng});
  const Vars held = as_constants(visible_part(model, chain.state));
  chain.updates += chains.moved_to(chain.state);
  return {difference(model, x, held), held, reconstruction(model, x), chain.updates};
}

Objective fast_persistent_cd(const EnergyModel& model, const VarsOf& data, const PcdOptions& o) {
  const RandomStream rng = required(o.rng, "fast_persistent_cd");
  const Vars x = visible_states(model, data);
  const PersistentChains chains(model, o.chains, rng);
  const GibbsChain slow = model.gibbs(chains.start(), {.k = o.k, .rng = rng});
  // The same chain in the faster model.
  std::vector<std::pair<Var, Var>> with;
  std::vector<SharedVar> fast;
  for (const SharedVar& p : model.params()) {
    fast.push_back(shared(Array(p.dtype(), p.value().shape()), "fast " + p.name()));
    with.emplace_back(p, p + fast.back());
  }
  Vars all = slow.state;
  for (const auto& [stream, next] : slow.updates) all.push_back(next);
  const Vars moved = clone(all, with);
  const Vars end(moved.begin(), moved.begin() + static_cast<std::ptrdiff_t>(slow.state.size()));
  Objective objective;
  std::size_t next = end.size();
  for (const auto& [stream, old] : slow.updates) objective.updates[stream] = moved[next++];
  objective.held = as_constants(visible_part(model, end));
  objective.cost = difference(model, x, objective.held);
  objective.monitor = reconstruction(model, x);
  objective.updates += chains.moved_to(end);
  const Vars gradients = objective.gradients(model.params());
  for (std::size_t i = 0; i < fast.size(); ++i)
    objective.updates[fast[i]] = o.fast_decay * fast[i] - o.fast_lr * gradients[i];
  return objective;
}

Objective tempered_cd(const EnergyModel& model, const VarsOf& data, const TemperedCdOptions& o) {
  const RandomStream rng = required(o.rng, "tempered_cd");
  const Vars x = visible_states(model, data);
  std::vector<double> betas = o.betas;
  if (betas.empty()) {
    for (std::int64_t t = 0; t < o.temperatures; ++t)
      betas.push_back(1 - static_cast<double>(t) / static_cast<double>(o.temperatures - 1));
  }
  const auto levels = static_cast<std::int64_t>(betas.size());
  Vars start;
  for (const Var& s : model.random_state(levels * o.chains, rng))
    start.emplace_back(shared(evaluate(s), "tempered chains"));
  const ParallelTempering chains =
      parallel_tempering(model, start, {.k = o.k, .rng = rng, .betas = betas});
  Updates updates = chains.updates;
  Vars cold;
  for (std::size_t i = 0; i < start.size(); ++i) {
    updates[start[i]] = chains.state[i];
    cold.push_back(chains.state[i](range(0, o.chains)));
  }
  const Vars held = as_constants(visible_part(model, cold));
  return {difference(model, x, held), held, min(chains.swap_rates), updates};
}

Objective mean_field_pcd(const EnergyModel& model, const VarsOf& data,
                         const MeanFieldPcdOptions& o) {
  const RandomStream rng = required(o.rng, "mean_field_pcd");
  require_mean_energy(model.hidden(), "mean_field_pcd");
  const Vars x = visible_states(model, data);
  const Vars means = as_constants(
      model.mean_field({.clamped = model.visible(), .steps = o.steps, .damping = o.damping}, x));
  const PersistentChains chains(model, o.chains, rng);
  GibbsChain chain = model.gibbs(chains.start(), {.k = o.k, .rng = rng});
  chain.updates += chains.moved_to(chain.state);
  const Vars ends = as_constants(chain.state);
  Vars held(means.begin() + static_cast<std::ptrdiff_t>(x.size()), means.end());
  held.insert(held.end(), ends.begin(), ends.end());
  const Var up = mean(model.expected_energy(means));
  return {up - mean(model.expected_energy(ends)), held, up, chain.updates};
}

}  // namespace damo::energy
