// Corner cases in which NumPy's answer is the convention; the values are what NumPy 1.24 and SciPy
// 1.10 print.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

Var doubles(const std::vector<double>& values) { return constant(Array::from(values)); }

/// Equal with the sign of zeros, as written and rewritten.
void check_exactly(const Var& v, const std::vector<double>& expected) {
  for (const Var& form : {v, rewritten(v)}) {
    const auto values = values_of(evaluate(form));
    REQUIRE(values.size() == expected.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      INFO("element ", i, " is ", values[i], " and should be ", expected[i]);
      if (std::isnan(expected[i])) {
        CHECK(std::isnan(values[i]));
      } else {
        CHECK(values[i] == expected[i]);
        CHECK(std::signbit(values[i]) == std::signbit(expected[i]));
      }
    }
  }
}

}  // namespace

TEST_CASE("numpy: a remainder of zero has the divisor's sign") {
  check_exactly(doubles({-0.0, 0.0, -6, 6, -1, 1, 5}) % doubles({7, -7, 3, -3, inf, -inf, 0}),
                {0.0, -0.0, 0.0, -0.0, inf, -inf, not_a_number});
}

TEST_CASE("numpy: the floor of a quotient is that of the exact one") {
  // 6 / 0.1 rounds to 60, but 0.1 is a little more than a tenth.
  check_exactly(floor_div(doubles({6, -6, -745, 1, -1, -inf, 3, -3, 7.5}),
                          doubles({0.1, 0.1, -inf, inf, inf, 6, 0, 0, -2})),
                {59, -60, 0.0, 0.0, -1, not_a_number, inf, -inf, -4});
}

TEST_CASE("numpy: the sign of a zero is positive zero") {
  check_exactly(sign(doubles({-0.0, 0.0, -2, not_a_number})), {0.0, 0.0, -1, not_a_number});
}

TEST_CASE("numpy: digamma is accurate next to its poles and infinite at zero") {
  for (const double x : {-1e-8, -9.43894117e-5, 1e-8}) {
    // psi(x) = -1/x - gamma + zeta(2) x - zeta(3) x^2 + ...
    const double expected =
        -1 / x - 0.57721566490153286 + x * (1.6449340668482264 - 1.2020569031595942 * x);
    CHECK(evaluate(digamma(constant(Array::scalar(x)))).item<double>() ==
          doctest::Approx(expected).epsilon(1e-13));
  }
  check_exactly(digamma(doubles({0.0, -0.0, -1, -2})), {-inf, inf, not_a_number, not_a_number});
}

TEST_CASE("numpy: statistics of too few values are not numbers") {
  check_exactly(mean(doubles({})), {not_a_number});
  check_exactly(damo::var(doubles({}), {.ddof = 1}), {not_a_number});
  check_exactly(damo::std(doubles({5}), {.ddof = 1}), {not_a_number});
  check_exactly(damo::var(doubles({5}), {.ddof = 2}), {not_a_number});
}

TEST_CASE("numpy: triangles of bool stay bool") {
  const Var m = constant(Array::from(std::vector<bool>{true, true, true, false}, Shape{2, 2}));
  CHECK(tril(m).dtype() == boolean);
  CHECK(triu(m).dtype() == boolean);
  check_exactly(tril(m), {1, 0, 1, 0});
  check_exactly(triu(m, 1), {0, 1, 0, 0});
}

TEST_CASE("numpy: any whole number is a truth value") {
  const Var n = constant(Array::from<std::int64_t>({0, 2}));
  check_exactly(and_(n, 7), {0, 1});
  check_exactly(or_(n, 3), {1, 1});
  check_exactly(xor_(n, -1), {1, 0});
  check_exactly(where(2, n, -n), {0, 2});
}

TEST_CASE("rules: a product with zero hides no constant that is not finite") {
  check_exactly(doubles({0, 0}) * doubles({inf, 1}), {not_a_number, 0});
  check_exactly(doubles({0, 0}) / doubles({0, 1}), {not_a_number, 0});
  check_exactly(0.0 * doubles({not_a_number, 3}), {not_a_number, 0});
}
