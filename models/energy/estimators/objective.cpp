#include <damo/graph/errors/error.hpp>
#include <damo/models/energy/estimators/objective_parts.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo::energy {

Vars Objective::gradients(const VarsOf& params) const { return grad(cost, params.vars()); }

Noise::Noise(const EnergyModel& independent) {
  if (independent.blocks().size() != 1)
    throw GraphError("noise_contrastive: the units of the noise must not interact");
  sample = [independent](const Var& rows, RandomStream rng) {
    Vars none;
    for (const Unit& u : independent.units()) none.push_back(zeros_of(u, rows));
    Vars drawn;
    for (const Unit& u : independent.units())
      drawn.push_back(independent.conditional(u, none).sample(rng));
    return drawn;
  };
  log_prob = [independent](const Vars& states) {
    Var total;
    for (std::size_t i = 0; i < states.size(); ++i) {
      const Var own = independent.conditional(independent.units()[i], states).log_prob(states[i]);
      total = total.defined() ? total + own : own;
    }
    return total;
  };
}

Objective exact_likelihood(const EnergyModel& model, const VarsOf& data) {
  const Vars x = visible_states(model, data);
  Var per_row = model.free_energy(x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const UnitKind& kind = model.visible()[i].kind();
    if (kind.log_base) per_row = per_row - kind.log_base(x[i]);
  }
  const Var cost = mean(per_row) + model.log_z();
  return {cost, {}, cost, {}};
}

}  // namespace damo::energy
