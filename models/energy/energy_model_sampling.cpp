#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/energy/derivation/dependence.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

// Sweeps over blocks: Gibbs sampling and mean fields.
namespace damo::energy {
namespace {

// More colours than this become a loop.
constexpr std::int64_t unrolled_colors = 4;

/// What a unit is distributed by in the base model.
Natural at_base(const EnergyModel& base, const Unit& unit, const Var& rows) {
  const Var zero = zeros_of(unit, rows);
  Natural natural{zero};
  if (unit.kind().base_energy) {
    const Natural& own = base.derivation(unit).natural;
    // It reads no state, but may ask for the number of rows of any unit.
    std::vector<std::pair<Var, Var>> nowhere;
    for (const Unit& u : base.units()) nowhere.emplace_back(u, zeros_of(u, rows));
    const auto there = [&](const Var& v) { return v.defined() ? clone(v, nowhere) : v; };
    natural = {there(own.linear), there(own.quadratic), {}};
  }
  if (unit.total() > 0)
    natural.total = full({rows}, Arg(static_cast<double>(unit.total())).var(unit.dtype()));
  return natural;
}

}  // namespace

RandomStream required(const std::optional<RandomStream>& rng, const char* who) {
  if (!rng) throw GraphError(fmt::format("{}: a random stream must be given: .rng = rng", who));
  return *rng;
}

void require_mean_energy(const Units& units, const char* who) {
  for (const Unit& unit : units) {
    if (unit.kind().squares)
      throw GraphError(
          fmt::format("{}: the mean energy is not the energy at the mean of hidden {} {}", who,
                      unit.kind().name, describe(unit)));
  }
}

std::vector<Block> EnergyModel::blocks() const {
  // Units in the first group that none of it interacts with; the groups backwards, so that visible
  // units, which come first, are drawn last.
  std::vector<Units> groups;
  for (const Unit& unit : units()) {
    const bool alone = derivation(unit).mask.defined();
    auto fits = [&](const Units& group) {
      return std::none_of(group.begin(), group.end(), [&](const Unit& other) {
        return alone || derivation(other).mask.defined() || interact(unit, other);
      });
    };
    const auto group = std::find_if(groups.begin(), groups.end(), fits);
    if (group == groups.end()) {
      groups.push_back({unit});
    } else {
      group->push_back(unit);
    }
  }
  std::vector<Block> all;
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    const Derivation& d = derivation(group->front());
    if (!d.mask.defined()) {
      all.push_back({*group});
      continue;
    }
    for (std::int64_t c = 0; c < d.colours.shape()[0]; ++c)
      all.push_back({*group, static_cast<int>(c)});
  }
  return all;
}

// The unit after its colours have been set one after the other.
Var EnergyModel::swept_sites(const Unit& unit, const Vars& states, const Next& next) const {
  const Derivation& d = derivation(unit);
  const std::size_t i = index_of(unit);
  const auto set_color = [&](const Var& x, const Var& mask) {
    Vars now = states;
    now[i] = x;
    const Var fresh = next(unit, Conditional(unit, derivation_at(unit, now, mask)));
    return where(mask > 0, fresh, x);
  };
  const std::int64_t n_colors = d.colours.shape()[0];
  Shape shape = d.mask.type().dims;
  shape[0] = n_colors;
  if (n_colors > unrolled_colors) {
    const auto step = [&](const Var& mask, const Var& x) {
      return set_color(x, expand_dims(mask, 0));
    };
    return scan(step, {.sequences = {constant(d.colours.reshaped(shape))},
                       .outputs_info = {states[i]},
                       .name = "colors of " + unit.name()})
        .outputs[0][-1];
  }
  Var x = states[i];
  const Var masks = constant(d.colours.reshaped(shape));
  for (std::int64_t c = 0; c < n_colors; ++c) x = set_color(x, expand_dims(masks[c], 0));
  return x;
}

