#include <fmt/format.h>

#include <cmath>
#include <map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/models/energy/check/checker.hpp>
#include <damo/models/energy/derivation/probe.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/shape/join.hpp>

// Conditionals, sums and sweeps against Boltzmann weights.
namespace damo::energy {
namespace {

std::string name_of(const Unit& unit) {
  return fmt::format("{} '{}'", unit.kind().name, unit.name());
}

// Each row moved on by a site.
Array next_sites(const Array& rows) {
  const Var x = constant(rows);
  return evaluate(concatenate({x(all(), range(1, rows.shape()[1])), x(all(), range(0, 1))}, 1));
}

}  // namespace

void Checker::conditionals() {
  for (const Unit& unit : model_.units()) {
    attempt("conditional of " + name_of(unit), [&] {
      if (unit.finite() && (unit.kind().support.set != Support::Set::counts || unit.total() > 0)) {
        finite_conditional(unit);
      } else {
        infinite_conditional(unit);
      }
    });
  }
}

// Rows that agree in all that the sites of one colour are drawn from.
std::vector<std::size_t> Checker::color_groups(std::size_t u, int color) const {
  const Unit& unit = model_.units()[u];
  const std::vector<double> drawn = model_.derivation(unit).sites_of(color);
  const Array x = table_.states(u).cast(float64);
  const auto n = static_cast<std::size_t>(unit.n());
  const std::size_t width = static_cast<std::size_t>(x.elements()) / table_.rows() / n;
  std::map<std::vector<double>, std::size_t> seen;
  std::vector<std::size_t> group;
  const std::vector<std::size_t> others = table_.groups({unit});
  for (std::size_t r = 0; r < table_.rows(); ++r) {
    std::vector<double> key{static_cast<double>(others[r])};
    for (std::size_t i = 0; i < n; ++i) {
      if (drawn[i] != 0) continue;
      for (std::size_t k = 0; k < width; ++k)
        key.push_back(x.data<double>()[(r * n + i) * width + k]);
    }
    group.push_back(seen.emplace(key, seen.size()).first->second);
  }
  return group;
}

void Checker::finite_conditional(const Unit& unit) {
  const std::vector<Var> claims = claimed_log_probs(unit);
  std::size_t u = 0;
  while (!same(model_.units()[u], unit)) ++u;
  const bool colors =
      claims.size() > 1 || (!options_.claims.log_prob && model_.derivation(unit).mask.defined());
  for (std::size_t c = 0; c < claims.size(); ++c) {
    const auto group = colors ? color_groups(u, static_cast<int>(c)) : table_.groups({unit});
    const std::vector<double> total = log_sums(table_.log_weights(), group);
    std::vector<double> expected(table_.rows());
    for (std::size_t r = 0; r < expected.size(); ++r)
      expected[r] = table_.log_weights()[r] - total[r];
    compare(fmt::format("conditional of {}{}", name_of(unit),
                        colors ? fmt::format(", colour {}", c) : ""),
            table_.numbers(claims[c]), expected);
  }
}

// Of the same sum of a row, where that is given.
Array Checker::other_states(std::size_t u) const {
  const Unit& unit = model_.units()[u];
  if (unit.kind().support.set == Support::Set::counts) return next_sites(table_.states(u));
  return random_states(unit, static_cast<std::int64_t>(table_.rows()), options_.seed + 77);
}

// Differences of log p between two states are differences of energy, where sites of one colour
// differ if it has colours.
void Checker::infinite_conditional(const Unit& unit) {
  const std::vector<Var> claims = claimed_log_probs(unit);
  std::size_t u = 0;
  while (!same(model_.units()[u], unit)) ++u;
  const Array moved = other_states(u);
  const Derivation& d = model_.derivation(unit);
  Var weight = -model_.energy();
  if (unit.kind().log_base) weight = weight + unit.kind().log_base(unit);
  const auto change = [&](const Var& v, const Array& to) {
    const std::vector<double> here = table_.numbers(v);
    std::vector<double> there = table_.numbers(v, unit, to);
    for (std::size_t r = 0; r < here.size(); ++r) there[r] -= here[r];
    return there;
  };
  if (options_.claims.log_prob || !d.mask.defined()) {
    compare("conditional of " + name_of(unit), change(claims[0], moved), change(weight, moved));
  } else {
    for (std::size_t c = 0; c < claims.size(); ++c) {
      const Array drawn = Array::from(d.sites_of(static_cast<int>(c)), d.mask.type().dims);
      const Array to =
          evaluate(where(constant(drawn) > 0, constant(moved), constant(table_.states(u))));
      compare(fmt::format("conditional of {}, colour {}", name_of(unit), c), change(claims[c], to),
              change(weight, to));
    }
  }
  integral_of(unit, claims[0], u);
}

// That of p is 1.
void Checker::integral_of(const Unit& unit, const Var& claim, std::size_t u) {
  if (unit.n() != 1 || unit.kind().support.set == Support::Set::counts) return;
  constexpr int points = 4001;
  const bool real = unit.kind().support.set == Support::Set::real;
  const double low = real ? -40 : 0;
  const double high = unit.kind().support.set == Support::Set::interval ? 1 : 40;
  std::vector<double> integral(table_.rows(), 0.0), one(table_.rows(), 1.0);
  const double step = (high - low) / (points - 1);
  for (int i = 0; i < points; ++i) {
    Array at(unit.dtype(), table_.states(u).shape());
    at = evaluate(constant(at) + (low + step * i));
    const std::vector<double> p = table_.numbers(claim, unit, at.cast(unit.dtype()));
    const double share = (i == 0 || i == points - 1 ? 1 : i % 2 == 1 ? 4 : 2) * step / 3;
    for (std::size_t r = 0; r < integral.size(); ++r) integral[r] += share * std::exp(p[r]);
  }
  const double exact = tolerance_;
  tolerance_ = std::max(tolerance_, 1e-4);
  compare(fmt::format("integral over {}", name_of(unit)), integral, one);
  tolerance_ = exact;
}

void Checker::free_energy() {
  const Units& hidden = model_.hidden();
  attempt("free energy", [&] {
    const Vars visible(model_.visible().begin(), model_.visible().end());
    if (!options_.claims.free_energy) {
      try {
        static_cast<void>(model_.free_energy());
      } catch (const GraphError&) {
        skip("free energy", "not checked: the hidden units cannot be summed out in closed form");
        return;
      }
    }
    const Var claim = options_.claims.free_energy ? options_.claims.free_energy(visible)
                                                  : model_.free_energy(visible);
    const bool all_finite =
        std::all_of(hidden.begin(), hidden.end(), [](const Unit& u) { return u.finite(); });
    std::vector<double> expected;
    if (all_finite) {
      expected = log_sums(table_.log_weights(), table_.groups(hidden));
      for (const Unit& unit : model_.visible()) {
        if (!unit.kind().log_base) continue;
        const std::vector<double> base = table_.numbers(unit.kind().log_base(unit));
        for (std::size_t r = 0; r < expected.size(); ++r) expected[r] -= base[r];
      }
      for (double& e : expected) e = -e;
    } else {
      // At any state of the hidden units: E(v, h) + log p(h | v).
      const std::vector<Block> blocks = model_.blocks();
      const bool apart = std::any_of(blocks.begin(), blocks.end(), [&](const Block& b) {
        return std::all_of(hidden.begin(), hidden.end(),
                           [&](const Unit& u) { return contains(b.units, u); });
      });
      if (!apart) {
        skip("free energy", "not checked: hidden units with infinitely many states interact");
        return;
      }
      Var total = model_.energy();
      for (const Unit& unit : hidden) {
        total = total + model_.conditional(unit).log_prob(unit);
        if (unit.kind().log_base) total = total - unit.kind().log_base(unit);
      }
      expected = table_.numbers(total);
    }
    compare("free energy", table_.numbers(claim), expected);
  });
}

void Checker::log_z() {
  if (cannot_sum("log Z")) return;
  attempt("log Z", [&] {
    const std::vector<std::size_t> all(table_.rows(), 0);
    const double truth = log_sums(table_.log_weights(), all).front();
    const Var claim = options_.claims.log_z.defined() ? options_.claims.log_z : model_.log_z();
    compare("log Z", {table_.numbers(claim).front()}, {truth});
  });
}

void Checker::invariance() {
  std::vector<Units> blocks = options_.claims.blocks;
  if (blocks.empty()) {
    for (const Block& block : model_.blocks()) {
      if (block.color >= 0) continue;  // its conditional is all that is to check
      blocks.push_back(block.units);
    }
  }
  for (const Units& block : blocks) {
    std::string named;
    for (const Unit& u : block) named += (named.empty() ? "" : ", ") + u.name();
    attempt("sweep over " + named, [&] {
      if (table_.finite()) {
        block_invariance(block);
      } else {
        block_apart(block);
      }
    });
  }
}

// What a unit is drawn from must not move with the others that are drawn together with it.
void Checker::block_apart(const Units& block) {
  for (const Unit& unit : block) {
    const Var claim = claimed_log_probs(unit).front();
    const std::vector<double> here = table_.numbers(claim);
    for (const Unit& other : block) {
      if (same(other, unit)) continue;
      std::size_t u = 0;
      while (!same(model_.units()[u], other)) ++u;
      compare(fmt::format("sweep over {}, {} together", unit.name(), other.name()),
              table_.numbers(claim, other, other_states(u)), here);
    }
  }
}

// What a block's update makes of p: pi' = pi P, computed. Each unit is drawn given all others at
// their old state.
void Checker::block_invariance(const Units& block) {
  std::string named;
  for (const Unit& u : block) named += (named.empty() ? "" : ", ") + u.name();
  std::vector<std::size_t> members;
  std::vector<std::vector<double>> log_prob;
  for (std::size_t u = 0; u < model_.units().size(); ++u) {
    if (!contains(block, model_.units()[u])) continue;
    members.push_back(u);
    log_prob.push_back(table_.numbers(claimed_log_probs(model_.units()[u]).front()));
  }
  const std::vector<std::size_t> group = table_.groups(block);
  std::map<std::size_t, std::vector<std::size_t>> rows;
  double pairs = 0;
  for (std::size_t r = 0; r < group.size(); ++r) rows[group[r]].push_back(r);
  for (const auto& [g, list] : rows) pairs += std::pow(static_cast<double>(list.size()), 2);
  if (pairs > 3e7) {
    skip("sweep over " + named, "not checked: too many pairs of states");
    return;
  }
  const double z =
      log_sums(table_.log_weights(), std::vector<std::size_t>(table_.rows(), 0)).front();
  std::vector<double> before(table_.rows()), after(table_.rows(), 0.0);
  for (std::size_t r = 0; r < before.size(); ++r) before[r] = std::exp(table_.log_weights()[r] - z);
  for (const auto& [g, list] : rows) {
    for (const std::size_t from : list) {
      for (const std::size_t to : list) {
        double log_p = 0;
        for (std::size_t m = 0; m < members.size(); ++m)
          log_p += log_prob[m][table_.with(from, members[m], table_.index(members[m], to))];
        after[to] += before[from] * std::exp(log_p);
      }
    }
  }
  compare("sweep over " + named + " leaves p as it is", after, before);
}

}  // namespace damo::energy
