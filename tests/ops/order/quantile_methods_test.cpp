// The methods of quantile beside NumPy 1.24: the table is written by quantile_values.py.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/order/quantiles.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::array;
using test::check_close;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

struct Row {
  QuantileMethod method;
  Array x, expected;
};
const std::vector<Row>& rows() {
  static const std::vector<Row> all{
#include "tests/ops/order/quantile_values.inc"
  };
  return all;
}

const Array parts = test::vector({0, 0.05, 0.1, 0.25, 0.3, 0.4, 0.5, 0.625, 0.75, 0.9, 1});

std::vector<QuantileMethod> methods() {
  std::vector<QuantileMethod> all;
  for (int i = 0; i <= static_cast<int>(QuantileMethod::nearest); ++i)
    all.push_back(static_cast<QuantileMethod>(i));
  return all;
}

double of(std::vector<double> x, double q, QuantileMethod method) {
  return evaluate(quantile(constant(test::vector(std::move(x))), q, {}, {.method = method}))
      .item<double>();
}

}  // namespace

TEST_CASE("quantile: every method gives NumPy's values, in float64 and float32") {
  REQUIRE(rows().size() == 8 * methods().size());
  for (const Row& row : rows()) {
    CAPTURE(static_cast<int>(row.method));
    const Var q = constant(parts);
    const Var y = quantile(constant(row.x), q, 1, {.method = row.method});
    check_close(evaluate(y), row.expected, 1e-14);
    check_close(evaluate(test::rewritten(y)), row.expected, 1e-14);
    const Var narrow = quantile(constant(row.x.cast(float32)), q, 1, {.method = row.method});
    CHECK(narrow.dtype() == float32);
    check_close(evaluate(narrow), row.expected, 1e-6);
    const Var percents = percentile(constant(row.x), constant(test::vector({50, 100})), 1,
                                    {.keepdims = true, .method = row.method});
    check_close(evaluate(percents),
                evaluate(quantile(constant(row.x), constant(test::vector({0.5, 1})), 1,
                                  {.keepdims = true, .method = row.method})),
                0);
  }
}

TEST_CASE("quantile: whatever the method, a quantile lies among the elements and never falls") {
  std::mt19937 rng(2);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<double> x(1 + rng() % 12);
    for (double& v : x) v = static_cast<double>(rng() % 100) / 8;
    std::vector<double> q{0};
    while (q.back() < 1)
      q.push_back(std::min(1.0, q.back() + static_cast<double>(rng() % 100) / 400));
    const auto [least, most] = std::minmax_element(x.begin(), x.end());
    for (const QuantileMethod method : methods()) {
      const Array y = evaluate(
          quantile(constant(test::vector(x)), constant(test::vector(q)), {}, {.method = method}));
      double before = *least;
      for (const double v : y.values<double>()) {
        CHECK(v >= before - 1e-12);
        CHECK(v <= *most + 1e-12);
        before = v;
      }
    }
  }
}

TEST_CASE("quantile: infinite elements are taken whole by every method") {
  for (const QuantileMethod method : methods()) {
    CAPTURE(static_cast<int>(method));
    CHECK(of({-inf, 1, 2, inf}, 0, method) == -inf);
    CHECK(of({-inf, 1, 2, inf}, 1, method) == inf);
    CHECK(std::isnan(of({1, not_a_number, 2}, 0.5, method)));
  }
  CHECK(of({-inf, 1, 2, inf}, 0.5, QuantileMethod::averaged_inverted_cdf) == 1.5);
  CHECK(of({-inf, 1, 2, 3}, 0.3, QuantileMethod::averaged_inverted_cdf) == 1);
  const Var none = constant(Array(float64, {0}));
  for (const QuantileMethod method : methods()) {
    const std::string text =
        test::error_of<ShapeError>([&] { evaluate(quantile(none, 0.5, {}, {.method = method})); });
    CHECK(test::contains(text, "quantile_methods_test.cpp:"));
  }
}

TEST_CASE("quantile: derivatives are those of the elements taken, by every method") {
  const Array y = array({2, 5}, {5, 1, 4, 2, 8, 0.5, 7, 3, 9, 2.5});
  for (const QuantileMethod method : methods()) {
    CAPTURE(static_cast<int>(method));
    CHECK_NOTHROW(verify_grad(
        [&](const Var& v, const Var& q) { return quantile(v, q, 1, {.method = method}); },
        {y, test::vector({0.33, 0.61})}, {.eps = 0.005, .forward_mode = true}));
  }
  const Var q = dscalar("q");
  const Var taken = quantile(constant(y), q, {}, {.method = QuantileMethod::higher});
  CHECK(test::contains(test::error_of<GradError>([&] { grad(taken, q); }), "does not depend"));
}
