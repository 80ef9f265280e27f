#include <damo/models/energy/estimators/objective_parts.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

// Estimators from the slope of log p in real-valued states.
namespace damo::energy {
Objective score_matching(const EnergyModel& model, const VarsOf& data) {
  const Slopes slopes(model, "score_matching");
  const Vars x = visible_states(model, data);
  Var cost;
  for (std::size_t u = 0; u < x.size(); ++u) {
    const Unit& unit = model.visible()[u];
    const auto curvature = [&](const Var& site) {
      const Var direction = zeros_like(Var(unit)) + dimshuffle(site, {newaxis, 0});
      return slopes.there(sum(Rop(slopes.slope[u], unit, direction) * direction, 1), x);
    };
    const Var curvatures =
        map(curvature, {eye(unit.n(), unit.dtype())}, {.name = "curvatures"}).outputs[0];
    const Var own = sum(sqr(slopes.there(slopes.slope[u], x)), 1) / 2 - sum(curvatures, 0);
    cost = add_or_either(cost, mean(own));
  }
  return {cost, {}, cost, {}};
}

Objective denoising_score_matching(const EnergyModel& model, const VarsOf& data,
                                   const DenoisingOptions& o) {
  RandomStream rng = required(o.rng, "denoising_score_matching");
  const Slopes slopes(model, "denoising_score_matching");
  const Vars x = visible_states(model, data);
  Vars noise, noisy;
  for (const Var& v : x) {
    noise.push_back(rng.normal(Sizes(shape(v)), 0.0, 1.0, v.dtype()));
    noisy.push_back(v + o.sigma * noise.back());
  }
  Var cost;
  for (std::size_t u = 0; u < x.size(); ++u) {
    // The slope of log p is -dF/dx; that of the noise is -noise / sigma.
    const Var own = sum(sqr(slopes.there(slopes.slope[u], noisy) - noise[u] / o.sigma), 1) / 2;
    cost = add_or_either(cost, mean(own));
  }
  return {cost, {}, cost, {}};
}

Objective sliced_score_matching(const EnergyModel& model, const VarsOf& data,
                                const SlicedOptions& o) {
  RandomStream rng = required(o.rng, "sliced_score_matching");
  const Slopes slopes(model, "sliced_score_matching");
  const Vars x = visible_states(model, data);
  Var cost;
  for (std::int64_t p = 0; p < o.projections; ++p) {
    Vars directions;
    for (const Var& v : x) directions.push_back(rng.normal(Sizes(shape(v)), 0.0, 1.0, v.dtype()));
    Vars along;
    for (const Unit& unit : model.visible()) along.push_back(input(unit.type(), "direction"));
    const Vars bent = Rop(slopes.slope, slopes.at, along);
    std::vector<std::pair<Var, Var>> with;
    for (std::size_t u = 0; u < x.size(); ++u) with.emplace_back(along[u], directions[u]);
    for (std::size_t u = 0; u < x.size(); ++u) {
      const Var curvature = slopes.there(clone(bent[u], with), x) * directions[u];
      const Var own = sum(sqr(slopes.there(slopes.slope[u], x)) / 2 - curvature, 1);
      cost = add_or_either(cost, mean(own) / static_cast<double>(o.projections));
    }
  }
  return {cost, {}, cost, {}};
}

}  // namespace damo::energy
