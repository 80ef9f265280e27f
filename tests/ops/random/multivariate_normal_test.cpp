// Draws of normal vectors against their closed forms.
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/order/sort.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::array;
using test::check_close;
using test::contains;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

const Array covariance = array({3, 3}, {2, 0.6, -0.4, 0.6, 1, 0.3, -0.4, 0.3, 0.5});
const Array center = test::vector({1, -2, 0.5});

double phi(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

/// The Kolmogorov-Smirnov statistic times sqrt(n): above 1.95 with probability 0.001.
double distance_from_normal(const Var& draw) {
  const Array a = evaluate(sort(draw));
  double worst = 0;
  const auto n = static_cast<double>(a.elements());
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const double f = phi(a.data<double>()[i]);
    const auto k = static_cast<double>(i);
    worst = std::max({worst, std::abs(f - k / n), std::abs(f - (k + 1) / n)});
  }
  return worst * std::sqrt(n);
}

}  // namespace

TEST_CASE("multivariate_normal: means, covariances and every projection are right") {
  for (const bool numpy : {false, true}) {
    RandomStream rng = numpy ? RandomStream::numpy_compatible(7) : RandomStream(7);
    const Array x = evaluate(
        rng.multivariate_normal({1000000}, constant(center), constant(covariance), float64));
    REQUIRE(x.shape() == Shape{1000000, 3});
    const Var v = constant(x);
    check_close(evaluate(mean(v, 0)), center, 5e-3);
    const Var off = v - constant(center);
    check_close(evaluate(dot(off.T(), off) / 1e6), covariance, 1e-2);
    for (const auto& direction : {test::vector({1, 0, 0}), test::vector({0.3, -1, 2})}) {
      const Var d = constant(direction);
      const Var variance = dot(d, dot(constant(covariance), d));
      CHECK(distance_from_normal(dot(off, d) / sqrt(variance)) < 1.95);
    }
  }
}

TEST_CASE("multivariate_normal: is the mean and the Cholesky factor times normal numbers") {
  const auto sample = [](const Sizes& size, const Var& m, const Var& c) {
    RandomStream rng(3);
    return rng.multivariate_normal(size, m, c);
  };
  const auto normal = [](const Sizes& size) {
    RandomStream rng(3);
    return rng.normal(size, 0.0, 1.0, float64);
  };
  const Var m = constant(center), c = constant(covariance);
  const Array z = evaluate(normal({2, 5, 3}));
  const Var expected = m + dot(constant(z), cholesky(c).T());
  check_close(evaluate(sample({2, 5}, m, c)), evaluate(expected), 1e-15);
  CHECK(evaluate(sample({}, m, c)).shape() == Shape{3});
  CHECK(evaluate(sample({0}, m, c)).shape() == Shape{0, 3});
  // A mean and a covariance of its own for each vector.
  const Var means = broadcast_to(m, {2, 5, 3}) + dimshuffle(arange(5), {0, newaxis});
  const Var scales = dimshuffle(cast(arange(5), float64) + 1.0, {0, newaxis, newaxis});
  const Array several = evaluate(sample({2, 5}, means, c * scales));
  const Var each = means + sqrt(dimshuffle(cast(arange(5), float64) + 1.0, {0, newaxis})) *
                               dot(constant(z), cholesky(c).T());
  check_close(several, evaluate(each), 1e-14);
  CHECK(sample({2}, cast(m, float32), cast(c, float32)).dtype() == float32);
  CHECK(sample({2}, cast(m, float32), c).dtype() == float64);
}

TEST_CASE("multivariate_normal: derivatives are those of the mean and the factor") {
  const Var m = dvector("m"), c = dmatrix("c");
  RandomStream rng(11);
  const Var x = rng.multivariate_normal({4}, m, c);
  const Var cost = sum(sqr(x) * (1.0 + arange(3)));
  const Vars g = grad(cost, {m, c});
  const Bindings at{{m, center}, {c, covariance}};
  const Array gm = evaluate(g[0], at), gc = evaluate(g[1], at);
  const double eps = 1e-6;
  const auto slope = [&](const Var& of, const Array& value, std::int64_t i, std::int64_t k) {
    double change[2];
    for (const int side : {0, 1}) {
      Array moved = value.cast(float64);
      moved.data<double>()[i] += (side == 0 ? -eps : eps);
      if (k != i) moved.data<double>()[k] += (side == 0 ? -eps : eps);
      Bindings there = at;
      for (auto& [v, a] : there) {
        if (same(v, of)) a = moved;
      }
      change[side] = evaluate(cost, there).item<double>();
    }
    return (change[1] - change[0]) / (2 * eps);
  };
  for (std::int64_t i = 0; i < 3; ++i)
    CHECK(gm.data<double>()[i] == doctest::Approx(slope(m, center, i, i)).epsilon(1e-6));
  for (std::int64_t i = 0; i < 3; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      // Of a symmetric change of both elements.
      const double both =
          gc.data<double>()[i * 3 + j] + (i == j ? 0 : gc.data<double>()[j * 3 + i]);
      CHECK(both == doctest::Approx(slope(c, covariance, i * 3 + j, j * 3 + i)).epsilon(1e-5));
    }
  }
}

TEST_CASE("multivariate_normal: parameters that do not fit are errors with the line") {
  RandomStream rng(1);
  const Var m = dvector("m"), c = dmatrix("c"), s = dscalar("s");
  const auto refused = [&](const Sizes& size, const Var& mean, const Var& cov,
                           const std::string& words) {
    const std::string text =
        error_of<ShapeError>([&] { rng.multivariate_normal(size, mean, cov); });
    CHECK(contains(text, words));
    CHECK(contains(text, "multivariate_normal_test.cpp:"));
  };
  refused({2}, s, c, "a mean is a vector");
  refused({2}, m, m, "a covariance a matrix");
  refused({2}, zeros({3}, float64), eye(4, float64), "sizes differ: 3 and 4");
  refused({2}, zeros({3, 3}, float64), c, "does not fit a sample");
  refused({1}, zeros({5, 3}, float64), c, "does not fit a sample");
  refused({}, m, zeros({2, 2, 2}, float64), "more covariances than the 1 axes");
  const Var x = rng.multivariate_normal({2}, m, c);
  const Bindings other{{m, test::vector({1, 2})}, {c, covariance}};
  const std::string text = error_of<ShapeError>([&] { evaluate(x, other); });
  CHECK(contains(text, "multivariate_normal: sizes differ: 3 and 2"));
  CHECK(contains(text, "multivariate_normal_test.cpp:"));
  const Bindings indefinite{{m, test::vector({1, 2})}, {c, array({2, 2}, {1, 2, 2, 1})}};
  CHECK(contains(error_of<NumericError>([&] { evaluate(x, indefinite); }), "cholesky"));
}
