#include <algorithm>
#include <cmath>

#include <damo/graph/evaluate.hpp>
#include <damo/models/energy/derivation/dependence.hpp>
#include <damo/models/energy/derivation/derivation.hpp>
#include <damo/models/energy/derivation/probe.hpp>
#include <damo/models/energy/derivation/refusal.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo::energy {

std::vector<double> Derivation::sites_of(int color) const {
  const Array wide = colours.cast(float64);
  const double* row = wide.data<double>() + color * colours.shape()[1];
  return {row, row + colours.shape()[1]};
}

Var zeros_of(const Unit& unit, const Arg& rows) {
  if (unit.classes() > 0) return zeros({rows, unit.n(), unit.classes()}, unit.dtype());
  return zeros({rows, unit.sites()}, unit.dtype());
}

Var zero_state(const Unit& unit, const Units& units, const Units& gone) {
  Var rows = int_constant(1);
  for (const Unit& other : units) {
    if (contains(gone, other)) continue;
    rows = other.shape(0);
    break;
  }
  return zeros_of(unit, rows);
}

namespace {

Var scaled(double c, const Var& v) { return c == 1 ? v : c == -1 ? -v : c * v; }
Var plus(const Var& sum, double c, const Var& v) {
  if (!sum.defined()) return scaled(c, v);
  return c < 0 ? sum - scaled(-c, v) : sum + scaled(c, v);
}

class Deriver {
 public:
  Deriver(const DerivationInput& model, const Unit& unit, Trace& trace)
      : model_(model), unit_(unit), trace_(trace) {
    Dependences dependences(unit);
    for (const Term& t : model.terms) {
      if (!reads(t.value, unit)) continue;
      mine_.push_back(t);
      const int degree = dependences.of(t.value).degree;
      if (degree > allowed()) open_.push_back(t);
      const Var g = gradients_or_nothing({t.value}, {unit}, {ones_like(t.value)}).front();
      if (g.defined()) force_ = plus(force_, -t.coefficient, g);
    }
    if (!force_.defined()) force_ = zeros_like(Var(unit));
    force_ = simplified(force_, trace);
  }

  Derivation run() {
    Derivation d;
    if (reads(force_, unit_) && !sites_apart(d)) {
      const bool normal = model_.blocks.how != Blocks::How::one_site && make_multivariate(d);
      if (!normal && !may_be_colored()) refuse();
      if (!normal) find_colors(d);
    }
    if (!d.precision.defined()) fill_natural(d);
    d.natural.total = total();
    if (!d.sampled.empty() || !open_.empty()) try_on_random_states(d);
    return d;
  }

 private:
  int allowed() const { return unit_.kind().squares ? 2 : 1; }
  // Whether x^2 = x, whether x^2 = 1, on the support.
  bool zero_or_one() const {
    const Support& s = unit_.kind().support;
    return s.set == Support::Set::one_hot || s.levels == std::vector<double>{0, 1};
  }
  bool plus_or_minus_one() const {
    return unit_.kind().support.levels == std::vector<double>{-1, 1};
  }
  // Counts of a given sum cannot change one site at a time.
  bool may_be_colored() const {
    return model_.blocks.how != Blocks::How::whole &&
           unit_.kind().support.set != Support::Set::counts;
  }
  // Whether an energy might jump, so that its slope does not say all of it.
  bool steps() const {
    Dependences dependences(unit_);
    return std::any_of(open_.begin(), open_.end(), [&](const Term& t) {
      return dependences.of(t.value).degree >= unknown_degree;
    });
  }
  void find_couplings() {
    coupled_ = couplings(force_, unit_, model_.units, model_.params);
    for (std::size_t i = 0; i < coupled_.size(); ++i) bends_ = bends_ || coupled_[i][i];
  }

  // Whether each site's slope moves with that site alone.
  bool sites_apart(Derivation& d) {
    if (unit_.kind().squares && Dependences(unit_).of(force_).elementwise) return true;
    find_couplings();
    if (!is_diagonal(coupled_)) return false;
    d.sampled = "that its sites do not interact";
    return true;
  }

