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

const RuleTheme layouts(layout_cases);

}  // namespace

TEST_CASE("rules: of layouts apply where they should and nowhere else") {
  check_cases(layout_cases());
}