Vars EnergyModel::swept(Vars states, const Next& next, const Units& clamped) const {
  for (const Block& block : blocks()) {
    if (block.color > 0) continue;  // with color 0
    Vars fresh = states;
    for (const Unit& unit : block) {
      if (contains(clamped, unit)) continue;
      const std::size_t i = index_of(unit);
      fresh[i] = block.color == 0 ? swept_sites(unit, states, next)
                                  : next(unit, Conditional(unit, derivation_at(unit, states, {})));
    }
    states = fresh;
  }
  return states;
}

// Which units a sweep reads before it sets them.
std::vector<bool> EnergyModel::read_before_set(const Units& clamped) const {
  std::vector<bool> set(units().size(), false), early(units().size(), false);
  for (const Block& block : blocks()) {
    for (const Unit& unit : block) {
      if (contains(clamped, unit)) continue;
      const Derivation& d = derivation(unit);
      const Vars read{d.natural.linear, d.natural.quadratic, d.natural.total, d.precision};
      for (std::size_t i = 0; i < units().size(); ++i) {
        if (set[i]) continue;
        early[i] = early[i] || (d.mask.defined() && same(unit, units()[i])) ||
                   std::any_of(read.begin(), read.end(),
                               [&](const Var& v) { return v.defined() && reads(v, units()[i]); });
      }
    }
    for (const Unit& unit : block) set[index_of(unit)] = true;
  }
  return early;
}

Units EnergyModel::carried() const {
  const std::vector<bool> early = read_before_set({});
  Units kept;
  for (std::size_t i = 0; i < units().size(); ++i) {
    if (early[i]) kept.push_back(units()[i]);
  }
  return kept;
}

Vars EnergyModel::sweep(const VarsOf& states, RandomStream rng) const {
  Vars given = states.vars();
  Units needless;
  const Units kept = carried();
  for (const Unit& unit : units()) {
    if (!contains(kept, unit)) needless.push_back(unit);
  }
  return swept(full_states(given, needless),
               [&](const Unit&, const Conditional& p) { return p.sample(rng); }, {});
}

// The states that a chain begins with, those that it needs being there.
Vars EnergyModel::chain_start(const VarsOf& start, const GibbsOptions& o,
                              const std::vector<bool>& early) const {
  Units needless;
  for (std::size_t i = 0; i < units().size(); ++i) {
    if (!early[i] && !contains(o.clamped, units()[i])) needless.push_back(units()[i]);
  }
  const bool all_given = start.vars().size() == units().size();
  const Vars given = full_states(start, all_given ? needless : hidden());
  const bool no_sweep = o.k.is_literal() && o.k.integer() == 0;
  for (std::size_t i = 0; i < units().size(); ++i) {
    if (given[i].defined()) continue;
    if (no_sweep)
      throw GraphError(fmt::format("gibbs: no sweep, so nothing sets {}: its state must be given",
                                   describe(units()[i])));
    if (early[i] || contains(o.clamped, units()[i]))
      throw GraphError(fmt::format(
          "gibbs: a sweep reads {} before it sets it, so `start` must have a state for it: give "
          "states of all {} units",
          describe(units()[i]), units().size()));
  }
  return given;
}

