#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::test;

namespace {

/// How many nodes of that name the graph has, in the bodies of loops too.
std::size_t count(const Vars& outputs, std::string_view name) {
  std::size_t n = 0;
  for (const Apply* node : toposort(outputs)) {
    n += node->op().name() == name ? 1 : 0;
    if (const FunctionGraph* body = node->op().body()) n += count(body->outputs, name);
  }
  return n;
}
std::size_t count_outside(const Vars& outputs, std::string_view name) {
  std::size_t n = 0;
  for (const Apply* node : toposort(outputs)) n += node->op().name() == name ? 1 : 0;
  return n;
}

struct Chain {
  mutable RandomStream rng{3};
  Var W = matrix("W", float32), b = vector("b", float32), c = vector("c", float32);
  Var start = cast(RandomStream(8).uniform({4, 6}) < 0.5, float32);

  Var step(const Var& h, const Var& weights) const {
    const Var v = rng.bernoulli(sigmoid(dot(h, weights.T()) + b));
    return rng.bernoulli(sigmoid(c + dot(v, weights)));
  }
  Var run(const Arg& n_steps) const {
    return scan([&](Var h) { return step(h, W); }, {.outputs_info = {start}, .n_steps = n_steps})
        .outputs[0][-1];
  }
  std::vector<std::pair<Var, Array>> at() const {
    const Array w = evaluate(cast(RandomStream(5).normal({9, 6}), float32));
    return {{W, w},
            {b, array({9}, {0, 1, -1, 2, -2, 0.5, 0, 0, 3}).cast(float32)},
            {c, array({6}, {1, 0, -1, 0, 0.5, -0.5}).cast(float32)}};
  }
};

bool fires(const Var& output, const Mode& mode = Mode::fast()) {
  Trace trace;
  rewritten(Vars{output}, mode, &trace);
  return trace.fired("scan_round_rows");
}

}  // namespace

TEST_CASE("a loop's weights are rounded before it, once for each layout, and its draws stay") {
  const Chain chain;
  const Vars outputs{chain.run(9)};
  const Vars after = rewritten(outputs, Mode::fast());
  CHECK(count(after, "bernoulli_dot") == 2);
  CHECK(count(after, "round_rows") == 2);
  CHECK(count_outside(after, "round_rows") == 2);
  check_same_bits(evaluate(after, chain.at())[0], evaluate(outputs, chain.at())[0]);
}

TEST_CASE("nothing is rounded where it is excluded, few steps are made, or weights change") {
  const Chain chain;
  CHECK(fires(chain.run(4)));
  CHECK(fires(chain.run(lscalar("n"))));
  CHECK_FALSE(fires(chain.run(3)));
  CHECK_FALSE(fires(chain.run(9), Mode::fast().excluding("scan_round_rows")));
  CHECK_FALSE(fires(chain.run(9), Mode::fast().excluding("bernoulli_dot")));
  const auto changing = scan(
      [&](Var h, Var w) {
        return Vars{chain.step(h, w), w * 0.5};
      },
      {.outputs_info = {chain.start, chain.W}, .n_steps = 9});
  CHECK_FALSE(fires(changing.outputs[0][-1]));
}

TEST_CASE("a product of promised shape is drawn by rounded rows too, and the promise is kept") {
  const Chain chain;
  const Var n = lscalar("n");
  const auto step = [&](const Var& h) {
    const Var v =
        chain.rng.bernoulli(sigmoid(specify_shape(dot(h, chain.W.T()), {4, n}) + chain.b));
    return chain.rng.bernoulli(sigmoid(specify_shape(dot(v, chain.W), {-1, 6}) + chain.c));
  };
  const Var last = scan(step, {.outputs_info = {chain.start}, .n_steps = 9}).outputs[0][-1];
  const Vars after = rewritten(Vars{last}, Mode::fast());
  CHECK(count(after, "bernoulli_dot") == 2);
  CHECK(count_outside(after, "round_rows") == 2);
  auto at = chain.at();
  at.emplace_back(n, Array::scalar<std::int64_t>(9));
  check_same_bits(evaluate(after, at)[0], evaluate(Vars{last}, at)[0]);
  at.back().second = Array::scalar<std::int64_t>(8);
  CHECK_THROWS_AS(evaluate(Vars{last}, at), ShapeError);
  CHECK_THROWS_AS(evaluate(after, at), ShapeError);
}

TEST_CASE("a loop inside a loop has its weights rounded outside both") {
  const Chain chain;
  const Var outer = scan(
                        [&](Var h) {
                          return scan([&](Var inner) { return chain.step(inner, chain.W); },
                                      {.outputs_info = {h}, .n_steps = 5})
                              .outputs[0][-1];
                        },
                        {.outputs_info = {chain.start}, .n_steps = 3})
                        .outputs[0][-1];
  const Vars after = rewritten(Vars{outer}, Mode::fast());
  CHECK(count(after, "bernoulli_dot") == 2);
  CHECK(count_outside(after, "round_rows") == 2);
  check_same_bits(evaluate(after, chain.at())[0], evaluate(Vars{outer}, chain.at())[0]);
}

TEST_CASE("the number of steps says when a function runs whether rounding pays") {
  const Chain chain;
  const Var n = lscalar("n");
  const Var last = chain.run(n);
  for (const std::int64_t steps : {1, 3, 4, 12}) {
    auto at = chain.at();
    at.emplace_back(n, Array::scalar(steps));
    Function f = function({chain.W, chain.b, chain.c, n}, last);
    const Array expected = evaluate(Vars{last}, at)[0];  // by the streams as they are
    check_same_bits(f(at[0].second, at[1].second, at[2].second, steps)[0], expected);
  }
}
