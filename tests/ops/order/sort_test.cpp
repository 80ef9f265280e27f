// Values that NumPy 1.24 prints, and brute force over random rows.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/order/quantiles.hpp>
#include <damo/ops/order/sort.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::contains;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;
using Integers = std::vector<std::int64_t>;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

Var doubles(const Shape& shape, std::vector<double> values) {
  return constant(Array::from(values, shape));
}
Var doubles(const std::vector<double>& values) { return constant(Array::from(values)); }
Var integers(const Integers& values) { return constant(Array::from(values)); }

void check(const Var& v, const Array& expected, double tolerance = 0) {
  check_close(evaluate(v), expected, tolerance);
  check_close(evaluate(test::rewritten(v)), expected, tolerance);
}
void check(const Var& v, std::vector<double> expected, double tolerance = 0) {
  check(v, test::vector(std::move(expected)), tolerance);
}

/// Before in the order of numbers, NaN last.
bool before(double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; }

/// Rows with equal elements, NaN, infinities and both zeros.
Array rows(DType dtype, const Shape& shape, std::mt19937& rng) {
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const auto kind = rng() % 20;
    const double value = static_cast<double>(static_cast<int>(rng() % 2001) - 1000) / 8;
    double& x = a.data<double>()[i];
    x = kind == 0 ? 0.0 : kind == 1 ? -0.0 : kind < 5 ? std::floor(value / 50) : value;
    if (is_float(dtype)) x = kind == 5 ? not_a_number : kind == 6 ? inf : kind == 7 ? -inf : x;
  }
  return a.cast(dtype);
}

}  // namespace

TEST_CASE("sort: as NumPy, with NaN last") {
  const Var x = doubles({2, 4}, {3, 1, not_a_number, 2, 0, -1, 5, -inf});
  check(sort(x), test::array({2, 4}, {1, 2, 3, not_a_number, -inf, -1, 0, 5}));
  check(argsort(x), test::array({2, 4}, {1, 3, 0, 2, 3, 1, 0, 2}));
  check(x.sort(0), test::array({2, 4}, {0, -1, 5, -inf, 3, 1, not_a_number, 2}));
  CHECK(argsort(x).dtype() == int64);
}

TEST_CASE("sort: of any dtype and length is that of the standard library, row by row") {
  std::mt19937 rng(5);
  for (const DType dtype : {boolean, int64, float32, float64}) {
    for (const std::int64_t n : {0, 1, 2, 7, 255, 256, 700, 5000}) {
      CAPTURE(name(dtype));
      CAPTURE(n);
      const Array a = rows(dtype, {n, 3}, rng);
      const Var x = constant(a);
      const Array sorted = evaluate(sort(x, 0)).cast(float64);
      const Array order = evaluate(argsort(x, 0));
      const Array wide = a.cast(float64);
      bool right = true;
      for (std::int64_t column = 0; column < 3; ++column) {
        const auto at = [&](std::int64_t i) { return wide.data<double>()[i * 3 + column]; };
        Integers places(static_cast<std::size_t>(n));
        std::iota(places.begin(), places.end(), 0);
        std::stable_sort(places.begin(), places.end(),
                         [&](auto i, auto k) { return before(at(i), at(k)); });
        for (std::int64_t i = 0; i < n; ++i) {
          const double truth = at(places[static_cast<std::size_t>(i)]);
          const double value = sorted.data<double>()[i * 3 + column];
          right = right && (value == truth || (std::isnan(value) && std::isnan(truth)));
          right = right &&
                  order.data<std::int64_t>()[i * 3 + column] == places[static_cast<std::size_t>(i)];
        }
      }
      CHECK(right);
    }
  }
}

TEST_CASE("sort: gradients go back to where the elements were") {
  const Var x = dmatrix("x");
  const Bindings at{{x, test::array({2, 3}, {3, 1, 2, -1, 5, 0})}};
  const Var weights = doubles({2, 3}, {1, 10, 100, 1000, 1e4, 1e5});
  check_close(evaluate(grad(sum(sort(x) * weights), x), at),
              test::array({2, 3}, {100, 1, 10, 1000, 1e5, 1e4}), 0);
  std::mt19937 rng(1);
  CHECK_NOTHROW(verify_grad([](const Var& v) { return sort(v, 0); },
                            {test::array({3, 2}, {3, 1, 2, -1, 5, 0})},
                            {.second_order = true, .forward_mode = true}));
}

