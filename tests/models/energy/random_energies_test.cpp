#include <random>
#include <utility>

#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

/// Energies of a few units of random kinds: sums of linear, bilinear, trilinear, lateral and bent
/// terms, each written in one of several ways.
class RandomEnergy {
 public:
  explicit RandomEnergy(std::uint64_t seed) : rng_(seed) {
    const int n_units = 1 + below(3);
    for (int i = 0; i < n_units; ++i) add_unit(std::string(1, "vhg"[i]));
    add_terms();
  }
  /// Another energy of the same units.
  Var another() {
    const Var first = std::exchange(energy, Var());
    add_terms();
    return std::exchange(energy, first);
  }

  EnergyModel model(Blocks blocks = {}) const {
    Vars params;
    for (const Var& leaf : leaves(std::span(&energy, 1))) {
      if (is_shared(leaf)) params.push_back(leaf);
    }
    return {energy,
            {.visible = {units[0]}, .hidden = hidden(), .params = params, .blocks = blocks}};
  }
  Units hidden() const { return {units.begin() + 1, units.end()}; }
  /// States at which identities are tried: every one of finite units, with random real numbers.
  std::vector<std::pair<Var, Array>> states() const {
    Units finite;
    for (const Unit& u : units) {
      if (u.finite()) finite.push_back(u);
    }
    const Joint joint(finite);
    auto all = joint.bindings();
    for (const Unit& u : units) {
      if (!u.finite())
        all.emplace_back(u, evaluate(RandomStream(7).uniform(
                                {static_cast<std::int64_t>(joint.rows), u.n()}, 0.0, 1.0)));
    }
    return all;
  }

  Units units;
  Var energy;

 private:
  int below(int n) { return static_cast<int>(rng_() % static_cast<std::uint64_t>(n)); }
  static Var flat(const Unit& u) { return u.classes() > 0 ? flatten(u, 2) : Var(u); }
  SharedVar weight(const Sizes& size) { return weights(size, rng_(), "w", 0.5); }
  void add(const Var& term) {
    energy = !energy.defined() ? term : below(2) > 0 ? energy + term : energy - -term;
  }

  void add_unit(const std::string& name) {
    const std::int64_t n = 1 + below(3);
    const bool room = units.empty() || units.back().finite();
    switch (below(room ? 8 : 5)) {
      case 0:
        units.push_back(bernoulli(name, n));
        break;
      case 1:
        units.push_back(spin(name, n));
        break;
      case 2:
        units.push_back(categorical(name, 1 + below(2), 2 + below(2)));
        break;
      case 3:
        units.push_back(binomial(name, n, 2));
        break;
      case 4:
        units.push_back(counts(name, 2, 1 + below(3)));
        break;
      case 5:
        units.push_back(gaussian(name, n));
        break;
      case 6:
        units.push_back(relu(name, n));
        break;
      default:
        units.push_back(truncated_exponential(name, n));
        break;
    }
  }

  void add_terms() {
    const auto n_units = static_cast<int>(units.size());
    for (int i = 0; i < n_units; ++i) {
      add_own(units[i], units[(i + 1) % n_units]);
      for (int j = 0; j < i; ++j) {
        if (below(4) > 0) add(bilinear(flat(units[i]), flat(units[j])));
      }
    }
    if (n_units == 3 && below(2) > 0) add(trilinear());
    if (below(3) == 0) energy = 0.75 * energy;
  }
  void add_own(const Unit& u, const Unit& other) {
    const Var x = flat(u);
    const std::int64_t n = u.n() * std::max<std::int64_t>(u.classes(), 1);
    add(dot(x, weight({n})));
    const Var b = weight({n});
    if (u.kind().squares) {
      const std::vector<Var> squares{sum(sqr(x - b), 1),
                                     dot(x * x, ones({n})) - 2 * dot(x, b) + sum(sqr(b)),
                                     sum((x - b) * (x - b) * 1.5, 1) / 2};
      add(squares[below(3)]);
      if (other.finite() && below(3) == 0) add(sum(sqr(x), 1) * sum(sqr(flat(other)), 1) / 4);
    }
    const Support& s = u.kind().support;
    if (s.levels.size() == 2 || s.set == Support::Set::one_hot) {
      const std::vector<Var> bent{sum(sqr(x - b), 1), sum(exp(x * b), 1),
                                  sum(where(x > 0.5, b, 2 * b), 1), dot(x * x * x, b)};
      if (below(3) == 0) add(bent[below(4)]);
    }
    const bool lateral = s.finite() || s.set == Support::Set::real;
    if (lateral && below(4) == 0) {
      const Var square = 0.4 * weight({n, n}), upper = triu(square, 1);
      const std::vector<Var> couplings{square, upper, upper + upper.T(), square * eye(n, floatX())};
      add(sum(dot(x, couplings[below(4)]) * x, 1));
    }
  }
  Var bilinear(const Var& x, const Var& y) {
    const Var w = weight({sites_of(x), sites_of(y)}), p = dot(x, w);
    switch (below(7)) {
      case 0:
        return sum(p * y, 1);
      case 1:
        return sum(x * dot(y, w.T()), 1);
      case 2:
        return einsum("nj,ni,ij->n", {y, x, w});
      case 3:
        return sum(sum(expand_dims(x, 2) * expand_dims(w, 0) * expand_dims(y, 1), 2), 1);
      case 4:
        return sum(dot(w.T(), x.T()) * y.T(), 0);
      case 5:
        return -(-2 * batched_dot(p, y)) / 2;
      default:
        return (sum(sqr(p + y), 1) - sum(sqr(p), 1) - sum(sqr(y), 1)) / 2;
    }
  }
  Var trilinear() {
    Var product;
    for (const Unit& u : units) {
      const Var factor = dot(flat(u), weight({sites_of(flat(u)), 2}));
      product = product.defined() ? product * factor : factor;
    }
    return sum(product, 1);
  }
  static std::int64_t sites_of(const Var& x) { return x.type().dims[1]; }

