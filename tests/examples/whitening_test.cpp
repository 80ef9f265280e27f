#include <doctest/doctest.h>

#include <random>

#include <damo/damo.hpp>
#include "examples/support/whitening.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::examples;
using test::check_close;

namespace {

/// Correlated pixels, the last of which never changes.
Array pictures(std::int64_t n) {
  std::mt19937 rng(3);
  std::normal_distribution<double> draw;
  std::vector<double> values;
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = draw(rng), b = draw(rng), c = draw(rng);
    for (const double x : {a + 2, a + 0.3 * b, b - a + 0.1 * c, 4.0}) values.push_back(x);
  }
  return Array::from(values, {n, 4});
}

}  // namespace

TEST_CASE("whitening: by ZCA variances become s / (s + epsilon) along the same directions") {
  const Var x = constant(pictures(2000));
  const Whitening plain(x, false), zca(x, true, 0.01);
  const auto covariance = [](const Var& v) { return dot(v.T(), v) / v.shape(0); };
  const auto [s, u] = eigh(covariance(plain.whitened(x)));
  const Var expected = dot(u * (s / (s + 0.01)), u.T());
  check_close(evaluate(mean(zca.whitened(x), 0)), Array(float64, {4}), 1e-12);
  check_close(evaluate(covariance(zca.whitened(x))), evaluate(expected), 1e-9);
  // Without an epsilon to speak of, what varies has the variance 1.
  const Whitening sharp(x, true, 1e-9);
  check_close(evaluate(trace(covariance(sharp.whitened(x)))), test::number(3), 1e-4);
}

TEST_CASE("whitening: images come back, and filters are what they add to one") {
  const Var x = constant(pictures(50));
  const Var w = constant(test::counting({4, 2}, -3));
  for (const bool zca : {false, true}) {
    const Whitening whitening(x, zca);
    check_close(evaluate(whitening.images(whitening.whitened(x))), evaluate(x), 1e-10);
    const Var base = constant(Array(float64, {1, 4}));
    const Var added = (whitening.images(base + w.T()) - whitening.images(base)).T();
    const Array filters = evaluate(whitening.in_pixels(w));
    const double scale = evaluate(added).data<double>()[0] / filters.data<double>()[0];
    check_close(evaluate(constant(filters) * scale), evaluate(added), 1e-10);
  }
  const Var same = constant(test::array({2, 2}, {1, 1, 1, 1}));
  CHECK_THROWS_AS(Whitening(same, true), ShapeError);
}
