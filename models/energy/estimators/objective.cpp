#include <damo/graph/errors/error.hpp>
#include <damo/models/energy/estimators/objective_parts.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/common/shared_rules.hpp>
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
      total = add_or_either(total, own);
    }
    return total;
  };
}

Objective exact_likelihood(const EnergyModel& model, const VarsOf& data) {
  const Vars x = visible_states(model, data);
  const Var cost = model.log_z() - mean(log_weight(model, x));
  return {cost, {}, cost, {}};
}

}  // namespace damo::energy
