#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/models/energy/estimators/objective_parts.hpp>
#include <damo/models/energy/evaluation/langevin.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo::energy {
namespace {

// Where a step from `x` goes without noise.
Vars drift(const Slopes& slopes, const Vars& x, const Var& e) {
  Vars to;
  for (std::size_t u = 0; u < x.size(); ++u)
    to.push_back(x[u] - e / 2 * slopes.there(slopes.slope[u], x));
  return to;
}

// log of the density of a step to `x` that would go to `centre` without noise, but for what all
// steps share.
Var log_step(const Vars& x, const Vars& centre, const Var& e) {
  Var total;
  for (std::size_t u = 0; u < x.size(); ++u)
    total = add_or_either(total, -sum(sqr(x[u] - centre[u]), 1) / (2 * e));
  return total;
}

}  // namespace

Langevin langevin(const EnergyModel& model, const VarsOf& start, const LangevinOptions& o) {
  RandomStream rng = required(o.rng, "langevin");
  if (o.k.is_literal() && o.k.integer() < 1)
    throw GraphError(
        fmt::format("langevin: at least 1 step is needed, not .k = {}", o.k.integer()));
  if (o.step.is_literal() && !(o.step.real() > 0))
    throw NumericError(
        fmt::format("langevin: steps must be longer than 0, not .step = {}", o.step.real()));
  const Slopes slopes(model, "langevin");
  const Vars first = visible_states(model, start);
  const DType dtype = model.energy().dtype();
  const Var e = o.step.is_literal() ? o.step.var(dtype) : cast(o.step, dtype);

  const auto step = [&](const Vars& x) {
    const Vars centre = drift(slopes, x, e);
    Vars to;
    for (const Var& c : centre)
      to.push_back(c + sqrt(e) * rng.normal(Sizes(shape(c)), 0.0, 1.0, dtype));
    if (!o.adjusted) {
      to.push_back(ones({}, dtype));
      return to;
    }
    const Var gain = model.free_energy(x) - model.free_energy(to) +
                     log_step(x, drift(slopes, to, e), e) - log_step(to, centre, e);
    const Var accepted = log(rng.uniform(Sizes(shape(gain)), 0.0, 1.0, dtype)) < gain;
    for (std::size_t u = 0; u < x.size(); ++u)
      to[u] = where(dimshuffle(accepted, {0, newaxis}), to[u], x[u]);
    to.push_back(mean(cast(accepted, dtype)));
    return to;
  };
  std::vector<OutputInfo> info(first.begin(), first.end());
  info.emplace_back(none);
  const auto [outputs, updates] =
      scan(step, {.outputs_info = info, .n_steps = o.k, .name = "langevin"});
  Langevin result;
  for (std::size_t u = 0; u < first.size(); ++u) {
    result.path.push_back(outputs[u]);
    result.state.push_back(outputs[u][-1]);
  }
  result.acceptance = outputs.back();
  result.updates = updates;
  return result;
}

}  // namespace damo::energy
