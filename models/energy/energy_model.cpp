#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/energy/derivation/dependence.hpp>
#include <damo/models/energy/derivation/probe.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/analysis/size_numbers.hpp>

namespace damo::energy {
namespace {

void check_names(const Var& energy, const Units& units, const Vars& params) {
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (!reads(energy, units[i]))
      throw GraphError(
          fmt::format("EnergyModel: the energy does not read {} {}; leave it out of "
                      "the model, or add what it takes part in",
                      units[i].kind().name, describe(units[i])));
    for (std::size_t j = 0; j < i; ++j) {
      if (same(units[i], units[j]))
        throw GraphError(fmt::format("EnergyModel: {} is named twice", describe(units[i])));
    }
    if (units[i].dtype() != units[0].dtype())
      throw TypeError(fmt::format("EnergyModel: units must be of one dtype: {} and {}",
                                  describe(units[0]), describe(units[i])));
  }
  for (const Var& p : params) {
    if (!reads(energy, p))
      throw GraphError(
          fmt::format("EnergyModel: the energy does not read the parameter {}", describe(p)));
  }
}

// Tried on random states: a row's energy is the same among copies of that row. What further inputs
// have in their rows is not known, so models with some are not tried.
void check_rows_apart(const Var& energy, const Units& units) {
  constexpr std::int64_t rows = 5;
  for (const Var& leaf : leaves(std::span(&energy, 1))) {
    if (is_input(leaf) && !contains(units, leaf) && leaf.ndim() > 0) return;
  }
  const Probe probe(energy, units, {}, rows, 2, false);
  double change = 0, size = 0;
  try {
    for (std::int64_t row = 0; row < rows; ++row) {
      const Var copies = constant(Array::from(std::vector<std::int64_t>(rows, row)));
      std::vector<std::pair<Var, Var>> with;
      for (const Unit& u : units) with.emplace_back(u, take(u, copies, 0));
      const Var off = max(abs(clone(energy, with) - take(energy, copies, 0)));
      change = std::max(change, probe.value(off).cast(float64).item<double>());
    }
    size = probe.value(max(abs(energy))).cast(float64).item<double>();
  } catch (const Error&) {
    return;  // an energy that refuses such states
  }
  if (change > 1e-4 * (1 + size))
    throw ShapeError(fmt::format(
        "EnergyModel: the energy must be one number a row, of that row's states alone; {} moves "
        "with the states of other rows. Sum over the sites of a row (axis 1), not over rows",
        describe(energy)));
}

void check_energy(const Var& energy, const Units& units) {
  const std::string wanted = "the energy must be one number a row, (rows,)";
  if (!is_float(energy.dtype()))
    throw TypeError(
        fmt::format("EnergyModel: the energy must be a float, not {}", describe(energy)));
  if (energy.ndim() == 0)
    throw ShapeError(fmt::format(
        "EnergyModel: {}, not a scalar: {}. Sum over the sites of a row (axis 1), not over rows",
        wanted, describe(energy)));
  if (energy.ndim() != 1)
    throw ShapeError(
        fmt::format("EnergyModel: {}, not {}. Sum over axis 1", wanted, describe(energy)));
  if (energy.type().dims[0] > 1)
    throw ShapeError(fmt::format("EnergyModel: {}; {} has {} of them, whatever the rows", wanted,
                                 describe(energy), energy.type().dims[0]));
  const bool sized = std::all_of(units.begin(), units.end(), [](auto& u) { return u.n_known(); });
  for (const std::int64_t rows : {3, 5}) {
    if (!sized) return;
    std::int64_t found = rows;
    const Probe probe(energy, units, {}, rows, 1, false);
    if (probe.missing().defined()) return;
    found = probe.value(energy.shape(0)).item<std::int64_t>();
    if (found != rows)
      throw ShapeError(fmt::format("EnergyModel: {}; {} has {} numbers for states of {} rows",
                                   wanted, describe(energy), found, rows));
  }
  check_rows_apart(energy, units);
}

// The states with a promise that they have as many rows as the first, where only a run can tell.
void promise_batch(const Units& units, Vars& states) {
  const auto open = [](const Var& s) { return s.defined() && s.type().dims[0] != 1; };
  const auto first = std::find_if(states.begin(), states.end(), open);
  if (first == states.end()) return;
  const Unit& beside = units[static_cast<std::size_t>(first - states.begin())];
  optim::SizeNumbers sizes;
  const auto rows_of = [&](const Var& s) {
    const Var rows = size_at(s, 0);
    for (const Apply* node : toposort(std::span(&rows, 1))) sizes.visit(*node);
    return sizes.number(rows);
  };
  for (auto s = first + 1; s != states.end(); ++s) {
    if (!open(*s) || rows_of(*s) == rows_of(*first)) continue;
    const Unit& unit = units[static_cast<std::size_t>(s - states.begin())];
    std::vector<Arg> promised(s->ndim(), -1);
    promised[0] = size_at(*first, 0);
    *s = specify_shape(
        *s, Sizes(promised),
        fmt::format("a row of {} '{}' and one of {} '{}' are one state of the model: give as many "
                    "of both",
                    beside.kind().name, beside.name(), unit.kind().name, unit.name()));
  }
}

// Rows of states belong together; a single one stands beside any number.
void check_batch(const Units& units, const Vars& states) {
  std::optional<std::size_t> first;
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (!states[i].defined()) continue;
    const std::int64_t rows = states[i].type().dims[0];
    if (rows == unknown || rows == 1) continue;
    if (!first) {
      first = i;
    } else if (states[*first].type().dims[0] != rows) {
      throw ShapeError(fmt::format(
          "EnergyModel: {} states of {} '{}' beside {} of {} '{}'; a row of each is one state of "
          "the model: {} and {}",
          states[*first].type().dims[0], units[*first].kind().name, units[*first].name(), rows,
          units[i].kind().name, units[i].name(), describe(states[*first]), describe(states[i])));
    }
  }
}

}  // namespace

