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
