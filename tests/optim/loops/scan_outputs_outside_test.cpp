#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::test;

namespace {

/// How many nodes of that name loops have inside.
std::size_t count_inside(const Vars& outputs, std::string_view name) {
  std::size_t n = 0;
  for (const Apply* node : toposort(outputs)) {
    const FunctionGraph* body = node->op().body();
    if (body == nullptr) continue;
    for (const Apply* inner : toposort(body->outputs)) n += inner->op().name() == name ? 1 : 0;
    n += count_inside(body->outputs, name);
  }
  return n;
}

bool fires(const Vars& outputs, const Mode& mode = Mode::fast()) {
  Trace trace;
  rewritten(outputs, mode, &trace);
  return trace.fired("scan_outputs_outside");
}

/// A chain whose steps give samples and means; the means of the last step are read.
struct Chain {
  DType dtype = float32;
  mutable RandomStream rng{3};
  Var W = matrix("W", dtype), b = vector("b", dtype), c = vector("c", dtype);
  Var start = cast(RandomStream(8).uniform({4, 6}) < 0.5, dtype);

  Vars means(const Arg& n_steps) const {
    const auto loop = scan(
        [&](Var h) {
          const Var pre = dot(h, W.T()) + b;
          const Var mean = sigmoid(pre);
          const Var v = rng.bernoulli(mean, dtype);
          return Vars{pre, mean, rng.bernoulli(sigmoid(c + dot(v, W)), dtype)};
        },
        {.outputs_info = {none, none, start}, .n_steps = n_steps});
    return {loop.outputs[1][-1], loop.outputs[0][-1], loop.outputs[2][-1]};
  }
  std::vector<std::pair<Var, Array>> at() const {
    RandomStream numbers(5);
    return {{W, evaluate(numbers.normal({9, 6}, 0.0, 1.0, dtype))},
            {b, evaluate(numbers.normal({9}, 0.0, 1.0, dtype))},
            {c, evaluate(numbers.normal({6}, 0.0, 1.0, dtype))}};
  }
};

}  // namespace

TEST_CASE("the means of a sampler's last step are computed outside, with the bits of the step's") {
  for (const DType dtype : {float32, float64}) {
    const Chain chain{dtype};
    const Vars means = chain.means(12);
    const Vars after = rewritten(means, Mode::fast());
    CHECK(fires(means));
    if (dtype == float32) CHECK(count_inside(after, "bernoulli_dot") == 2);
    const auto expected = evaluate(means, chain.at());
    const auto found = evaluate(after, chain.at());
    for (std::size_t i = 0; i < means.size(); ++i) check_same_bits(found[i], expected[i]);
  }
}

TEST_CASE("a sample that a step draws is drawn in the loop alone, and without its means") {
  const Chain chain;
  const auto loop = scan(
      [&](Var h) {
        const Var v = chain.rng.bernoulli(sigmoid(dot(h, chain.W.T()) + chain.b));
        return Vars{v, chain.rng.bernoulli(sigmoid(chain.c + dot(v, chain.W)))};
      },
      {.outputs_info = {none, chain.start}, .n_steps = 12});
  const Vars last{loop.outputs[0][-1], loop.outputs[1][-1]};
  CHECK_FALSE(fires(last));
  const Vars after = rewritten(last, Mode::fast());
  CHECK(count_inside(after, "bernoulli_dot") == 2);
  const auto expected = evaluate(last, chain.at());
  const auto found = evaluate(after, chain.at());
  for (std::size_t i = 0; i < last.size(); ++i) check_same_bits(found[i], expected[i]);
}

TEST_CASE("a product that steps make all the same is not made again outside") {
  const Chain chain{float64};
  const Vars after = rewritten(chain.means(12), Mode::fast());
  std::size_t outside = 0;
  for (const Apply* node : toposort(after)) {
    const std::string name = node->op().name();
    outside += name == "dot" || name == "binary_dot" ? 1 : 0;
  }
  CHECK(outside == 0);
  const Var W = matrix("W", float64), h = matrix("h", float64);
  const auto loop = scan(
      [&](Var before) {
        const Var v = dot(before, W.T());
        return Vars{exp(v), tanh(dot(tanh(v), W))};
      },
      {.outputs_info = {none, h}, .n_steps = 9});
  CHECK_FALSE(fires({loop.outputs[0][-1]}));
}

TEST_CASE("what the last step alone is read of leaves any loop whose step it does not feed") {
  const Var x = matrix("x", float64), W = matrix("W", float64), n = lscalar("n");
  const auto run = [&](const Arg& steps, bool until) {
    return scan(
               [&](Var x_t, Var h) {
                 const Var next = tanh(h * 0.5 + x_t);
                 const Var read = exp(dot(next, W)) + sum(h * x_t);
                 return damo::until(Vars{read, next}, sum(next) > (until ? 1.0 : 1e9));
               },
               {.sequences = {x}, .outputs_info = {none, zeros({3}, float64)}, .n_steps = steps})
        .outputs[0][-1];
  };
  RandomStream numbers(5);
  std::vector<std::pair<Var, Array>> at{{x, evaluate(numbers.normal({8, 3}, 0.0, 1.0, float64))},
                                        {W, evaluate(numbers.normal({3, 5}, 0.0, 1.0, float64))},
                                        {n, Array::scalar<std::int64_t>(8)}};
  for (const bool until : {false, true}) {
    const Vars last{run(n, until)};
    CHECK(fires(last));
    check_same_bits(evaluate(rewritten(last, Mode::fast()), at)[0], evaluate(last, at)[0]);
  }
  at.back().second = Array::scalar<std::int64_t>(0);
  const Vars last{run(n, false)};
  CHECK_THROWS_AS(evaluate(last, at), Error);
  CHECK_THROWS_AS(evaluate(rewritten(last, Mode::fast()), at), Error);
}

