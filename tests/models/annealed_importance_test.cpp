#include <cmath>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/models/annealed_importance.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;

namespace {

Array random_array(const Shape& shape, double scale, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, scale);
  Array a(float64, shape);
  for (double& x : std::span(a.data<double>(), static_cast<std::size_t>(a.elements())))
    x = normal(random);
  return a;
}

/// log Z of the RBM with row `r` of the biases, summed over all states of both layers.
double exact_log_z(const Array& W, const Array& bv, const Array& bh, std::int64_t r) {
  const std::int64_t nv = W.shape()[0];
  const std::int64_t nh = W.shape()[1];
  double z = 0;
  for (unsigned state = 0; state < 1U << (nv + nh); ++state) {
    const auto on = [&](std::int64_t i) { return (state >> i & 1U) != 0; };
    double minus_energy = 0;
    for (std::int64_t i = 0; i < nv; ++i) {
      if (!on(i)) continue;
      minus_energy += bv.data<double>()[r * nv + i];
      for (std::int64_t j = 0; j < nh; ++j)
        if (on(nv + j)) minus_energy += W.data<double>()[i * nh + j];
    }
    for (std::int64_t j = 0; j < nh; ++j)
      if (on(nv + j)) minus_energy += bh.data<double>()[r * nh + j];
    z += std::exp(minus_energy);
  }
  return std::log(z);
}

Outputs anneal(const Array& W, const Array& bv, const Array& bh, const Array& base, int runs,
               int betas) {
  const Var beta = cast(arange(betas + 1), W.dtype()) / static_cast<double>(betas);
  const auto ais = models::build_ais(constant(W), constant(bv), constant(bh), constant(base), beta,
                                     runs, RandomStream(7));
  return function(
      {}, {ais.log_z, ais.standard_error, ais.effective_runs, ais.log_weights, ais.v_sample})();
}

}  // namespace

TEST_CASE("AIS: log Z of RBMs with their own biases is that of enumeration within its error") {
  const Array W = random_array({6, 5}, 1, 1);
  const Array bv = random_array({3, 6}, 1, 2);
  const Array bh = random_array({3, 5}, 1, 3);
  const Outputs out = anneal(W, bv, bh, random_array({6}, 0.3, 4), 400, 300);
  for (std::int64_t r = 0; r < 3; ++r) {
    const double estimate = out[0].data<double>()[r];
    const double error = out[1].data<double>()[r];
    CHECK(error < 0.02);
    CHECK(std::abs(estimate - exact_log_z(W, bv, bh, r)) < 4 * error);
    CHECK(out[2].data<double>()[r] > 300);
  }
}

TEST_CASE("AIS: without energy every weight is 1 and log Z is N log 2") {
  for (const DType dtype : {float32, float64}) {
    const Outputs out = anneal(Array(dtype, {4, 3}), Array(dtype, {2, 4}), Array(dtype, {2, 3}),
                               Array(dtype, {4}), 10, 20);
    for (const double weight : out[3].values<double>()) CHECK(weight == 0);
    for (const double log_z : out[0].values<double>())
      CHECK(log_z == doctest::Approx(7 * std::log(2.0)).epsilon(1e-14));
    for (const double error : out[1].values<double>()) CHECK(error < 1e-7);
    for (const double effective : out[2].values<double>())
      CHECK(effective == doctest::Approx(10).epsilon(1e-12));
  }
}

TEST_CASE("AIS: its last states are drawn from the RBM") {
  // Two units that want to be equal: p(11) = p(00) = e^b... by enumeration of the four states.
  const Array W = test::array({2, 1}, {4, -4});
  const Array bv = test::array({1, 2}, {-2, 2});
  const Array bh = test::array({1, 1}, {0});
  const int runs = 20000;
  const Outputs out = anneal(W, bv, bh, test::vector({0, 0}), runs, 100);
  double p[4];
  double total = 0;
  for (int s = 0; s < 4; ++s) {
    const double a = 4.0 * (s & 1) - 4.0 * (s >> 1 & 1);
    p[s] = std::exp(-2.0 * (s & 1) + 2.0 * (s >> 1 & 1)) * (1 + std::exp(a));
    total += p[s];
  }
  double count[4] = {};
  for (int r = 0; r < runs; ++r) {
    const double* v = out[4].data<double>() + 2 * r;
    count[static_cast<int>(v[0] + 2 * v[1])] += 1;
  }
  for (int s = 0; s < 4; ++s) CHECK(std::abs(count[s] / runs - p[s] / total) < 0.02);
}

TEST_CASE("AIS: log odds count each column as on and off once more") {
  const Array frames = test::array({3, 2}, {1, 0, 1, 0, 0, 0});
  const Array odds = evaluate(models::log_odds(constant(frames)));
  test::check_close(odds, test::vector({std::log(3.0 / 2), std::log(1.0 / 4)}), 1e-14);
}

TEST_CASE("AIS: betas that fall, or do not go from 0 to 1, are refused") {
  const auto build = [](const Var& betas) {
    const auto matrix_of = [](std::int64_t n, std::int64_t m) {
      return constant(Array(float32, {n, m}));
    };
    return models::build_ais(matrix_of(2, 3), matrix_of(1, 2), matrix_of(1, 3),
                             constant(Array(float32, {2})), betas, 4, RandomStream(1));
  };
  const std::vector<float> good{0, 0.25, 0.5, 1};
  const std::vector<std::vector<float>> bad{{0, 0.5, 0.25, 1}, {0, 0.5, 0.9}, {0.5, 1},
                                            {0, 0.5, NAN, 1},  {0, 2, 1},     {0, 0.5, 1.5}};
  const Var open = vector("betas");
  Function f = function({open}, {build(open).log_z});
  CHECK_NOTHROW(f(good));
  CHECK_NOTHROW(build(constant(Array::from(good))));
  for (const std::vector<float>& betas : bad) {
    CHECK_THROWS_AS(f(betas), NumericError);
    const std::string text =
        test::error_of<NumericError>([&] { build(constant(Array::from(betas))); });
    CAPTURE(text);
    CHECK(test::contains(text, "rise from 0 to 1"));
    CHECK(test::contains(text, "annealed_importance_test.cpp"));
  }
}
