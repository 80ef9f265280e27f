#include <doctest/doctest.h>

#include <cmath>

#include <damo/core.hpp>
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;

namespace {

std::size_t count_loops(const Vars& outputs) {
  std::size_t n = 0;
  for (const Apply* node : toposort(outputs)) n += node->op().body() != nullptr ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("two maps over one vector become one loop with the same values") {
  const Var x = vector("x", float64);
  const Var c = scalar("c", float64);
  const auto first = map([&](Var v) { return exp(v) + c; }, {x}, {.non_sequences = {c}}).outputs[0];
  const auto second = map([&](Var v) { return v * c; }, {x}, {.non_sequences = {c}}).outputs[0];
  const Vars outputs{first, second};
  CHECK(count_loops(outputs) == 2);
  for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) {
    Trace trace;
    const Vars merged = rewritten(outputs, mode, &trace);
    CHECK(trace.fired("scan_merge"));
    CHECK(count_loops(merged) <= 1);
    const std::vector<std::pair<Var, Array>> at{{x, array_of({-1, 0, 2}, DType::float64)},
                                                {c, Array::scalar(3.0)}};
    const auto values = evaluate(merged, at);
    CHECK(values_of(values[0])[2] == doctest::Approx(std::exp(2.0) + 3));
    CHECK(values_of(values[1]) == std::vector<double>{-3, 0, 6});
  }
}

TEST_CASE("loops over other things, or with states, are not joined") {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const auto over_x = map([](Var v) { return sqrt(abs(v)) + 1; }, {x}).outputs[0];
  const auto over_y = map([](Var v) { return v * v; }, {y}).outputs[0];
  CHECK(count_loops(rewritten(Vars{over_x, over_y})) == count_loops(Vars{over_x, over_y}));
  const auto up = scan([](Var v, Var h) { return h + sqr(v); },
                       {.sequences = {x}, .outputs_info = {Arg(0.0).var(float64)}})
                      .outputs[0];
  const auto down = scan([](Var v, Var h) { return h - exp(v); },
                         {.sequences = {x}, .outputs_info = {Arg(0.0).var(float64)}})
                        .outputs[0];
  const Vars merged = rewritten(Vars{up, down});
  const auto values =
      evaluate(merged, std::vector<std::pair<Var, Array>>{{x, array_of({1, 2}, DType::float64)}});
  CHECK(values_of(values[0]) == std::vector<double>{1, 5});
  CHECK(values_of(values[1])[1] == doctest::Approx(-std::exp(1.0) - std::exp(2.0)));
}