EnergyModel::EnergyModel(const Var& energy, const EnergyModelOptions& options)
    : data_(std::make_shared<Data>(Data{.energy = energy, .options = options, .units = {}})) {
  const SiteScope scope(SiteScope::or_else(options.site));
  Units& units = data_->units;
  units = options.visible;
  units.insert(units.end(), options.hidden.begin(), options.hidden.end());
  if (units.empty()) throw GraphError("EnergyModel: a model needs units: .visible = {v}");
  if (!energy.defined()) throw GraphError("EnergyModel: the energy is an empty Var");
  check_names(energy, units, options.params.vars());
  check_energy(energy, units);
}

const Units& EnergyModel::units() const { return data_->units; }
const Units& EnergyModel::visible() const { return data_->options.visible; }
const Units& EnergyModel::hidden() const { return data_->options.hidden; }
const Vars& EnergyModel::parameters() const { return data_->options.params.vars(); }
const Var& EnergyModel::energy() const { return data_->energy; }
const Trace& EnergyModel::trace() const { return data_->trace; }

std::vector<SharedVar> EnergyModel::params() const {
  std::vector<SharedVar> all;
  for (const Var& p : parameters()) {
    if (is_shared(p)) all.emplace_back(p);
  }
  return all;
}

const std::vector<Term>& EnergyModel::terms() const {
  if (data_->terms.empty()) {
    Var reduced = data_->energy;
    for (const Unit& unit : units()) reduced = linear_on_support(reduced, unit, data_->trace);
    data_->terms = split_terms(reduced);
  }
  return data_->terms;
}

std::size_t EnergyModel::index_of(const Unit& unit) const {
  for (std::size_t i = 0; i < units().size(); ++i) {
    if (same(units()[i], unit)) return i;
  }
  throw GraphError(fmt::format("EnergyModel: {} is no unit of this model", describe(unit)));
}

const Derivation& EnergyModel::derivation(const Unit& unit) const {
  const std::size_t i = index_of(unit);
  if (const auto it = data_->derivations.find(i); it != data_->derivations.end()) return it->second;
  const bool mix = data_->mix && (!data_->mix->base || !data_->mix->base->couples(unit));
  return data_->derivations[i] =
             mix ? mixed(units()[i]) : derived(units()[i], data_->options.blocks);
}

Derivation EnergyModel::derived(const Unit& unit, const Blocks& blocks) const {
  return derive({terms(), units(), parameters(), blocks}, unit, data_->trace);
}

bool EnergyModel::couples(const Unit& unit) const {
  if (!reads(data_->energy, unit)) return false;
  const Derivation& d = derivation(unit);
  return d.mask.defined() || d.precision.defined();
}

// Gaussian sites may be drawn one at a time, as asked, and yet be a multivariate normal together.
const Derivation& EnergyModel::whole(const Unit& unit) const {
  const Derivation& d = derivation(unit);
  if (!d.mask.defined() || unit.kind().support.set != Support::Set::real) return d;
  const std::size_t i = index_of(unit);
  if (const auto it = data_->wholes.find(i); it != data_->wholes.end()) return it->second;
  Derivation together = d;
  try {
    together = derived(units()[i], {});
  } catch (const GraphError&) {  // no normal distribution
  }
  return data_->wholes[i] = together;
}

