#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

std::vector<std::pair<Var, Array>> random_bindings(const Units& units, std::int64_t rows) {
  RandomStream rng(5);
  std::vector<std::pair<Var, Array>> all;
  for (const Unit& u : units) {
    const Sizes size = u.classes() > 0 ? Sizes{rows, u.n(), u.classes()} : Sizes{rows, u.n()};
    const auto set = u.kind().support.set;
    Var x = rng.normal(size, 0.0, 1.0, u.dtype());
    if (set == Support::Set::levels) x = rng.bernoulli(0.5 * ones_like(x), u.dtype());
    if (set == Support::Set::nonnegative) x = abs(x);
    if (set == Support::Set::interval) x = sigmoid(x);
    if (set == Support::Set::one_hot) x = rng.multinomial(exp(x));
    all.emplace_back(u, evaluate(x));
  }
  return all;
}

// log p(x | rest) differs between two states of x as the energies do.
void check_differences(const EnergyModel& m, const Unit& unit) {
  CAPTURE(unit.name());
  const auto here = random_bindings(m.units(), 6);
  const Var moved = input(unit.type(), "moved");
  auto both = here;
  Array shifted(unit.dtype(), here[0].second.shape());
  for (const auto& [v, value] : here) {
    if (!same(v, unit)) continue;
    // The same numbers, the rows in another order.
    both.emplace_back(moved, evaluate(constant(value)[range(5, -7, -1)]));
  }
  const Conditional p = m.conditional(unit);
  const Var claimed = p.log_prob(moved) - p.log_prob(unit);
  const Var truth = m.energy() - clone(m.energy(), {{unit, moved}});
  check_numbers(numbers(evaluate(claimed, both)), numbers(evaluate(truth, both)),
                tolerance(unit.dtype()));
}

}  // namespace

TEST_CASE("energy derivation: conditionals of real-valued units follow the energy") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const Var W = weights({4, 3}, 1, "W", 0.5), b = weights({4}, 2, "b", 0.5),
              c = weights({3}, 3, "c", 0.5);
    const Var z = weights({4}, 4, "z", 0.3);
    const Unit h = bernoulli("h", 3), x = gaussian("x", 4), r = relu("r", 4),
               e = truncated_exponential("e", 4), g = gaussian("g", 3);
    const std::vector<EnergyModel> models{
        {sum(sqr(x - b) * exp(-z), 1) / 2 - dot(h, c) - sum(dot(x * exp(-z), W) * h, 1),
         {.visible = {x}, .hidden = {h}}},
        {sum(sqr(r), 1) - dot(r, b) - sum(dot(r, W) * h, 1), {.visible = {r}, .hidden = {h}}},
        {sum(r * exp(dot(h, W.T())), 1) - dot(h, c), {.visible = {r}, .hidden = {h}}},
        {-dot(e, b) - dot(h, c) - sum(dot(e, W) * h, 1), {.visible = {e}, .hidden = {h}}},
        {sum(sqr(x - b), 1) + sum(sqr(g), 1) / 2 - 0.3 * sum(dot(x, W) * g, 1),
         {.visible = {x}, .hidden = {g}}},
        // the precision of x depends on h
        {sum(sqr(x) * (1 + softplus(dot(h, W.T()))), 1) - dot(x, b),
         {.visible = {x}, .hidden = {h}}},
    };
    for (std::size_t i = 0; i < models.size(); ++i) {
      CAPTURE(i);
      for (const Unit& u : models[i].units()) {
        if ((i == 2 || i == 5) && same(u, h)) continue;  // functions of dot(h, W) couple its sites
        check_differences(models[i], u);
      }
    }
  }
}

TEST_CASE("energy derivation: real-valued hidden units are integrated out") {
  const FloatXScope scope(float64);
  const Var W = weights({3, 1}, 1, "W", 0.5), c = weights({1}, 2, "c", 0.5),
            b = weights({3}, 3, "b", 0.5);
  const Unit v = bernoulli("v", 3), x = gaussian("x", 1), r = relu("r", 1),
             e = truncated_exponential("e", 1);
  const auto check_integral = [&](const EnergyModel& m, const Unit& hidden, double low,
                                  double high) {
    constexpr int points = 20001;
    const Joint joint({v});
    const Numbers f = joint.value(m.free_energy({v}));
    for (std::size_t row = 0; row < joint.rows; ++row) {
      Array states(float64, {points, 3}), sites(float64, {points, 1});
      for (int i = 0; i < points; ++i) {
        sites.data<double>()[i] = low + (high - low) * i / (points - 1);
        for (int k = 0; k < 3; ++k)
          states.data<double>()[3 * i + k] = joint.values[0].data<double>()[3 * row + k];
      }
      const std::vector<std::pair<Var, Array>> at{{v, states}, {hidden, sites}};
      const Numbers energy = numbers(evaluate(m.energy(), at));
      double sum = 0;  // Simpson's rule
      for (int i = 0; i < points; ++i)
        sum += std::exp(-energy[i]) * (i == 0 || i == points - 1 ? 1 : i % 2 == 1 ? 4 : 2);
      sum *= (high - low) / (points - 1) / 3;
      CHECK(f[row] == doctest::Approx(-std::log(sum)).epsilon(1e-8));
    }
  };
  check_integral(
      {sum(sqr(x - c), 1) - sum(dot(v, W) * x, 1) - dot(v, b), {.visible = {v}, .hidden = {x}}}, x,
      -12, 12);
  check_integral(
      {sum(sqr(r), 1) - sum(dot(v, W) * r, 1) - dot(v, b), {.visible = {v}, .hidden = {r}}}, r, 0,
      12);
  check_integral({-dot(e, c) - sum(dot(v, W) * e, 1) - dot(v, b), {.visible = {v}, .hidden = {e}}},
                 e, 0, 1);
}

