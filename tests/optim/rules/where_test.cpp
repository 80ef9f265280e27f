#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases where_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  return {
      {"known_in_branch", where(x >= y, exp(maximum(x, y)), y),
       where(x > y, exp(maximum(x, y)), y)},
  };
}

const RuleTheme wheres(where_cases);

}  // namespace

TEST_CASE("rules: of conditions apply where they should and nowhere else") {
  check_cases(where_cases());
}
