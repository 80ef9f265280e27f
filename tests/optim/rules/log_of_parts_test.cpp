#include <cmath>

#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases log_of_parts_cases() {
  const Var x = matrix("x", float64);
  const Var y = matrix("y", float64);
  return {
      {"log_of_scatter", log(inc_subtensor(zeros_like(x)[range(1)], exp(x)[range(1)])),
       log(inc_subtensor(y[range(1)], exp(x)[range(1)]))},
      {"log_of_extremum", log(maximum(exp(x), sigmoid(y))), log(maximum(exp(x), y))},
      {"log_of_sinh_over", log(sinh(x) / x), log(sinh(x) / y)},
      {"log_of_softplus", log(softplus(x)), log(softplus(x) - 3)},
      {"log_of_ordered", log(sort(exp(x))), log(sort(x))},
      {"log_of_moved", log(sum(exp(x), 1)[range(0, 2)]), log(sum(x, 1)[range(0, 2)])},
  };
}

RuleCases product_cases() {
  const Var x = vector("x", float64);
  const Var s = sigmoid(x);
  return {
      {"log_of_guarded", log(where(isnan(x), x, exp(s))), log(where(isnan(x), 2 * x, 1.0))},
      {"log_of_product", log(3 * s), log(3 * x)},
      {"log_of_product", log(reciprocal(reciprocal(s))), log(reciprocal(reciprocal(x)))},
      {"log_of_power", log(sqrt(s)), log(sqrt(x))},
  };
}

const RuleTheme log_of_parts(log_of_parts_cases);
const RuleTheme products(product_cases);

}  // namespace

TEST_CASE("rules: of logarithms of parts apply where they should and nowhere else") {
  check_cases(log_of_parts_cases());
  check_cases(product_cases());
}

namespace {

/// Checks f, compiled, against the graph as written at these points.
void check_as_written(const std::function<Var(const Var&)>& f, const std::vector<double>& points) {
  for (const DType dtype : {float32, float64}) {
    const Var x = vector("x", dtype);
    const Var y = f(x);
    CAPTURE(pprint(y));
    const Array at = Array::from(points).cast(dtype);
    const Array expected = function({x}, {y}, {.mode = Mode::none()})(at)[0].cast(float64);
    for (const Mode& mode : {Mode::fast_compile(), Mode::fast()}) {
      const Array found = function({x}, {y}, {.mode = mode})(at)[0].cast(float64);
      for (std::size_t i = 0; i < points.size(); ++i) {
        CAPTURE(points[i]);
        const double a = expected.data<double>()[i], b = found.data<double>()[i];
        const bool same = a == b || (std::isnan(a) && std::isnan(b)) ||
                          std::abs(a - b) < 1e-6 * std::max(1.0, std::abs(a));
        INFO(a, " as written, ", b, " compiled");
        CHECK(same);
      }
    }
  }
}

}  // namespace

TEST_CASE("logarithms: of what is divided by an infinity are those of a zero") {
  const std::vector<double> points{-INFINITY, INFINITY, 2, -2, 0, 1e-30, NAN};
  check_as_written([](const Var& x) { return log(0.5 / x); }, points);
  check_as_written([](const Var& x) { return log(reciprocal(x)); }, points);
  check_as_written([](const Var& x) { return log(pow(x, -1)); }, points);
  check_as_written([](const Var& x) { return log2(3 / x); }, points);
  check_as_written([](const Var& x) { return log10(1 / x) + 1; }, points);
  check_as_written([](const Var& x) { return log(2 / x[0]) + tanh(x); }, points);
  check_as_written([](const Var& x) { return log(sigmoid(tanh(x)) / x); }, points);
  check_as_written([](const Var& x) { return log(sigmoid(tanh(x)) / x[0]); }, points);
  check_as_written([](const Var& x) { return xlogy0(tanh(x) + 2, 1 / x); }, points);
  check_as_written([](const Var& x) { return log(1 / sum(x[range(0, 2)] * tanh(x[2]))) + tanh(x); },
                   points);
}

TEST_CASE("logarithms: of one over one over an exponential are what it is the exponential of") {
  const std::vector<double> points{-1000, -100, 0, 3, 100, 1000};
  for (const DType dtype : {float32, float64}) {
    const Var x = vector("x", dtype), e = exp(x);
    for (const Var& y : {reciprocal(reciprocal(e)), 1 / (1 / e), pow(reciprocal(e), -1),
                         sort(1 / (1 / e)), reciprocal(1 / e[range(0, 6)])}) {
      CAPTURE(pprint(y));
      const Outputs out =
          function({x}, {log(y), grad(sum(log(y)), x)})(Array::from(points).cast(dtype));
      for (std::size_t i = 0; i < points.size(); ++i) {
        CHECK(out[0].cast(float64).data<double>()[i] == points[i]);
        CHECK(out[1].cast(float64).data<double>()[i] == 1);
      }
    }
  }
}

TEST_CASE("logarithms: of a power that is 1 are 0, whatever the other operand is") {
  const std::vector<double> points{-INFINITY, INFINITY, 2, -2, 0, NAN};
  check_as_written([](const Var& x) { return log(pow(1.0, x)); }, points);
  check_as_written([](const Var& x) { return log(pow(sigmoid(x), 0.0)); }, points);
  check_as_written([](const Var& x) { return log(pow(sigmoid(x), x - x[3])); }, points);
  check_as_written([](const Var& x) { return log(pow(sigmoid(x), floor(x / 10))); }, points);
  check_as_written([](const Var& x) { return log(pow(sigmoid(x[1]), x)); }, points);
  check_as_written([](const Var& x) { return log(pow(0.5, x)) + log(pow(3.0, x)); }, {2, -2, 0});
  // The slope in an exponent that is 0 is a logarithm all the same.
  const Var x = dscalar("x"), y = dscalar("y");
  for (const Mode& mode : {Mode::none(), Mode::fast_compile(), Mode::fast()}) {
    Function f = function({x, y}, {grad(log(pow(sigmoid(x), y)), y)}, {.mode = mode});
    CHECK(f(-800.0, 0.0)[0].item<double>() == doctest::Approx(-800));
  }
}

TEST_CASE("logarithm of a product: 0 times a negative number has that of 0") {
  for (const DType dtype : {float32, float64}) {
    const Var x = vector("x", dtype), y = vector("y", dtype);
    const Vars logs{log(relu(x) * y), log(sqr(x) * (y * exp(x))), log(y * cast(x > 1, dtype)),
                    log(relu(x) * cosh(y) * -2.0)};
    Function fast = function({x, y}, logs);
    Function plain = function({x, y}, logs, {.mode = Mode::none()});
    const Array at = Array::from(std::vector<double>{0, 0, 0, 3, 3}, Shape{5}).cast(dtype);
    const Array of = Array::from(std::vector<double>{-2, 2, 0, -2, 2}, Shape{5}).cast(dtype);
    const Outputs found = fast(at, of), wanted = plain(at, of);
    for (std::size_t i = 0; i < logs.size(); ++i) {
      const Array a = found[i].cast(float64), b = wanted[i].cast(float64);
      for (std::int64_t k = 0; k < 5; ++k) {
        const double f = a.data<double>()[k], p = b.data<double>()[k];
        CAPTURE(i);
        CAPTURE(k);
        CHECK((std::isnan(p) ? std::isnan(f) : f == p || f == doctest::Approx(p)));
      }
    }
  }
}