  void find_colors(Derivation& d) const {
    std::vector<int> color = coloring(coupled_);
    if (model_.blocks.how == Blocks::How::one_site) {
      for (std::size_t i = 0; i < color.size(); ++i) color[i] = static_cast<int>(i);
    }
    const std::int64_t n_colors = *std::max_element(color.begin(), color.end()) + 1;
    std::vector<double> rows(static_cast<std::size_t>(n_colors * unit_.n()), 0.0);
    for (std::size_t i = 0; i < color.size(); ++i)
      rows[static_cast<std::size_t>(color[i] * unit_.n()) + i] = 1;
    d.colours = Array::from(rows, Shape{n_colors, unit_.n()}).cast(unit_.dtype());
    const bool one_hot = unit_.classes() > 0;
    d.mask = input({unit_.dtype(), one_hot ? Shape{1, unit_.n(), 1} : Shape{1, unit_.n()}},
                   "sites of " + unit_.name());
    d.sampled = "which of its sites interact";
  }

  void fill_natural(Derivation& d) const {
    const Var none = zero();
    const Var others = d.mask.defined() ? unit_ * (1 - d.mask) : none;
    d.natural.linear = simplified(at(force_, unit_, others), trace_);
    if (!reads(force_, unit_) || !(unit_.kind().squares || bends_)) return;
    const Var curve = simplified(at(own_slope(d), unit_, others), trace_);
    if (unit_.kind().squares) {
      d.natural.quadratic = curve / 2;
    } else if (zero_or_one()) {
      d.natural.linear = d.natural.linear + curve / 2;
    } else if (plus_or_minus_one()) {
      d.offset = -curve / 2;
    }
  }

  // How the force of each site that is drawn moves with that site. Classes of one site may move
  // each other's, so theirs is found class by class.
  Var own_slope(const Derivation& d) const {
    const Var along = d.mask.defined() ? unit_ * 0 + d.mask : ones_like(Var(unit_));
    if (unit_.classes() == 0) return Rop(force_, unit_, along);
    const Var each = eye(unit_.classes(), unit_.dtype());
    Var slope;
    for (std::int64_t c = 0; c < unit_.classes(); ++c)
      slope = plus(slope, 1, each[c] * Rop(force_, unit_, along * each[c]));
    return slope;
  }

  // Sites of real numbers that interact are drawn together, as long as the energy is quadratic.
  bool make_multivariate(Derivation& d) const {
    if (unit_.kind().support.set != Support::Set::real) return false;
    const Var none = zero();
    const Var direction = input(unit_.type(), "direction");
    const Var turned = simplified(-Rop(force_, unit_, direction), trace_);
    if (reads(turned, unit_)) return false;
    d.natural.linear = simplified(at(force_, unit_, none), trace_);
    const Var each = eye(unit_.n(), unit_.dtype());
    const Vars needed = leaves(std::span(&turned, 1));
    const bool alike = std::all_of(needed.begin(), needed.end(), [&](const Var& leaf) {
      return !is_input(leaf) || same(leaf, direction) || !reads(turned, leaf);
    });
    if (alike) {
      std::vector<std::pair<Var, Var>> with{{direction, each}};
      for (const Unit& u : model_.units) with.emplace_back(u, zeros_of(u, unit_.n()));
      d.precision = dimshuffle(simplified(clone(turned, with), trace_), {newaxis, 0, 1});
      return true;
    }
    const Var like = none;
    const auto column = [&](const Var& e) {
      return at(at(turned, direction, broadcast_like(dimshuffle(e, {newaxis, 0}), like)), unit_,
                like);
    };
    d.precision = transpose(map(column, {each}, {.name = "precision"}).outputs[0], {1, 0, 2});
    return true;
  }
  Var total() const {
    if (unit_.kind().support.set != Support::Set::counts) return {};
    if (unit_.total() == 0) return sum(unit_, 1);
    return full({zero().shape(0)}, Arg(static_cast<double>(unit_.total())).var(unit_.dtype()));
  }
  // Of the other units; of a unit by itself, its own.
  Var zero() const {
    return model_.units.size() == 1 ? zero_state(unit_, model_.units, {})
                                    : zero_state(unit_, model_.units, {unit_});
  }

