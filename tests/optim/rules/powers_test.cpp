#include <doctest/doctest.h>

#include <cmath>

#include <damo/core.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases power_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  return {
      {"root_of_exponentials", sqrt(0.25 * sigmoid(x)), sqrt(0.25 * sigmoid(x) * y)},
      {"root_of_exponential", sqrt(sigmoid(x)), sqrt(softplus(x))},
      {"log_of_constant_power", log(pow(x, -4)), log(pow(x, 0.5))},
      {"over_exponentials", y / (2 + exp(x)), y / (2 + sigmoid(x))},
  };
}

const RuleTheme powers(power_cases);

}  // namespace

TEST_CASE("rules: of powers apply where they should and nowhere else") {
  check_cases(power_cases());
}

TEST_CASE("stable: roots of what vanishes or overflows have finite slopes") {
  const auto cases = [](const Var& x) {
    const Var s = sigmoid(x);
    const Var moved = concatenate({s(range(1, 2)), s(range(0, 1))}, 0);
    return std::vector<std::pair<Var, std::function<double(double)>>>{
        {sum(sqrt(0.25 * s)), [](double v) { return 0.25 * std::exp(v / 2); }},
        {sqrt(s[0]), [](double v) { return 0.5 * std::exp(v / 2); }},
        {sum(sqrt(moved)), [](double v) { return 0.5 * std::exp(v / 2); }},
        {sum(sqrt(sqrt(exp(x)))), [](double v) { return 0.25 * std::exp(v / 4); }},
        {sum(pow(s * exp(x), 0.75)), [](double v) { return 1.5 * std::exp(1.5 * v); }},
        {sqrt(sum(exp(x))), [](double v) { return 0.5 * std::exp(v / 2) / std::sqrt(2.0); }},
        {sqrt(mean(exp(2 * x))), [](double v) { return 0.5 * std::exp(v); }},
        {sum(1 / (1 + exp(-3 * x) * exp(-x))), [](double v) { return 4 * std::exp(4 * v); }},
        {sum(1 / (1 + 1 / exp(x))), [](double v) { return std::exp(v); }},
        {1 / (1.5 * mean(exp(-x))), [](double v) { return std::exp(v) / 3; }},
        {pow(sum(exp(-x)), -0.5),
         [](double v) { return 0.5 * std::exp(v / 2) / std::pow(2.0, 1.5); }},
    };
  };
  for (const DType dtype : {float32, float64}) {
    const Var x = vector("x", dtype);
    for (const auto& [y, slope] : cases(x)) {
      for (const Mode& mode : {Mode::fast_compile(), Mode::fast()}) {
        Function f = function({x}, {grad(y, x)}, {.mode = mode});
        for (const double at : {-60.0, -120.0, -800.0, -1000.0}) {
          const double got =
              values_of(f(Array::from(std::vector<double>{at, at}).cast(dtype))[0])[0];
          INFO(pprint(y, 20), " at ", at, ": ", got, " for ", slope(at));
          CHECK(std::abs(got - slope(at)) <= (dtype == float32 ? 1e-4 : 1e-9) * slope(at) + 1e-44);
        }
      }
    }
  }
}

