// The gradient of a loop reads the products of the loop's steps where these were made.
#include <doctest/doctest.h>

#include <cmath>

#include <damo/core.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::test;

namespace {

std::size_t count_products(const Vars& outputs) {
  std::size_t n = 0;
  for (const Apply* node : toposort(outputs)) {
    n += node->op().name() == "dot" ? 1 : 0;
    if (const FunctionGraph* body = node->op().body()) n += count_products(body->outputs);
  }
  return n;
}

/// A unit whose slope is not that of what it gives to the next step.
struct Gated {
  Var x = tensor3("x", float64), h = matrix("h", float64);
  Var W = matrix("W", float64), b = vector("b", float64);
  Var step(const Var& x_t, const Var& before) const {
    const Var a = dot(before, W) + b + x_t;
    return sigmoid(a) * tanh(before) + softplus(a) * before;
  }
  Vars cost_and_gradients() const {
    const auto loop = scan([&](Var x_t, Var before) { return step(x_t, before); },
                           {.sequences = {x}, .outputs_info = {h}});
    const Var cost = sum(sqr(loop.outputs[0][-1]));
    Vars all = grad(cost, {W, b, x, h});
    all.insert(all.begin(), cost);
    return all;
  }
  std::vector<std::pair<Var, Array>> at() const {
    RandomStream rng(3);
    return {{x, evaluate(rng.normal({6, 3, 4}, 0.0, 0.4, float64))},
            {h, evaluate(rng.normal({3, 4}, 0.0, 0.4, float64))},
            {W, evaluate(rng.normal({4, 4}, 0.0, 0.4, float64))},
            {b, evaluate(rng.normal({4}, 0.0, 0.4, float64))}};
  }
};

}  // namespace

TEST_CASE("scan: the gradient makes no product that the loop's steps have made") {
  const Gated g;
  const Vars after = rewritten(g.cost_and_gradients(), Mode::fast());
  CAPTURE(debugprint(after));
  // Of a step: h W, and what flows back by W'. The gradient of W is a sum of products beside them.
  CHECK(count_products(after) == 2);
}

TEST_CASE("scan: gradients through stored products are those of mode none, of second order too") {
  const Gated g;
  Vars all = g.cost_and_gradients();
  all.push_back(grad(sum(sqr(all[1])) + sum(all[2]), g.W));
  const auto at = g.at();
  const auto expected = evaluate(all, at);
  for (const Mode& mode : {Mode::fast(), Mode::fast_compile(), Mode::strict()}) {
    const auto found = evaluate(rewritten(all, mode), at);
    for (std::size_t i = 0; i < all.size(); ++i) check_close(found[i], expected[i], 1e-12);
  }
  verify_grad(all[0], {g.W, g.b, g.x, g.h},
              {at[2].second, at[3].second, at[0].second, at[1].second});
  verify_grad(sum(sqr(all[1])), {g.W, g.b, g.x, g.h},
              {at[2].second, at[3].second, at[0].second, at[1].second});
}

TEST_CASE("scan: sums that a step uses twice, hundreds deep, are each looked through once") {
  const Var h = vector("h", float64), W = matrix("W", float64);
  for (const bool product : {false, true}) {
    const auto step = [&](Var before) {
      Var y = product ? dot(before, W) : before * 0.5;
      for (int i = 0; i < 300; ++i) y = y + y;
      return sin(y * std::ldexp(1.0, -300));
    };
    const Var cost = sum(scan(step, {.outputs_info = {h}, .n_steps = 3}).outputs[0][-1]);
    std::vector<std::pair<Var, Array>> at{{h, array({2}, {0.3, -0.7})}};
    if (product) at.emplace_back(W, array({2, 2}, {0.5, 0, 0, 0.5}));
    const auto found = values_of(evaluate(Vars{grad(cost, h)}, at)[0]);
    const auto starts = values_of(at[0].second);
    for (std::size_t i = 0; i < starts.size(); ++i) {
      double x = starts[i], slope = 1;
      for (int t = 0; t < 3; ++t) {
        slope *= 0.5 * std::cos(0.5 * x);
        x = std::sin(0.5 * x);
      }
      CHECK(found[i] == doctest::Approx(slope).epsilon(1e-12));
    }
  }
}