  // Moves all sites that are drawn together from zero to random states: the energy must move as the
  // natural parameters say. (Sums over them are taken from zero.)
  void try_on_random_states(Derivation& d) const {
    // With each of several values of the parameters: with one, a bend may happen to be out of
    // sight.
    constexpr std::int64_t rows = 64, tries = 4;
    if (d.sampled.empty()) d.sampled = "that the energy has this form in it";
    Var energy;
    for (const Term& t : model_.terms) energy = plus(energy, t.coefficient, t.value);
    const Var moved = input(unit_.type(), "moved");
    const bool part = d.mask.defined();
    const Var from = part ? unit_ * (1 - d.mask) : zeros_like(Var(unit_));
    const Var step = part ? moved * d.mask : moved, to = part ? from + step : moved;
    const Var difference = at(energy, unit_, to) - at(energy, unit_, from);
    Var claimed = d.natural.linear * step;
    if (d.precision.defined()) claimed = claimed - step * turned_by(d.precision, step) / 2;
    if (d.natural.quadratic.defined()) claimed = claimed + d.natural.quadratic * sqr(step);
    if (d.offset.defined()) claimed = claimed - (part ? d.offset * d.mask : d.offset);
    std::vector<int> axes;
    for (std::size_t a = 1; a < claimed.ndim(); ++a) axes.push_back(static_cast<int>(a));
    const Var off = max(abs(difference + sum(claimed, axes)));
    const Var scale = 1 + max(abs(at(energy, unit_, from))) + max(abs(at(energy, unit_, to)));
    const std::int64_t n_colors = d.mask.defined() ? d.colours.shape()[0] : 1;
    for (std::int64_t i = 0; i < std::max(n_colors, tries); ++i) {
      const std::int64_t c = i % n_colors;
      const Probe probe(energy, model_.units, model_.params, rows, 100 + i, false);
      if (probe.missing().defined() && !steps()) return;  // its slope says all
      probe.require_all(unit_);
      std::vector<std::pair<Var, Array>> more{{moved, random_states(unit_, rows, 200 + i)}};
      if (d.mask.defined()) {
        const Array sites = Array::from(d.sites_of(static_cast<int>(c)), d.mask.type().dims);
        more.emplace_back(d.mask, sites.cast(d.mask.dtype()));
      }
      const Array found = probe.value(off / scale, more);
      if (!(found.cast(float64).item<double>() <= 10 * resolution(unit_, found))) refuse();
    }
  }
  Var turned_by(const Var& precision, const Var& x) const {
    const Var p = broadcast_to(precision, {x.shape(0), unit_.n(), unit_.n()});
    return sum(dimshuffle(x, {0, 1, newaxis}) * p, 1);
  }

  [[noreturn]] void refuse() const { damo::energy::refuse(model_, unit_, mine_, open_); }

  const DerivationInput& model_;
  const Unit& unit_;
  Trace& trace_;
  std::vector<Term> mine_, open_;
  std::vector<std::vector<bool>> coupled_{};
  bool bends_ = false;
  Var force_;
};

}  // namespace

Derivation derive(const DerivationInput& model, const Unit& unit, Trace& trace) {
  const SiteScope scope(unit.site());
  return Deriver(model, unit, trace).run();
}

Var energy_at_zero(const std::vector<Term>& terms, const Units& units, const Units& at_zero,
                   Trace& trace) {
  std::vector<std::pair<Var, Var>> with;
  for (const Unit& u : at_zero) with.emplace_back(u, zero_state(u, units, at_zero));
  Var rest;
  for (const Term& t : terms) {
    const bool gone = std::any_of(at_zero.begin(), at_zero.end(), [&](const Unit& u) {
      return Dependences(u).of(t.value).vanishes;
    });
    if (gone) continue;
    const bool reads_any = std::any_of(at_zero.begin(), at_zero.end(),
                                       [&](const Unit& u) { return reads(t.value, u); });
    const Var value = reads_any ? simplified(clone(t.value, with), trace) : t.value;
    rest = plus(rest, t.coefficient, value);
  }
  if (rest.defined()) return rest;
  return zeros({with.front().second.shape(0)}, units.front().dtype());
}

}  // namespace damo::energy