TEST_CASE("topk: the largest first, the smallest for a negative number") {
  const Var x = doubles({2, 4}, {3, 1, 4, 2, 0, 7, -1, 7});
  check(topk(x, 2), test::array({2, 2}, {4, 3, 7, 7}));
  check(argtopk(x, 2), test::array({2, 2}, {2, 0, 1, 3}));
  check(topk(x, -3), test::array({2, 3}, {1, 2, 3, -1, 0, 7}));
  check(topk(x, 0), Array(float64, {2, 0}));
  const Var k = lscalar("k");
  const Bindings three{{k, Array::scalar<std::int64_t>(1)}};
  check_close(evaluate(topk(x, k, 0), three), test::array({1, 4}, {3, 7, 4, 7}), 0);
  const Bindings many{{k, Array::scalar<std::int64_t>(5)}};
  const std::string text = error_of<ShapeError>([&] { evaluate(topk(x, k), many); });
  CHECK(contains(text, "topk: 4, where at least 5 is needed"));
  CHECK(contains(text, "sort_test.cpp:"));
  const auto [values, places] = topk_and_argtopk(x, 1);
  check(values, test::array({2, 1}, {4, 7}));
  check(places, test::array({2, 1}, {2, 1}));
  const auto [most, where_it_is] = max_and_argmax(x, 1);
  check(most, {4, 7});
  check(where_it_is, {2, 1});
}

TEST_CASE("unique: values, first places, inverse and counts are NumPy's") {
  const UniqueParts u = unique_parts(integers({3, 1, 2, 3, 1, 1, 7}));
  check(u.values, {1, 2, 3, 7});
  check(u.index, {1, 2, 0, 6});
  check(u.inverse, {2, 0, 1, 2, 0, 0, 3});
  check(u.counts, {3, 1, 2, 1});
  check(unique(doubles({not_a_number, 1, not_a_number, 0})), {0, 1, not_a_number});
  check(unique(doubles({2, 2}, {2, 1, 1, 2})), {1, 2});
  const UniqueParts none = unique_parts(doubles({}));
  for (const Var& v : {none.values, none.index, none.inverse, none.counts})
    CHECK(evaluate(v).shape() == Shape{0});
  const Var x = dvector("x");
  const Bindings at{{x, test::vector({4, 2, 4})}};
  check_close(evaluate(grad(sum(unique(x)), x), at), test::vector({1, 1, 0}), 0);
}

TEST_CASE("searchsorted and bincount: as NumPy") {
  const Var row = integers({1, 2, 2, 4});
  const Var wanted = integers({0, 1, 2, 3, 4, 5});
  check(searchsorted(row, wanted), {0, 0, 1, 3, 3, 4});
  check(searchsorted(row, wanted, Side::right), {0, 1, 3, 3, 4, 4});
  check(searchsorted(doubles({1, 2, not_a_number}), doubles({not_a_number, 3, -inf})), {2, 2, 0});
  CHECK(evaluate(searchsorted(row, 2)).item<std::int64_t>() == 1);
  check(bincount(integers({1, 3, 1, 0})), {1, 2, 0, 1});
  check(bincount(integers({}), 2), {0, 0});
  CHECK(bincount(integers({1})).dtype() == int64);
  check(weighted_bincount(integers({1, 3, 1}), doubles({.5, 2, .25}), 6), {0, .75, 0, 2, 0, 0});
  const std::string text = error_of<ShapeError>([&] { evaluate(bincount(integers({1, -1}))); });
  CHECK(contains(text, "bincount: -1, where at least 0 is needed"));
  const Var least = lscalar("least");
  for (const Var& counts : {bincount(integers({1, 1}), least), bincount(integers({1, 1}), -3)}) {
    const Bindings at{{least, Array::scalar<std::int64_t>(-3)}};
    CHECK(contains(error_of<ShapeError>([&] { evaluate(counts, at); }), "bincount: -3, where"));
  }
  CHECK(contains(text, "sort_test.cpp:"));
}