// States for all units: those of `left_out` may be missing or empty; where they are given, the
// number of their rows counts.
Vars EnergyModel::full_states(const VarsOf& given, const Units& left_out) const {
  Vars states = given.vars();
  if (states.empty()) return {units().begin(), units().end()};
  if (states.size() != units().size()) {
    if (states.size() + left_out.size() != units().size())
      throw GraphError(fmt::format("EnergyModel: {} states for {} units ({} of which need none)",
                                   states.size(), units().size(), left_out.size()));
    Vars all;
    std::size_t next = 0;
    for (const Unit& u : units()) all.push_back(contains(left_out, u) ? Var() : states[next++]);
    states = all;
  }
  for (std::size_t i = 0; i < states.size(); ++i) {
    const bool needless = contains(left_out, units()[i]);
    if (states[i].defined()) states[i] = as_state(units()[i], states[i]);
    if (!states[i].defined() && !needless)
      throw GraphError(fmt::format("EnergyModel: no state for {}", describe(units()[i])));
  }
  check_batch(units(), states);
  promise_batch(units(), states);
  return states;
}

// `v` at other states; an empty state is not read, except for its shape.
Var EnergyModel::put(const Var& v, const Vars& given) const {
  if (!v.defined()) return v;
  Vars states = given;
  Units gone;
  std::vector<std::pair<Var, Var>> with;
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (!states[i].defined()) {
      gone.push_back(units()[i]);
    } else if (!same(states[i], units()[i])) {
      with.emplace_back(units()[i], as_state(units()[i], states[i]));
    }
  }
  const std::vector<std::pair<Var, Var>> moved = with;
  for (const Unit& unit : gone)
    with.emplace_back(unit, clone(zero_state(unit, units(), gone), moved));
  return with.empty() ? v : clone(v, with);
}

Var EnergyModel::energy(const VarsOf& states) const {
  const SiteScope scope(SiteScope::or_else(data_->energy.site()));
  return put(data_->energy, full_states(states, {}));
}

Var EnergyModel::at_states(const Var& v, const VarsOf& states) const {
  return put(v, full_states(states, {}));
}

Var EnergyModel::expected_energy(const VarsOf& means) const {
  const SiteScope scope(SiteScope::or_else(data_->energy.site()));
  Var energy;
  for (const Term& t : terms()) {
    const Var part = t.coefficient == 1 ? t.value : t.coefficient * t.value;
    energy = add_or_either(energy, part);
  }
  return put(energy, full_states(means, {}));
}

Derivation EnergyModel::derivation_at(const Unit& unit, const Vars& states, const Var& mask) const {
  Derivation d = mask.defined() ? derivation(unit) : whole(unit);
  const auto there = [&](const Var& v) {
    const Var moved = put(v, states);
    return moved.defined() && mask.defined() ? clone(moved, {{d.mask, mask}}) : moved;
  };
  d.natural = {there(d.natural.linear), there(d.natural.quadratic), there(d.natural.total)};
  d.precision = there(d.precision);
  d.offset = there(d.offset);
  if (mask.defined()) d.mask = mask;
  return d;
}

Conditional EnergyModel::conditional(const Unit& unit) const { return conditional(unit, VarsOf()); }

Conditional EnergyModel::conditional(const Unit& unit, const VarsOf& states) const {
  const Derivation& d = whole(unit);
  if (d.mask.defined())
    throw GraphError(fmt::format(
        "EnergyModel: the sites of {} interact, so it has no conditional distribution as a whole; "
        "ask for one of its {} colours: conditional(unit, color)",
        describe(unit), d.colours.shape()[0]));
  const bool needs_itself = d.natural.total.defined() && reads(d.natural.total, unit);
  return {unit, derivation_at(unit, full_states(states, needs_itself ? Units{} : Units{unit}), {})};
}

Conditional EnergyModel::conditional(const Unit& unit, int color, const VarsOf& states) const {
  const Derivation& d = derivation(unit);
  if (!d.mask.defined()) return conditional(unit, states);
  if (color < 0 || color >= d.colours.shape()[0])
    throw GraphError(fmt::format("EnergyModel: {} has {} colours, there is none of number {}",
                                 describe(unit), d.colours.shape()[0], color));
  const Array mask = Array::from(d.sites_of(color), d.mask.type().dims);
  return {unit, derivation_at(unit, full_states(states, {}), constant(mask.cast(unit.dtype())))};
}

}  // namespace damo::energy
