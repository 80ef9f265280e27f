#include <numeric>

#include <damo/models/energy/evaluation/variational.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo::energy {
namespace {

/// The sum over all but rows.
Var over_sites(const Var& v) {
  std::vector<int> axes(v.ndim() - 1);
  std::iota(axes.begin(), axes.end(), 1);
  return sum(v, axes);
}

}  // namespace

Var variational_free_energy(const EnergyModel& model, const VarsOf& visible,
                            const VariationalOptions& o) {
  require_mean_energy(model.hidden(), "variational_free_energy");
  Vars states = model.mean_field(
      {.clamped = model.visible(), .steps = o.steps, .damping = o.damping}, visible);
  for (Var& s : states) s = consider_constant(s);
  // One more sweep, whose distributions are known by their parameters: the entropy of each is
  // log_normaliser - parameter . mean, less what its base measure adds.
  Var entropy = zeros_like(model.energy(states));
  for (std::size_t i = model.visible().size(); i < states.size(); ++i) {
    const Conditional q = model.conditional(model.units()[i], states);
    states[i] = consider_constant(q.mean());
    entropy = entropy + q.log_normaliser() - over_sites(q.parameters()[0] * states[i]);
  }
  return model.expected_energy(states) - consider_constant(entropy);
}

}  // namespace damo::energy
