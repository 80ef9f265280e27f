#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/rule_cases.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases where_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  return {
      {"known_in_branch", where(x >= 2, exp(maximum(x, 2)), y),
       where(x > y, exp(maximum(x, y)), y)},
      {"known_extremum_in_branch", where(x >= y, exp(maximum(x, y)), y),
       where(x > y, exp(maximum(x, y)), y)},
  };
}

const RuleTheme wheres(where_cases);

}  // namespace

TEST_CASE("rules: of conditions apply where they should and nowhere else") {
  check_cases(where_cases());
}

TEST_CASE("strict mode keeps which zero an extremum or a clip in a branch gives") {
  const Var x = vector("x", float64), y = vector("y", float64);
  const std::vector<std::pair<Var, Array>> at{{x, array({4}, {-0.0, 0.0, -0.0, 0.0})},
                                              {y, array({4}, {0.0, -0.0, -0.0, 0.0})}};
  for (const Var& v :
       {where(x >= 0, 1 / maximum(x, 0), 2), where(x <= y, 1 / minimum(x, y), 2),
        where(x >= y, 1 / maximum(y, x), 2), where(x >= y, maximum(x, y), -0.0),
        where(or_(x<0, x> 1), 2, 1 / clip(x, 0, 1)), where(x <= -0.0, minimum(-0.0, x), 2)}) {
    const Vars strict = rewritten(Vars{v}, Mode::strict());
    check_same_bits(evaluate(strict, at)[0], evaluate(v, at));
  }
}