TEST_CASE("median and quantile: as NumPy, along any axes") {
  const Var y = doubles({2, 5}, {5, 1, 4, 2, 8, 0.5, 7, 3, 9, 2});
  check(median(y, 0), {2.75, 4, 3.5, 5.5, 5});
  CHECK(evaluate(median(y)).item<double>() == 3.5);
  check(median(y, 1, {.keepdims = true}), test::array({2, 1}, {4, 3}));
  check(quantile(y, 0.3, 1), {2.4, 2.2}, 1e-15);
  CHECK(evaluate(quantile(y, 0.37)).item<double>() == doctest::Approx(2.33).epsilon(1e-15));
  const Var parts = doubles({0, .1, .5, 1});
  check(quantile(y, parts, 0), test::array({4, 5}, {0.5,  1, 3,   2,   2, 0.95, 1.6, 3.1, 2.7, 2.6,
                                                    2.75, 4, 3.5, 5.5, 5, 5,    7,   4,   9,   8}),
        1e-15);
  CHECK(evaluate(quantile(y, parts, 0, {.keepdims = true})).shape() == Shape{4, 1, 5});
  CHECK(evaluate(percentile(y, 62.5)).item<double>() == 4.625);
  check(median(doubles({2, 2}, {1, not_a_number, 3, 5}), 1), {not_a_number, 4});
  CHECK(median(integers({1, 2})).dtype() == floatX());
}

TEST_CASE("quantile: parts outside [0, 1], and of nothing, are errors with the line") {
  const Var x = dvector("x");
  const Var q = dscalar("q");
  CHECK(contains(error_of<NumericError>([&] { quantile(x, 1.5); }), "between 0 and 1 is needed"));
  for (const double wrong : {-0.1, 1.1, not_a_number}) {
    const Bindings at{{x, test::vector({1, 2})}, {q, test::number(wrong)}};
    CHECK(contains(error_of<ShapeError>([&] { evaluate(quantile(x, q), at); }), "quantile"));
  }
  const Bindings none{{x, Array(float64, {0})}};
  for (const Var& of_nothing : {median(x), median(x, 0), quantile(x, 0.3)}) {
    const auto run = [&] { function({x}, {of_nothing})(Array(float64, {0})); };
    for (const std::string& text :
         {error_of<ShapeError>([&] { evaluate(of_nothing, none); }), error_of<ShapeError>(run)}) {
      CHECK(contains(text, "where at least 1 is needed"));
      CHECK(contains(text, "sort_test.cpp:"));
      CHECK((contains(text, "median: 0") || contains(text, "quantile: 0")));
    }
  }
}

TEST_CASE("quantile: is differentiable in the elements and in the part") {
  const Array y = test::array({2, 5}, {5, 1, 4, 2, 8, 0.5, 7, 3, 9, 2.5});
  const VerifyGradOptions all{.second_order = true, .forward_mode = true};
  CHECK_NOTHROW(verify_grad([](const Var& v) { return median(v, 0); }, {y}, all));
  CHECK_NOTHROW(verify_grad([](const Var& v, const Var& q) { return quantile(v, q, 1); },
                            {y, test::vector({0.3, 0.6})}, {.eps = 0.005, .forward_mode = true}));
}

TEST_CASE("quantile: of infinite elements is infinite between them, and finite beside them") {
  check(quantile(doubles({1, 2, inf}), doubles({0, 0.25, 0.5, 0.75, 1})), {1, 1.5, 2, inf, inf});
  check(quantile(doubles({-inf, 2, 4}), doubles({0, 0.25, 0.5, 1})), {-inf, -inf, 2, 4});
  check(quantile(doubles({inf, inf}), doubles({0.3})), {inf});
  check(quantile(doubles({-1.5e308, 1.5e308}), doubles({0.5})), {0});
  CHECK(std::isnan(evaluate(quantile(doubles({-inf, inf}), 0.5)).item<double>()));
  // Wherever the median is a number, it is the quantile of a half.
  std::mt19937 rng(8);
  for (std::int64_t n = 1; n < 40; ++n) {
    const Var x = constant(rows(float64, {n, 5}, rng));
    test::check_close(evaluate(quantile(x, 0.5, 0)), evaluate(median(x, 0)), 1e-15);
  }
}

TEST_CASE("percentile: whole percents are exact, whatever floatX is") {
  check(percentile(doubles({1, 2, 3, 4}), integers({40, 100})), {2.2, 4}, 1e-15);
  const std::string text = error_of<NumericError>([&] { percentile(doubles({1}), 101); });
  CHECK(contains(text, "sort_test.cpp:"));
}

TEST_CASE("weighted_bincount: one weight does not stand for several elements") {
  error_of<ShapeError>([&] { evaluate(weighted_bincount(integers({0, 1}), doubles({2}))); });
  error_of<ShapeError>([&] { evaluate(weighted_bincount(integers({0}), doubles({2, 3}))); });
}
