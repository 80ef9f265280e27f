#include <cmath>

#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases product_cases() {
  const Var m = matrix("m", float64);
  const Var n = matrix("n", float64);
  const Var c = matrix("c", float64);
  const Var v = vector("v", float64);
  return {
      {"gemm_accumulate", c + dot(m, n), c + dot(m, n) * dot(m, n)},
      {"gemm_chain", c - dot(m, n) * 2.0 + dot(n, m), c - dot(m, n) * 2.0},
      {"binary_product", dot(cast(m > 0.5, float64), n), dot(m, n)},
      {"binary_product", dot(round(m), n), dot(m * 0.5, n)},
      {"binary_product", dot(cast(v > 0.5, float64), n), dot(v, n)},
  };
}

const RuleTheme products(product_cases);

}  // namespace

TEST_CASE("rules: of products apply where they should and nowhere else") {
  check_cases(product_cases());
}

TEST_CASE("products: of nothing, times what is not finite, are no zeros") {
  const Var a = matrix("a"), b = matrix("b"), c = matrix("c"), s = scalar("s");
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    Function f = function({a, b, c, s}, {c + dot(a, b) / s}, {.mode = mode});
    const auto at = [&](float divisor) {
      return f(Array(float32, {1, 0}), Array(float32, {0, 2}), Array(float32, {1, 2}), divisor)[0]
          .values<float>()[1];
    };
    CHECK(std::isnan(at(0)));
    CHECK(at(2) == 0);
  }
}
