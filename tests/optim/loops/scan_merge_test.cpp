#include <doctest/doctest.h>

#include <cmath>
#include <functional>

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

TEST_CASE("loops that become the same when what no step changes leaves them are one") {
  const Var x = matrix("x", float64), W = matrix("W", float64);
  const auto loop = [&](const std::function<Var(Var)>& step) {
    return scan(step, {.outputs_info = {x}, .n_steps = 3}).outputs[0][-1];
  };
  const Var inside = loop([&](Var h) { return tanh(dot(h, W.T()) + 2.0 * dot(h, W)); });
  const Var turned = W.T();
  const Var outside = loop([&](Var h) { return tanh(dot(h, turned) + 2.0 * dot(h, W)); });
  const Vars outputs{sum(inside), sum(sqr(outside))};
  const Vars merged = rewritten(outputs);
  CHECK(count_loops(outputs) == 2);
  CHECK(count_loops(merged) == 1);
  const std::vector<std::pair<Var, Array>> at{
      {x, array_of({0.1, -0.2, 0.3, 0.4}, float64).reshaped({2, 2})},
      {W, array_of({1, 0.5, -0.3, 0.2}, float64).reshaped({2, 2})}};
  const auto was = evaluate(outputs, at), now = evaluate(merged, at);
  for (std::size_t i = 0; i < 2; ++i)
    CHECK(values_of(now[i])[0] == doctest::Approx(values_of(was[i])[0]).epsilon(1e-13));
}
