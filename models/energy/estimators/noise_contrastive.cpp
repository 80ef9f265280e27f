#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/models/energy/estimators/objective_parts.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo::energy {

Objective noise_contrastive(const EnergyModel& model, const VarsOf& data, const Noise& noise,
                            const NoiseContrastiveOptions& o) {
  const Vars x = visible_states(model, data);
  const RandomStream rng = o.rng ? *o.rng : RandomStream(1);
  const Vars drawn = noise.sample(x.front().shape(0) * o.ratio, rng);
  const double log_ratio = std::log(static_cast<double>(o.ratio));
  const auto log_odds = [&](const Vars& states) {
    const Var g = log_weight(model, states) - noise.log_prob(states) - log_ratio;
    return o.log_z.defined() ? g - o.log_z : g;
  };
  const Var real = log_odds(x), fake = log_odds(drawn);
  const Var cost =
      -mean(log(sigmoid(real))) - static_cast<double>(o.ratio) * mean(log(sigmoid(-fake)));
  const DType t = cost.dtype();
  const Var right =
      (sum(cast(real > 0, t)) + sum(cast(fake <= 0, t))) / cast(real.shape(0) + fake.shape(0), t);
  return {cost, as_constants(drawn), right, {}};
}

}  // namespace damo::energy