GibbsChain EnergyModel::gibbs(const VarsOf& start, const GibbsOptions& o) const {
  if (!(o.beta.is_literal() && o.beta.real() == 1)) {
    GibbsOptions plain = o;
    plain.beta = 1.0;
    return tempered(o.beta).gibbs(start, plain);
  }
  const SiteScope scope(SiteScope::or_else(data_->options.site));
  RandomStream rng = required(o.rng, "gibbs");
  for (const Units* named : {&o.clamped, &o.mean_field}) {
    for (const Unit& unit : *named) static_cast<void>(index_of(unit));
  }
  std::vector<bool> early = read_before_set(o.clamped);
  const Vars first = chain_start(start, o, early);
  if (o.k.is_literal() && o.k.integer() == 0) return {first, {}};
  // One state at least is carried: its rows are the chains.
  if (std::find(early.begin(), early.end(), true) == early.end()) {
    const auto given =
        std::find_if(first.begin(), first.end(), [](const Var& v) { return v.defined(); });
    early[static_cast<std::size_t>(given - first.begin())] = true;
  }

  std::vector<std::size_t> moving;
  std::vector<OutputInfo> info;
  for (std::size_t i = 0; i < units().size(); ++i) {
    if (contains(o.clamped, units()[i])) continue;
    moving.push_back(i);
    if (early[i]) {
      info.emplace_back(first[i]);
    } else {
      info.emplace_back(none);
    }
  }
  const auto next = [&](const Unit& unit, const Conditional& p) {
    return contains(o.mean_field, unit) ? p.mean() : p.sample(rng);
  };
  const auto step = [&](const Vars& carried) {
    Vars states = first;
    std::size_t c = 0;
    for (const std::size_t i : moving) states[i] = early[i] ? carried[c++] : Var();
    states = swept(states, next, o.clamped);
    Vars moved;
    for (const std::size_t i : moving) moved.push_back(states[i]);
    return moved;
  };
  auto [outputs, updates] = scan(step, {.outputs_info = info, .n_steps = o.k, .name = "gibbs"});
  Vars state = first;
  for (std::size_t m = 0; m < moving.size(); ++m) state[moving[m]] = outputs[m][-1];
  return {state, updates};
}

Vars EnergyModel::mean_field(const MeanFieldOptions& o, const VarsOf& start) const {
  const SiteScope scope(SiteScope::or_else(data_->options.site));
  Vars given = full_states(start, start.vars().size() == units().size() ? Units{} : hidden());
  const Var rows = given.front().shape(0);
  const EnergyModel base = base_model();
  for (std::size_t i = 0; i < units().size(); ++i) {
    if (given[i].defined()) continue;
    const Unit& unit = units()[i];
    given[i] = as_state(unit, unit.kind().mean(at_base(base, unit, rows)));
  }
  std::vector<std::size_t> moving;
  std::vector<OutputInfo> info;
  for (std::size_t i = 0; i < units().size(); ++i) {
    if (contains(o.clamped, units()[i])) continue;
    moving.push_back(i);
    info.emplace_back(given[i]);
  }
  if (moving.empty() || (o.steps.is_literal() && o.steps.integer() == 0)) return given;
  const bool damped = !(o.damping.is_literal() && o.damping.real() == 0);
  const Var kept = damped ? o.damping.var(units().front().dtype()) : Var();
  const auto step = [&](const Vars& carried) {
    Vars states = given;
    for (std::size_t m = 0; m < moving.size(); ++m) states[moving[m]] = carried[m];
    const Vars before = states;
    const auto next = [&](const Unit& unit, const Conditional& p) {
      return damped ? kept * before[index_of(unit)] + (1 - kept) * p.mean() : p.mean();
    };
    states = swept(states, next, o.clamped);
    Vars moved;
    for (const std::size_t i : moving) moved.push_back(states[i]);
    return moved;
  };
  const ScanResult result =
      scan(step, {.outputs_info = info, .n_steps = o.steps, .name = "mean_field"});
  for (std::size_t m = 0; m < moving.size(); ++m) given[moving[m]] = result.outputs[m][-1];
  return given;
}

Vars EnergyModel::random_state(const Arg& rows, RandomStream rng) const {
  const EnergyModel base = base_model();
  const Var n = rows.var(int64);
  Vars states;
  for (const Unit& unit : units()) {
    if (unit.kind().support.set == Support::Set::counts && unit.total() == 0)
      throw GraphError(
          fmt::format("random_state: the sum of each row of {} is not known", describe(unit)));
    states.push_back(as_state(unit, unit.kind().sample(at_base(base, unit, n), rng)));
  }
  return states;
}

}  // namespace damo::energy