  std::mt19937_64 rng_;
};

double widest(const std::vector<Numbers>& rows) {
  double worst = 0;
  for (std::size_t i = 0; i < rows[0].size(); ++i)
    worst =
        std::max(worst, std::abs(rows[0][i] - rows[1][i]) / std::max(1.0, std::abs(rows[1][i])));
  return worst;
}

/// E + log p(x | the rest) is the energy of the rest, whatever x.
bool holds_identity(const RandomEnergy& e, const EnergyModel& m, const Unit& u) {
  Var left;
  std::string why;
  try {
    const Conditional p = m.conditional(u);
    left = m.energy() + p.log_prob(u);
    if (u.kind().log_base) left = left - u.kind().log_base(u);
  } catch (const GraphError&) {
    return false;
  }
  const auto at = e.states();
  try {
    const Numbers a = numbers(evaluate(left, at));
    Numbers b = numbers(evaluate(m.marginal_energy({u}), at));
    if (b.size() == 1) b.assign(a.size(), b[0]);
    CHECK(widest({a, b}) <= tolerance(floatX()) * 10);
  } catch (const NumericError&) {
    return false;  // a precision that is not positive
  }
  return true;
}

struct Counted {
  int derived = 0, summed = 0;
};

/// Checks whatever can be derived of the model.
void check_model(const RandomEnergy& e, const EnergyModel& m, Counted& counted) {
  for (const Unit& u : e.units) counted.derived += holds_identity(e, m, u) ? 1 : 0;
  if (!std::all_of(e.units.begin(), e.units.end(), [](const Unit& u) { return u.finite(); }))
    return;
  try {
    check_conditionals(m);
  } catch (const GraphError&) {
  }
  for (std::size_t some = 1; some < (std::size_t{1} << e.units.size()); ++some) {
    Units gone;
    for (std::size_t i = 0; i < e.units.size(); ++i) {
      if ((some >> i & 1U) != 0) gone.push_back(e.units[i]);
    }
    try {
      check_marginal(m, gone);
      ++counted.summed;
    } catch (const GraphError&) {
    }
  }
  check_numbers({value(m.log_z())}, {exact_log_z(m)}, tolerance(floatX()));
}

/// Of the energy of that seed, and of what stands between it and another one.
void check_seed(std::uint64_t seed, DType dtype, Counted& counted, bool tempered = false) {
  CAPTURE(seed);
  const FloatXScope scope(dtype);
  RandomEnergy e(seed);
  const EnergyModel m = e.model(seed % 3 == 0 ? colored() : Blocks{});
  check_model(e, tempered ? m.tempered(0.3, e.another()) : m, counted);
}

}  // namespace

TEST_CASE("energy derivation: random energies have the enumerated conditionals, or are refused") {
  Counted counted;
  for (std::uint64_t seed = 1; seed <= 300; ++seed)
    check_seed(seed, seed % 4 == 0 ? float32 : float64, counted);
  CHECK(counted.derived > 400);
  CHECK(counted.summed > 180);
}

TEST_CASE("energy tempering: between random energies all is as enumerated, or refused") {
  Counted counted;
  for (std::uint64_t seed = 1; seed <= 100; ++seed)
    check_seed(seed, seed % 4 == 0 ? float32 : float64, counted, true);
  CHECK(counted.derived > 100);
  CHECK(counted.summed > 40);
}

TEST_CASE("energy derivation: a bend that one value of the parameters hides is seen at another") {
  Counted counted;
  for (const std::uint64_t seed : {374, 831}) check_seed(seed, float32, counted);
  CHECK(counted.derived > 0);
}