TEST_CASE("stable: logarithms of powers of any size, with their slopes") {
  struct Power {
    Var y;
    double c;
    bool even = false;  ///< of negative numbers the same
  };
  for (const DType dtype : {float32, float64}) {
    const Var x = scalar("x", dtype);
    const std::vector<Power> powers{
        {log(sqr(x)), 2},
        {log(x * x), 2},
        {log(pow(x, 2)), 2},
        {log(pow(x, -2)), -2},
        {log(pow(x, 4)), 4},
        {log(1 / sqr(x)), -2},
        {log(pow(x, 3)), 3},
        {log(pow(x, -3)), -3},
        {log(pow(x, 2.5)), 2.5},
        {log(pow(x, -1.5)), -1.5},
        {log2(pow(x, 6)) * std::log(2.0), 6},
        {log(pow(abs(x), 3)), 3, true},
        {log(abs(x) * x * x), 3, true},
        {log(abs(x * x * x)), 3, true},
        {log(abs(pow(x, -5))), -5, true},
        {log(7 * sqr(x)) - std::log(7.0), 2},
        {log(pow(x, 3) / 5) + std::log(5.0), 3},
        {log(0.25 / sqr(x)) - std::log(0.25), -2},
        {log(2 * pow(sqr(x), 1.5)) - std::log(2.0), 3, true},
    };
    const double large = dtype == float32 ? 1e25 : 1e200;
    for (const auto& [y, c, even] : powers) {
      CAPTURE(pprint(y));
      const Vars all{y, grad(y, x)};
      Function plain = function({x}, {y}, {.mode = Mode::none()});
      for (const Mode& mode : {Mode::fast_compile(), Mode::fast()}) {
        Function f = function({x}, all, {.mode = mode});
        for (const double at : {large, 1 / large, 3.0, -2.0, -large}) {
          const bool defined = at > 0 || even || std::fmod(c, 2) == 0;
          const Outputs out = f(Array::scalar(at).cast(dtype));
          CAPTURE(at);
          const double value = values_of(out[0])[0], slope = values_of(out[1])[0];
          CHECK(std::isnan(value) == !defined);
          if (!defined) continue;
          CHECK(value == doctest::Approx(c * std::log(std::abs(at))).epsilon(1e-6));
          CHECK(std::abs(slope - c / at) <= 1e-6 * std::abs(c / at) + 1e-44);
        }
        for (const double at : std::vector<double>{INFINITY, -INFINITY, NAN, 0}) {
          CAPTURE(at);
          const Array point = Array::scalar(at).cast(dtype);
          const double value = values_of(f(point)[0])[0], written = values_of(plain(point)[0])[0];
          CHECK((value == written || (std::isnan(value) && std::isnan(written))));
        }
      }
    }
  }
}

TEST_CASE("stable: logarithms of products of powers of two variables, with their slopes") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Var x = scalar("x", dtype), y = scalar("y", dtype);
    const double large = dtype == float32 ? 1e25 : 1e200;
    const std::vector<std::pair<Var, double>> products{
        {log(sqr(x) * sqr(y)), 1},
        {log(x * x / (y * y)), -1},
        {log(3 * sqr(x) / sqr(y)) - std::log(3.0), -1},
        {log(pow(x, 2) * pow(y, -2)), -1}};
    for (const auto& [z, sign] : products) {
      CAPTURE(pprint(z));
      Function f = function({x, y}, {z, grad(z, x), grad(z, y)});
      const double other = sign > 0 ? 7 / large : large / 7;
      const Outputs out = f(Array::scalar(-large).cast(dtype), Array::scalar(other).cast(dtype));
      CHECK(values_of(out[0])[0] == doctest::Approx(2 * std::log(7.0)).epsilon(1e-4));
      CHECK(std::abs(values_of(out[1])[0] * large + 2) <= 1e-5);
      CHECK(std::abs(values_of(out[2])[0] * other - 2 * sign) <= 1e-5);
    }
  }
}

TEST_CASE("stable: one minus a normal probability, its logarithm and their slopes") {
  // R's pnorm(-x, log.p = TRUE), and its hazard phi(x) / pnorm(-x).
  struct Row {
    double x, log_p, hazard;
  };
  const std::vector<Row> rows{{0, -std::log(2.0), 0.79788456080286536},
                              {5, -15.064998393988725, 5.1865035},
                              {30, -454.3212439955525, 30.033259667},
                              {120, -7205.706503, 120.00833218}};
  for (const DType dtype : {float32, float64}) {
    const Var x = scalar("x", dtype);
    const Vars forms{log(1 - ndtr(x)), log(1 - 0.5 * erfc(-x / std::sqrt(2.0))),
                     log(2 - erfc(-x / std::sqrt(2.0))) - std::log(2.0), log1p(-ndtr(x))};
    for (const Var& y : forms) {
      CAPTURE(pprint(y));
      for (const Mode& mode : {Mode::fast_compile(), Mode::fast()}) {
        Function f = function({x}, {y, grad(y, x)}, {.mode = mode});
        for (const Row& row : rows) {
          const Outputs out = f(Array::scalar(row.x).cast(dtype));
          CAPTURE(row.x);
          CHECK(values_of(out[0])[0] == doctest::Approx(row.log_p).epsilon(2e-6));
          CHECK(values_of(out[1])[0] == doctest::Approx(-row.hazard).epsilon(2e-6));
        }
      }
    }
  }
}