TEST_CASE("energy derivation: gaussian sites that interact are one multivariate normal") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const Var C = weights({3, 5}, 1, "C", 0.5), W = weights({3, 2}, 2, "W", 0.5),
              b = weights({3}, 3, "b", 0.5);
    const Unit x = gaussian("x", 3), h = bernoulli("h", 5), m = bernoulli("m", 2);
    // A mean-covariance model: the hidden units h switch squared filters of x.
    const EnergyModel fixed(
        sum(sqr(dot(x, C)), 1) / 2 + sum(sqr(x), 1) / 2 - dot(x, b) - sum(dot(x, W) * m, 1),
        {.visible = {x}, .hidden = {m}});
    const EnergyModel switched(
        sum(sqr(dot(x, C)) * h, 1) / 2 + sum(sqr(x), 1) / 2 - dot(x, b) - sum(dot(x, W) * m, 1),
        {.visible = {x}, .hidden = {h, m}});
    for (const EnergyModel& model : {fixed, switched}) {
      CHECK(model.conditional(x).family() == "multivariate normal");
      for (const Unit& u : model.units()) check_differences(model, u);
    }
    // Normalised: log Z of the gaussian alone is (n log 2 pi - log det P + b P^-1 b) / 2.
    const EnergyModel alone(sum(sqr(dot(x, C)), 1) / 2 + sum(sqr(x), 1) / 2 - dot(x, b),
                            {.visible = {x}});
    const Var P = dot(C, C.T()) + eye(3);
    const Numbers p = numbers(evaluate(P));
    const double det = p[0] * (p[4] * p[8] - p[5] * p[7]) - p[1] * (p[3] * p[8] - p[5] * p[6]) +
                       p[2] * (p[3] * p[7] - p[4] * p[6]);
    const std::vector<std::pair<Var, Array>> zero{{x, Array(dtype, {1, 3})}};
    const double log_z = -evaluate(alone.marginal_energy({x})).cast(float64).data<double>()[0];
    const Numbers mean = numbers(evaluate(alone.conditional(x).mean(), zero));
    double quadratic = 0;
    for (int i = 0; i < 3; ++i) quadratic += mean[i] * numbers(evaluate(b))[i];
    CHECK(log_z == doctest::Approx(1.5 * std::log(2 * M_PI) - std::log(det) / 2 + quadratic / 2)
                       .epsilon(dtype == float64 ? 1e-12 : 1e-5));
    for (int i = 0; i < 3; ++i) {
      double row = 0;
      for (int j = 0; j < 3; ++j) row += p[3 * i + j] * mean[j];
      CHECK(row == doctest::Approx(numbers(evaluate(b))[i]).epsilon(1e-4));
    }
  }
}

TEST_CASE("energy derivation: draws of a multivariate normal have its covariance") {
  const FloatXScope scope(float64);
  const Unit x = gaussian("x", 2);
  const Array A = Array::from(std::vector<double>{2, 0.8, 0.8, 1}, Shape{2, 2});
  const EnergyModel m(sum(dot(x, constant(A)) * x, 1) / 2 - sum(x, 1), {.visible = {x}});
  constexpr int rows = 100000;
  const std::vector<std::pair<Var, Array>> at{{x, Array(float64, {rows, 2})}};
  const Numbers d = numbers(evaluate(m.conditional(x).sample(RandomStream(3)), at));
  double m0 = 0, m1 = 0, c00 = 0, c01 = 0, c11 = 0;
  for (int i = 0; i < rows; ++i) m0 += d[2 * i] / rows, m1 += d[2 * i + 1] / rows;
  for (int i = 0; i < rows; ++i) {
    c00 += (d[2 * i] - m0) * (d[2 * i] - m0) / rows;
    c01 += (d[2 * i] - m0) * (d[2 * i + 1] - m1) / rows;
    c11 += (d[2 * i + 1] - m1) * (d[2 * i + 1] - m1) / rows;
  }
  const double det = 2 - 0.64;
  CHECK(m0 == doctest::Approx((1 - 0.8) / det).epsilon(0.05));
  CHECK(m1 == doctest::Approx((2 - 0.8) / det).epsilon(0.02));
  CHECK(c00 == doctest::Approx(1 / det).epsilon(0.02));
  CHECK(c01 == doctest::Approx(-0.8 / det).epsilon(0.03));
  CHECK(c11 == doctest::Approx(2 / det).epsilon(0.02));
}

TEST_CASE("energy derivation: spikes and slabs are summed out one after the other") {
  const FloatXScope scope(float64);
  const Var W = weights({3, 4}, 1, "W", 0.5), b = weights({4}, 2, "b", 0.5);
  const Unit v = bernoulli("v", 3), h = bernoulli("h", 4), s = gaussian("s", 4);
  const EnergyModel m(sum(sqr(s), 1) / 2 - sum(dot(v, W) * s * h, 1) - dot(h, b),
                      {.visible = {v}, .hidden = {h, s}});
  // sum_h prod_j exp(h_j (b_j + a_j^2 / 2)), and the slabs' integral
  const Joint joint({v});
  const Var a = dot(v, W);
  const Var truth = -sum(softplus(b + sqr(a) / 2), 1) - 2 * std::log(2 * M_PI);
  check_numbers(joint.value(m.free_energy({v})), joint.value(truth), 1e-12);
}
