#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases ifelse_cases() {
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
  };
}

const RuleTheme ifelses(ifelse_cases);

}  // namespace

TEST_CASE("rules: of choices of whole values apply where they should and nowhere else") {
  check_cases(ifelse_cases());
}
