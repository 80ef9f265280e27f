#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases specialize_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Var m = matrix("m", float64);
  const Var n = matrix("n", float64);
  const Var d = dot(m, n);
  RandomStream rng(7);
  return {
      {"pow_two", pow(x, 2), pow(x, 2.5)},
      {"pow_one", pow(x, 1), pow(x, 1.5)},
      {"pow_zero", pow(x, 0), pow(x, 0.5)},
      {"pow_three", pow(x, 3), pow(x, 3.5)},
      {"pow_four", pow(x, 4), pow(x, 5)},
      {"pow_minus_one", pow(x, -1), pow(x, -0.5)},
      {"pow_minus_two", pow(x, -2), pow(x, -3)},
      {"divide_by_power_of_two", x / 4, x / 3},
      {"bernoulli_draw", rng.bernoulli(sigmoid(x), float64), rng.uniform({3}, 0.0, 1.0, float64)},
      {"square", x * x, x * y},
      {"dot_neg_left", dot(-m, n), dot(m, n)},
      {"dot_neg_right", dot(m, -n), dot(m, n)},
      {"dot_neg_transposed_left", dot((-m).T(), n), dot(m.T(), n)},
      {"dot_neg_transposed_right", dot(m, (-n).T()), dot(m, n.T())},
      {"dot_transposed", dot(m, n).T(), d.T() + d},
  };
}

RuleCases reduction_cases() {
  const Var x = vector("x", float64);
  const Var s = scalar("s", float64);
  const Var m = matrix("m", float64);
  const Var r = row("r", float64);
  const Var t = tensor3("t", float64);
  const Var k = lscalar("k");
  return {
      {"keepdims_outward", sum(m, 0, {.keepdims = true}), sum(m, 0)},
      {"reduce_no_axis", sum(r, 0), sum(m, 0)},
      {"reduce_of_reduce", sum(sum(m, 0)), sum(max(m, 0))},
      {"reduce_of_shuffled", sum(m.T()), sum(dimshuffle(t, {2, 1, 0}), 1)},
      {"scalar_operand", broadcast_to(s, {x.shape(0)}) + x, broadcast_to(s, {k}) + s},
      {"sum_neg", sum(-x), sum(x)},
      {"sum_times", sum(2 * x), sum(0.25 * x)},
      {"sum_over", sum(x / 0.3), sum(x / 3)},
      {"sum_of_repeated", sum(broadcast_to(s, {x.shape(0)})), sum(broadcast_to(s, {k - 4}))},
      {"dot_with_repeated", dot(m, broadcast_to(Arg(2.0).var(float64), {m.shape(1)})),
       dot(m, broadcast_to(Arg(2.0).var(float64), {k}))},
  };
}

const RuleTheme specialize(specialize_cases);
const RuleTheme reductions(reduction_cases);

}  // namespace

TEST_CASE("rules: cheaper ways apply where they should and keep what they say") {
  check_cases(specialize_cases());
}

TEST_CASE("rules: of reductions apply where they should and keep what they say") {
  check_cases(reduction_cases());
}
