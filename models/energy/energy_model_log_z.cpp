#include <fmt/format.h>

#include <cmath>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/energy/derivation/dependence.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/models/energy/units/enumerate.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

// The exact log Z: some units are enumerated, the others are summed out.
namespace damo::energy {
namespace {

constexpr double most_states_log2 = 30;
constexpr std::int64_t rows_at_once = 4096;

// Sites of one colour, of a unit whose sites interact, that are summed out and not enumerated.
struct SummedSites {
  Unit unit;
  int color;
  std::vector<bool> rest;  // the other sites
};

// What is enumerated, and what of the energy is left then.
struct Plan {
  Units enumerated;
  Units summed;
  std::optional<SummedSites> sites{};
  double log2_states = 0;
};

std::vector<bool> other_sites(const Derivation& d, int color) {
  std::vector<bool> rest;
  for (const double drawn : d.sites_of(color)) rest.push_back(drawn == 0);
  return rest;
}

// logsumexp over all states of a function of their numbers, piece by piece.
template <class F>
Var log_sum_over(std::int64_t count, F&& log_weight) {
  if (count <= 4 * rows_at_once) return logsumexp(cast(log_weight(arange(count)), float64));
  const auto piece = [&](const Var& start) {
    const Var number = start + arange(rows_at_once);
    const Var w = cast(log_weight(minimum(number, count - 1)), float64);
    return logsumexp(where(number < count, w, -std::numeric_limits<double>::infinity()));
  };
  return logsumexp(map(piece, {arange(0, count, rows_at_once)}, {.name = "log_z"}).outputs[0]);
}

// Every way to enumerate some units and to sum out the others.
std::vector<Plan> plans_of(const Units& units) {
  if (units.size() > 16) throw GraphError("log_z: a model of more than 16 units");
  std::vector<Plan> plans;
  for (std::size_t subset = 0; subset < (std::size_t{1} << units.size()); ++subset) {
    Plan plan;
    for (std::size_t i = 0; i < units.size(); ++i) {
      if ((subset >> i & 1U) == 0) {
        plan.summed.push_back(units[i]);
        continue;
      }
      plan.enumerated.push_back(units[i]);
      plan.log2_states += Enumeration(units[i]).log2_count();
    }
    plans.push_back(plan);
  }
  return plans;
}

[[noreturn]] void too_many_states(const std::vector<Plan>& plans, const std::string& why) {
  double least = std::numeric_limits<double>::infinity();
  for (const Plan& plan : plans) {
    if (plan.log2_states > most_states_log2) least = std::min(least, plan.log2_states);
  }
  throw GraphError(fmt::format(
      "log_z: too many states to enumerate: 2^{:.0f} is the least that leaves the rest to be "
      "summed in closed form, 2^{:.0f} the most that is tried{}{}. estimate_log_z gives an "
      "estimate with bounds",
      least, most_states_log2, why.empty() ? "" : "; ", why));
}

}  // namespace

// In a unit whose sites interact, one colour can be summed out, if nothing else is that it
// interacts with.
std::vector<std::pair<Unit, int>> EnergyModel::summable_colors(const Units& enumerated,
                                                               const Units& summed) const {
  std::vector<std::pair<Unit, int>> all;
  if (data_->options.blocks.how == Blocks::How::whole) return all;
  for (const Unit& unit : enumerated) {
    const auto apart = [&](const Unit& u) {
      return !whole(u).mask.defined() && !interact(u, unit);
    };
    try {
      const Derivation& d = derivation(unit);
      if (!d.mask.defined() || !std::all_of(summed.begin(), summed.end(), apart)) continue;
      for (int c = 0; c < d.colours.shape()[0]; ++c) all.emplace_back(unit, c);
    } catch (const GraphError&) {  // has no conditional of any kind: enumerated as a whole
    }
  }
  return all;
}

Var EnergyModel::log_z() const {
  const SiteScope scope(SiteScope::or_else(data_->options.site));
  std::vector<Plan> plans = plans_of(units());
  for (const Plan& whole : std::vector<Plan>(plans)) {
    for (const auto& [unit, color] : summable_colors(whole.enumerated, whole.summed)) {
      Plan part = whole;
      part.sites = {unit, color, other_sites(derivation(unit), color)};
      part.log2_states +=
          Enumeration(unit, part.sites->rest).log2_count() - Enumeration(unit).log2_count();
      plans.push_back(part);
    }
  }
  std::stable_sort(plans.begin(), plans.end(),
                   [](const Plan& a, const Plan& b) { return a.log2_states < b.log2_states; });

  std::string why;
  for (const Plan& plan : plans) {
    if (!(plan.log2_states <= most_states_log2)) break;
    Var left;
    try {
      // Where sites of a unit are to be zero, the energy must be linear in them.
      left = plan.sites && plan.summed.empty() ? linear_energy() : summed(plan.summed);
    } catch (const GraphError& e) {
      why = e.what();
      continue;
    }
    std::optional<Conditional> sites;
    if (plan.sites) {
      sites = conditional(plan.sites->unit, plan.sites->color);
      left = left - (sites->log_normaliser() - sites->offset());
    }
    return cast(log_sum_of(left, plan.enumerated,
                           plan.sites ? plan.sites->rest : std::vector<bool>{}, sites),
                energy().dtype());
  }
  too_many_states(plans, why);
}

Var EnergyModel::log_sum_of(const Var& left, const Units& enumerated, const std::vector<bool>& rest,
                            const std::optional<Conditional>& sites) const {
  std::vector<Enumeration> each;
  std::int64_t count = 1;
  for (const Unit& unit : enumerated) {
    const bool part = sites && same(sites->unit(), unit);
    each.emplace_back(unit, part ? rest : std::vector<bool>{});
    count *= each.back().count();
  }
  const auto log_weight = [&](const Var& numbers) {
    Vars states(units().size());
    Var own, rest_of_number = numbers;
    for (std::size_t i = 0; i < each.size(); ++i) {
      const Unit& unit = enumerated[i];
      const Var x = each[i].states(rest_of_number % each[i].count());
      rest_of_number = floor_div(rest_of_number, each[i].count());
      states[index_of(unit)] = x;
      if (!unit.kind().log_base) continue;
      const Var base = unit.kind().log_base(as_state(unit, x));
      own = add_or_either(own, base);
    }
    Var weight = -put(left, states);
    if (own.defined()) weight = weight + own;
    return broadcast_to(weight, {numbers.shape(0)});
  };
  if (each.empty()) return (-put(left, Vars(units().size())))[0];
  return log_sum_over(count, log_weight);
}

}  // namespace damo::energy
