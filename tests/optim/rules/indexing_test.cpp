#include <doctest/doctest.h>

#include <damo/core.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/rule_cases.hpp"
#include "tests/support/values.hpp"

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
  const Var m = matrix("m", float64), w = matrix("w", float64);
  const Var numbers = make_vector({s, s + 1});
  return {
      {"subtensor_whole", x(all()), x[range(1, 3)]},
      {"subtensor_whole_range", x[range(0, x.shape(0))], x[range(0, y.shape(0))]},
      {"subtensor_of_vector", numbers[1], numbers[i]},
      {"subtensor_of_set", set_subtensor(six[3], s)[3], set_subtensor(x[i], s)[i]},
      {"subtensor_of_inc", inc_subtensor(zeros({6}, float64)[3], s)[3],
       inc_subtensor(ones({6}, float64)[3], s)[3]},
      {"subtensor_of_join", concatenate({x, y}, 0)[range(x.shape(0), x.shape(0) + y.shape(0))],
       concatenate({x, y}, 0)[range(1, x.shape(0))]},
      {"subtensor_of_elementwise", exp(x)[i], e[i] + e},
      {"subtensor_of_new_axis", shuffle_axes(x, {-1, 0})[0], shuffle_axes(x, {0, -1})[0]},
      {"subtensor_of_dot", dot(m, w)[0], dot(m, w)[i]},
      {"join_of_one", concatenate({x}, 0), concatenate({x, y}, 0)},
  };
}

const RuleTheme indexings(indexing_cases);

}  // namespace

TEST_CASE("rules: of indexing apply where they should and nowhere else") {
  check_cases(indexing_cases());
}

TEST_CASE("rules: rows of a product are the products of rows, with the same bits and errors") {
  const Var m = matrix("m", float32), w = matrix("w", float32);
  RandomStream numbers(4);
  const auto normal = [&](const Sizes& sizes) {
    return evaluate(numbers.normal(sizes, 0.0, 1.0, float32));
  };
  for (const Var& rows : {dot(m, w)[0], dot(m, w)[-1], dot(m, w)[2], dot(m, w)[range(1, 3)],
                          dot(m, w)[range(-1, -3, -1)], dot(m, w)(range(0, 0), all())}) {
    const Vars after = rewritten(Vars{rows}, Mode::fast());
    CHECK(after[0].op().name() == "dot");
    for (const auto& [a, b, c] :
         {std::tuple{4, 30, 7}, {3, 1, 1}, {5, 0, 3}, {3, 200, 300}, {70, 20, 90}}) {
      const std::vector<std::pair<Var, Array>> at{{m, normal({a, b})}, {w, normal({b, c})}};
      check_same_bits(evaluate(after, at)[0], evaluate(rows, at));
    }
    const std::vector<std::pair<Var, Array>> bad{{m, normal({4, 3})}, {w, normal({2, 5})}};
    CHECK_THROWS_AS(evaluate(after, bad), ShapeError);
  }
  const Vars third = rewritten(Vars{dot(m, w)[2]}, Mode::fast());
  const std::vector<std::pair<Var, Array>> short_of{{m, normal({2, 3})}, {w, normal({3, 5})}};
  CHECK_THROWS_AS(evaluate(third, short_of), Error);
}

TEST_CASE("indexing: what is added to zeros and read again has the sign that a sum with 0 has") {
  const Var x = scalar("x", float64);
  const Var y = 1.0 / inc_subtensor(zeros({3}, float64)[1], x)[1];
  for (const Mode& mode : {Mode::none(), Mode::strict()})
    CHECK(function({x}, {y}, {.mode = mode})(-0.0).scalar<double>(0) == INFINITY);
  CHECK_NOTHROW(function({x}, {y}, {.mode = Mode::debug()})(-0.0));
}
