#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases softmax_cases() {
  const Var x = matrix("x", float64);
  const Var y = matrix("y", float64);
  return {
      {"exp_of_log_softmax", exp(log_softmax(x)), exp(log_softmax(x) - y)},
      {"quotient_of_weighted_sums", sum(y * exp(x)) / sum(exp(x)), sum(y * x) / sum(exp(x))},
      {"log_of_softmax", log(softmax(x)), log(softmax(x) + 1e-7)},
      {"quotient_of_sums", exp(x) / sum(exp(x), 1, {.keepdims = true}),
       exp(y) / sum(tanh(x), 1, {.keepdims = true})},
      {"minus_log_sum_exp", x - logsumexp(x, {1}, {.keepdims = true}),
       y - logsumexp(x, {1}, {.keepdims = true})},
  };
}

const RuleTheme softmaxs(softmax_cases);

}  // namespace

TEST_CASE("rules: of sums of exponentials apply where they should and nowhere else") {
  check_cases(softmax_cases());
}
