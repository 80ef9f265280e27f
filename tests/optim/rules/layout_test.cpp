#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases layout_cases() {
  const Var x = vector("x", float64);
  const Var m = matrix("m", float64);
  const Var n = matrix("n", float64);
  const Var r = row("r", float64);
  const Var six = reshape(x, {2, 15});
  return {
      {"move_outward", exp(m.T()), m.T() + n},
      {"drop_broadcast", broadcast_to(r, {m.shape(0), m.shape(1)}) + m,
       broadcast_to(r, {m.shape(0), m.shape(1)}) + 1},
      {"dimshuffle_of", m.T().T(), m.T()},
      {"shuffle_of_reshape", dimshuffle(six, {newaxis, 0, 1}), six.T()},
      {"reshape_of", reshape(six, {3, 10}), six},
      {"broadcast_of", broadcast_to(broadcast_to(r, {4, r.shape(1)}), {4, r.shape(1)}),
       broadcast_to(r, {4, r.shape(1)})},
      {"shape_of", exp(x).shape(0), x.shape(0)},
      {"specify_known", specify_shape(ifelse(true, six, m), {2, 15}),
       specify_shape(ifelse(true, n, m), {2, 15})},
      {"erase_disconnected_grad", disconnected_grad(x), zero_grad(x)},
      {"erase_zero_grad", zero_grad(x), disconnected_grad(x)},
      {"erase_grad_clip", grad_clip(x, -3, 7), zero_grad(x)},
      {"erase_grad_scale", grad_scale(x, 5), zero_grad(x)},
      {"erase_grad_undefined", grad_undefined(x, "no reason"), zero_grad(x)},
  };
}

RuleCases indexing_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Var s = scalar("s", float64);
  const Var i = lscalar("i");
  const Var e = exp(x);
  const Var six = specify_shape(x, {30});
  const Var numbers = make_vector({s, s + 1});
  return {
      {"subtensor_whole", x(all()), x[range(1, 3)]},
      {"subtensor_whole_range", x[range(0, x.shape(0))], x[range(0, y.shape(0))]},
      {"subtensor_of_vector", numbers[1], numbers[i]},
      {"subtensor_of_set", set_subtensor(six[3], s)[3], set_subtensor(x[i], s)[i]},
      {"subtensor_of_join", concatenate({x, y}, 0)[range(x.shape(0), x.shape(0) + y.shape(0))],
       concatenate({x, y}, 0)[range(1, x.shape(0))]},
      {"subtensor_of_elementwise", exp(x)[i], e[i] + e},
      {"join_of_one", concatenate({x}, 0), concatenate({x, y}, 0)},
  };
}

RuleCases choice_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Var c = bscalar("c");
  const Var d = bscalar("d");
  return {
      {"ifelse_true", ifelse(true, x, y), ifelse(c, x, y)},
      {"ifelse_false", ifelse(false, x, y), ifelse(c, x, y)},
      {"ifelse_same", ifelse(c, x, x), ifelse(c, x, y)},
      {"ifelse_not", ifelse(not_(c), x, y), ifelse(c, x, y)},
      {"decided_inside", ifelse(c, exp(ifelse(c, x, y)), y), ifelse(c, exp(ifelse(d, x, y)), y)},
      {"known_in_branch", where(x >= y, exp(maximum(x, y)), y),
       where(x > y, exp(maximum(x, y)), y)},
      {"fold_constant", exp(constant(Array::scalar(2.0))), exp(x)},
  };
}

RuleCases product_cases() {
  const Var m = matrix("m", float64);
  const Var n = matrix("n", float64);
  const Var c = matrix("c", float64);
  return {
      {"gemm_accumulate", c + dot(m, n), c + dot(m, n) * dot(m, n)},
      {"binary_product", dot(cast(m > 0.5, float64), n), dot(m, n)},
  };
}

const RuleTheme layout(layout_cases);
const RuleTheme indexing(indexing_cases);
const RuleTheme choices(choice_cases);
const RuleTheme products(product_cases);

}  // namespace

TEST_CASE("rules: of layouts and indexing apply where they should and keep what they say") {
  check_cases(layout_cases());
  check_cases(indexing_cases());
}

TEST_CASE("rules: of choices and products apply where they should and keep what they say") {
  check_cases(choice_cases());
  check_cases(product_cases());
}
