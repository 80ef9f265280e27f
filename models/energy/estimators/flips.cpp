#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/energy/estimators/objective_parts.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

// Estimators that compare each state with those that differ from it in one site.
namespace damo::energy {
namespace {

// `f` of each site of unit `u` in turn, as a row of 0s and a 1: (sites, rows).
template <class F>
Var at_each_site(const Unit& unit, F&& f) {
  return map(f, {eye(unit.n(), unit.dtype())}, {.name = "sites of " + unit.name()}).outputs[0];
}

// The states with the site of unit `u` flipped from one of its two levels to the other.
Vars flipped(const EnergyModel& model, Vars x, std::size_t u, const Var& site) {
  const auto& levels = model.visible()[u].kind().support.levels;
  x[u] = x[u] + dimshuffle(site, {newaxis, 0}) * (levels[0] + levels[1] - 2 * x[u]);
  return x;
}

void need_two_levels(const Unit& unit, const char* who) {
  if (unit.kind().support.levels.size() == 2) return;
  throw GraphError(fmt::format("{}: visible units must have two states, which {} {} have not", who,
                               unit.kind().name, describe(unit)));
}

// The log weight of each state with one site changed, less that of the state: (sites, rows), of one
// unit after the other.
std::vector<Var> log_ratios(const EnergyModel& model, const Vars& x, const char* who) {
  const Var here = log_weight(model, x);
  std::vector<Var> all;
  for (std::size_t u = 0; u < x.size(); ++u) {
    const Unit& unit = model.visible()[u];
    need_two_levels(unit, who);
    all.push_back(at_each_site(unit, [&](const Var& site) {
      return log_weight(model, flipped(model, x, u, site)) - here;
    }));
  }
  return all;
}

// log p(x_i | all others) of each site of unit `u`, (sites, rows).
Var site_log_probs(const EnergyModel& model, const Vars& x, std::size_t u) {
  const Unit& unit = model.visible()[u];
  const Support& support = unit.kind().support;
  const Var here = log_weight(model, x);
  const std::int64_t choices =
      unit.classes() > 0 ? unit.classes() : static_cast<std::int64_t>(support.levels.size());
  return at_each_site(unit, [&](const Var& site) {
    Var total;
    for (std::int64_t c = 0; c < choices; ++c) {
      Vars moved = x;
      if (unit.classes() > 0) {
        const Var chosen = dimshuffle(eye(unit.classes(), unit.dtype())[c], {newaxis, newaxis, 0});
        moved[u] = x[u] + dimshuffle(site, {newaxis, 0, newaxis}) * (chosen - x[u]);
      } else {
        const double level = support.levels[static_cast<std::size_t>(c)];
        moved[u] = x[u] + dimshuffle(site, {newaxis, 0}) * (level - x[u]);
      }
      const Var w = log_weight(model, moved);
      total = total.defined() ? logaddexp(total, w) : w;
    }
    return here - total;
  });
}

}  // namespace

Objective pseudo_likelihood(const EnergyModel& model, const VarsOf& data) {
  const Vars x = visible_states(model, data);
  Var total;
  for (std::size_t u = 0; u < x.size(); ++u) {
    const Unit& unit = model.visible()[u];
    const auto set = unit.kind().support.set;
    if (set != Support::Set::levels && set != Support::Set::one_hot)
      throw GraphError(
          fmt::format("pseudo_likelihood: the sites of {} {} have no few states each; "
                      "score_matching is for real numbers",
                      unit.kind().name, describe(unit)));
    Var own;
    if (unit.kind().support.levels.size() == 2) {
      // log of 1 / (1 + ratio)
      const Var here = log_weight(model, x);
      own = at_each_site(unit, [&](const Var& site) {
        return log(sigmoid(here - log_weight(model, flipped(model, x, u, site))));
      });
    } else {
      own = site_log_probs(model, x, u);
    }
    const Var row = mean(sum(own, 0));
    total = add_or_either(total, row);
  }
  return {-total, {}, total, {}};
}

Objective ratio_matching(const EnergyModel& model, const VarsOf& data) {
  Var cost;
  for (const Var& ratio : log_ratios(model, visible_states(model, data), "ratio_matching")) {
    // 1 / (1 + p(x) / p(flipped))
    const Var own = mean(sum(sqr(sigmoid(ratio)), 0));
    cost = add_or_either(cost, own);
  }
  return {cost, {}, cost, {}};
}

Objective minimum_probability_flow(const EnergyModel& model, const VarsOf& data) {
  Var cost;
  const Vars x = visible_states(model, data);
  for (const Var& ratio : log_ratios(model, x, "minimum_probability_flow")) {
    const Var own = mean(sum(exp(ratio / 2), 0));
    cost = add_or_either(cost, own);
  }
  return {cost, {}, cost, {}};
}

}  // namespace damo::energy
