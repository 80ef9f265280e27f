#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

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

const RuleTheme reductions(reduction_cases);

}  // namespace

TEST_CASE("rules: of reductions apply where they should and nowhere else") {
  check_cases(reduction_cases());
}