TEST_CASE("it stays in loops of few steps, without a product, or where other steps are read") {
  const Chain chain;
  CHECK_FALSE(fires(chain.means(3)));
  CHECK_FALSE(fires(chain.means(12), Mode::fast().excluding("scan_outputs_outside")));
  CHECK_FALSE(fires({chain.means(12)[2]}));
  const Var x = vector("x", float64);
  const auto loop = scan(
      [&](Var h) {
        return Vars{exp(h), h * x};
      },
      {.outputs_info = {none, zeros_like(x)}, .n_steps = 9});
  CHECK_FALSE(fires({loop.outputs[0][-1]}));
  CHECK_FALSE(fires({sum(loop.outputs[0])}));
}

namespace {

/// A recurrent network with values for each frame that its steps do not read.
struct Frames {
  DType dtype = float32;
  Var x = matrix("x", dtype), u = vector("u", dtype), n = lscalar("n");
  Var W = matrix("W", dtype), V = matrix("V", dtype), b = vector("b", dtype);

  Vars step(const Var& x_t, const Var& before, const Var& total, int which) const {
    const Var next = tanh(before * 0.5 + dot(x_t, V) * 0.3);
    const Var level = total * 0.5 + sum(next);
    switch (which) {
      case 0:
        return {dot(before, W) + b, next, level};
      case 1:
        return {exp(b - dot(next, W)) * level, next, level};
      case 2:
        return {sigmoid(dot(x_t, W)) + dot(before * next, W) * 2.0, next, level};
      default:
        return {dot(next, W) / (b * b + 1.0) - total, next, level};
    }
  }
  Vars traces(int which) const {
    const auto loop =
        scan([&](Var x_t, Var before, Var total) { return step(x_t, before, total, which); },
             {.sequences = {x}, .outputs_info = {none, u, total()}, .n_steps = n});
    return {loop.outputs[0], loop.outputs[1], sum(loop.outputs[2])};
  }
  Vars traces_until(int which) const {
    const auto loop = scan(
        [&](Var x_t, Var before, Var total) {
          const Vars all = step(x_t, before, total, which);
          return until(all, sum(all[1]) > 1.0);
        },
        {.sequences = {x}, .outputs_info = {none, u, total()}, .n_steps = n});
    return {loop.outputs[0], loop.outputs[1], sum(loop.outputs[2])};
  }
  Var total() const { return cast(constant(Array::scalar(0.5)), dtype); }
  std::vector<std::pair<Var, Array>> at(std::int64_t steps, std::int64_t wide = 7) const {
    RandomStream numbers(5);
    return {{x, evaluate(numbers.normal({9, 7}, 0.0, 1.0, dtype))},
            {u, evaluate(numbers.normal({7}, 0.0, 1.0, dtype))},
            {V, evaluate(numbers.normal({7, 7}, 0.0, 1.0, dtype))},
            {W, evaluate(numbers.normal({wide, 5}, 0.0, 1.0, dtype))},
            {b, evaluate(numbers.normal({5}, 0.0, 1.0, dtype))},
            {n, Array::scalar(steps)}};
  }
};

}  // namespace

TEST_CASE("what every step gives away of vectors is made outside in one, with the same bits") {
  for (const DType dtype : {float32, float64}) {
    const Frames f{dtype};
    for (const int which : {0, 1, 2, 3}) {
      CAPTURE(which);
      const Vars traces = f.traces(which);
      CHECK(fires(traces));
      const Vars after = rewritten(traces, Mode::fast());
      for (const std::int64_t steps : {9, 4, 1, 0}) {
        const auto expected = evaluate(traces, f.at(steps));
        const auto found = evaluate(after, f.at(steps));
        for (std::size_t i = 0; i < traces.size(); ++i) check_same_bits(found[i], expected[i]);
      }
      CHECK_NOTHROW(evaluate(after, f.at(0, 6)));
      CHECK_THROWS_AS(evaluate(after, f.at(3, 6)), ShapeError);
      CHECK_THROWS_AS(evaluate(after, f.at(10)), Error);
      CHECK_FALSE(fires(f.traces_until(which)));
    }
  }
}

TEST_CASE("gradients through what is made outside are those of mode none") {
  const Frames f{float64};
  for (const int which : {0, 1, 2, 3}) {
    const Var cost = sum(sqr(f.traces(which)[0]));
    const Vars all = grad(cost, {f.W, f.V, f.x, f.u});
    const auto expected = evaluate(all, f.at(9));
    const auto found = evaluate(rewritten(all, Mode::fast()), f.at(9));
    for (std::size_t i = 0; i < all.size(); ++i) check_close(found[i], expected[i], 1e-11);
  }
}
