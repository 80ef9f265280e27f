#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

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

const RuleTheme indexings(indexing_cases);

}  // namespace

TEST_CASE("rules: of indexing apply where they should and nowhere else") {
  check_cases(indexing_cases());
}
