#include <doctest/doctest.h>

#include <cmath>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases cancel_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Var m = matrix("m", float64);
  const Var c = col("c", float64);
  const Var e = exp(x);
  return {
      {"cancel_factors", y * sqr(e) / e, y * sqr(x) / x},
      {"product_into_where", where(x > 0, 0.0, y / sigmoid(x)) * (sigmoid(x) * sigmoid(-x)),
       where(x > 0, 0.0, y) * tanh(x)},
      {"product_into_sum", (y / sigmoid(x) + tanh(y)) * (sigmoid(x) * sigmoid(-x)),
       (y + tanh(y)) * tanh(x)},
      {"join_powers", y * e / sqrt(e), y * x / sqrt(x)},
      {"product_of_roots", sqrt(e) * sqrt(e), sqrt(x) * sqrt(x)},
      {"divisor_out_of_sum", sum(m / sigmoid(c), 1), sum(m / exp(c), 1)},
  };
}

const RuleTheme cancels(cancel_cases);

}  // namespace

TEST_CASE("rules: of factors that cancel apply where they should and nowhere else") {
  check_cases(cancel_cases());
}

TEST_CASE("factors: what is not chosen is no zero beside what is not finite") {
  const Var x = dvector("x"), y = dvector("y"), c = dvector("c");
  const Var chosen = where(c > 0, 0.0, y / sigmoid(x)) * (sigmoid(x) * sigmoid(-x));
  Function plain = function({x, y, c}, {chosen}, {.mode = Mode::none()});
  Function fast = function({x, y, c}, {chosen});
  const std::vector<double> values{0, -0.0, 1, -3, 800, -800, INFINITY, -INFINITY, NAN};
  for (const double at : values) {
    for (const double of : values) {
      const std::vector<double> X{at}, Y{of}, C{1};
      const double p = plain(X, Y, C)[0].values<double>()[0];
      const double f = fast(X, Y, C)[0].values<double>()[0];
      CAPTURE(at);
      CAPTURE(of);
      CHECK(std::isnan(p) == std::isnan(f));
      if (!std::isnan(p)) CHECK(p == f);
    }
  }
}

TEST_CASE("factors: what is undefined over itself stays so beside what reads the same number") {
  const Var x = dvector("x"), y = dvector("y");
  const Var steps = y - 0.0 * round(x);
  for (const Var& f : {exp(log(x)), exp(sqrt(x)), sigmoid(log(x)), exp(arccos(x))}) {
    const Var quotient = steps * f / f;
    Function plain = function({x, y}, {quotient}, {.mode = Mode::none()});
    for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) {
      Function fast = function({x, y}, {quotient}, {.mode = mode});
      const std::vector<double> X{-1, -0.5, 0.5, 1, NAN}, Y{2, 2, 2, 2, 2};
      const Array expected = plain(X, Y)[0], got = fast(X, Y)[0];
      for (std::size_t i = 0; i < X.size(); ++i) {
        CAPTURE(X[i]);
        CHECK(std::isnan(expected.values<double>()[i]) == std::isnan(got.values<double>()[i]));
      }
    }
  }
}

TEST_CASE(
    "factors: what is positive over itself is 1 unless it is 0 or infinite at an infinite number") {
  for (const DType dtype : {float32, float64}) {
    const Var u = vector("u", dtype), v = vector("v", dtype);
    const auto ratio = [](const Var& x) { return x / x; };
    const Vars ratios{ratio(exp(u)), ratio(sigmoid(u)), ratio(exp(-softplus(u))), ratio(cosh(u)),
                      v * exp(u) / exp(u)};
    Function f = function({u, v}, ratios);
    const std::vector<double> at{-800, 800, 0, INFINITY, -INFINITY, NAN};
    const Array numbers = Array::from(at, Shape{6}).cast(dtype);
    const Array twos = Array::from(std::vector<double>(6, 2.0), Shape{6}).cast(dtype);
    // exp, sigmoid, exp(-softplus), cosh, times 2.
    const std::vector<std::vector<double>> infinite{
        {NAN, NAN}, {1, NAN}, {NAN, 1}, {NAN, NAN}, {NAN, NAN}};
    const Outputs found = f(numbers, twos);
    for (std::size_t i = 0; i < ratios.size(); ++i) {
      CAPTURE(i);
      const Array row = found[i].cast(float64);
      const double one = i == 4 ? 2 : 1;
      for (std::int64_t k = 0; k < 3; ++k) CHECK(row.data<double>()[k] == one);
      for (std::int64_t k = 0; k < 2; ++k) {
        const double wanted = infinite[i][static_cast<std::size_t>(k)];
        CHECK((std::isnan(wanted) ? std::isnan(row.data<double>()[3 + k])
                                  : row.data<double>()[3 + k] == wanted));
      }
      CHECK(std::isnan(row.data<double>()[5]));
    }
  }
}
