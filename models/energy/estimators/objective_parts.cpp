#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/energy/estimators/objective_parts.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/reduction/reductions.hpp>

namespace damo::energy {

Vars visible_states(const EnergyModel& model, const VarsOf& data) {
  const Vars& given = data.vars();
  if (given.size() != model.visible().size())
    throw GraphError(fmt::format("data for {} units, but the model has {} visible ones",
                                 given.size(), model.visible().size()));
  Vars states;
  for (std::size_t i = 0; i < given.size(); ++i)
    states.push_back(as_state(model.visible()[i], given[i]));
  return states;
}

Vars as_constants(const Vars& states) {
  Vars constants;
  for (const Var& s : states) constants.push_back(consider_constant(s));
  return constants;
}

Vars visible_part(const EnergyModel& model, const Vars& states) {
  return {states.begin(), states.begin() + static_cast<std::ptrdiff_t>(model.visible().size())};
}

Var log_weight(const EnergyModel& model, const Vars& x) {
  Var w = -model.free_energy(x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Unit& unit = model.visible()[i];
    if (unit.kind().log_base) w = w + unit.kind().log_base(as_state(unit, x[i]));
  }
  return w;
}

Var reconstruction(const EnergyModel& model, const Vars& data) {
  Vars states = data;
  if (!model.hidden().empty())
    states = model.mean_field({.clamped = model.visible(), .steps = 1}, data);
  Var total;
  for (const Block& block : model.blocks()) {
    for (const Unit& unit : block) {
      if (!contains(model.visible(), unit)) continue;
      const Conditional p = block.color < 0 ? model.conditional(unit, states)
                                            : model.conditional(unit, block.color, states);
      Var own;
      for (std::size_t i = 0; i < data.size(); ++i) {
        if (same(model.visible()[i], unit)) own = p.log_prob(data[i]);
      }
      total = add_or_either(total, own);
    }
  }
  return mean(total);
}

Slopes::Slopes(const EnergyModel& model, const char* who) : units_(model.visible()) {
  for (const Unit& unit : model.visible()) {
    if (unit.kind().support.set != Support::Set::real)
      throw GraphError(fmt::format("{}: visible units must be real numbers, which {} {} are not",
                                   who, unit.kind().name, describe(unit)));
    at.push_back(unit);
  }
  slope = grad(sum(model.free_energy()), at);
}

Var Slopes::there(const Var& v, const Vars& x) const {
  std::vector<std::pair<Var, Var>> with;
  for (std::size_t i = 0; i < units_.size(); ++i)
    with.emplace_back(units_[i], as_state(units_[i], x[i]));
  return clone(v, with);
}

PersistentChains::PersistentChains(const EnergyModel& model, std::int64_t rows, RandomStream rng) {
  if (rows < 1)
    throw ShapeError(fmt::format("persistent chains: {} of them; there must be one", rows));
  const Vars first = model.random_state(rows, std::move(rng));
  const std::vector<Array> values = evaluate(first);
  const Units kept = model.carried();
  for (std::size_t i = 0; i < first.size(); ++i) {
    const Unit& unit = model.units()[i];
    start_.push_back(contains(kept, unit) ? Var(shared(values[i], "chains of " + unit.name()))
                                          : Var());
  }
}

Updates PersistentChains::moved_to(const Vars& end) const {
  Updates updates;
  for (std::size_t i = 0; i < start_.size(); ++i) {
    if (start_[i].defined()) updates[start_[i]] = end[i];
  }
  return updates;
}

}  // namespace damo::energy
