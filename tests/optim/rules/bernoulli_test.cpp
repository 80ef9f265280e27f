#include <doctest/doctest.h>

#include <damo/core.hpp>
#include <damo/ops/linalg/bernoulli_dot.hpp>
#include <damo/ops/linalg/round_rows.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/rule_cases.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases bernoulli_cases() {
  const Var x = vector("x", float64);
  const Var z = vector("z", float32);
  const Var w = matrix("w", float32);
  const Var bits = cast(matrix("a", float32) > 0, float32);
  RandomStream rng(7);
  return {
      {"bernoulli_draw", rng.bernoulli(sigmoid(x), float64), rng.uniform({3}, 0.0, 1.0, float64)},
      {"bernoulli_logit", rng.bernoulli(sigmoid(z)), rng.bernoulli(tanh(z))},
      {"bernoulli_dot", rng.bernoulli(sigmoid(dot(bits, w) + z)),
       rng.bernoulli(sigmoid(dot(w, bits) + z))},
  };
}

const RuleTheme bernoulli(bernoulli_cases);

struct Operands {
  Var x = cast(matrix("a", float32) > 0.5, float32);
  Var w = matrix("w", float32), b = vector("b", float32), c = matrix("c", float32);
  Var beta = scalar("beta", float32), betas = col("betas", float32);
  Var t = dot(x, w);

  std::vector<std::pair<Var, Array>> at() const {
    RandomStream rng(3);
    const auto normal = [&](const Sizes& sizes) {
      return evaluate(cast(rng.normal(sizes), float32));
    };
    return {{x.inputs()[0].inputs()[0], normal({7, 40})},
            {w, normal({40, 33})},
            {b, normal({33})},
            {c, normal({7, 33})},
            {beta, normal({})},
            {betas, normal({7, 1})}};
  }
};

}  // namespace

TEST_CASE("rules: of Bernoulli draws apply where they should and nowhere else") {
  check_cases(bernoulli_cases());
}

TEST_CASE("a Bernoulli draw takes in the product, what is added to it, a scale and a shift") {
  const Operands o;
  for (const Var& z :
       {o.t, o.t + o.b, o.c + o.t, o.t + 0.5, o.beta * o.t, o.t * o.betas, o.beta * (o.t + o.b),
        o.beta * (o.b + o.t) + (1 - o.beta) * o.c, o.c + o.betas * (o.t + o.b), o.b + (o.t + o.c),
        (o.t + o.b) + o.betas, o.beta * o.t + o.b, specify_shape(o.t, {7, -1}) * o.beta + o.c}) {
    RandomStream rng(11);
    const Vars draw{rng.bernoulli(sigmoid(z))};
    const Vars after = rewritten(draw, Mode::fast());
    CAPTURE(debugprint(after));
    CHECK(after[0].op().name() == "bernoulli_dot");
    check_same_bits(evaluate(after, o.at())[0], evaluate(draw, o.at())[0]);
  }
}

TEST_CASE("it leaves alone what something else uses, and a scale of each element") {
  const Operands o;
  const Var scaled = o.beta * (o.t + o.b);
  for (const auto& [z, also] : {std::pair{scaled, scaled},
                                {scaled + o.c, sum(scaled)},
                                {scaled, sum(o.t + o.b)},
                                {scaled + o.c, o.t},
                                {(o.t + o.b) * o.c, o.b},
                                {o.t * o.b, o.b}}) {
    RandomStream rng(11);
    const Vars draw{rng.bernoulli(sigmoid(z)), also};
    const Vars after = rewritten(draw, Mode::fast());
    CAPTURE(debugprint(after));
    CHECK(after[0].op().name() == "bernoulli_logit");
    check_same_bits(evaluate(after, o.at())[0], evaluate(draw, o.at())[0]);
  }
}

TEST_CASE("operands of other sizes than the product's are an error with and without the rule") {
  const Operands o;
  RandomStream rng(11);
  const Var m = matrix("m", float32);
  for (const Var& z : {o.t + m, o.beta * (o.t + o.b) + m, m * (o.t + o.b)}) {
    const Vars draw{rng.bernoulli(sigmoid(z))};
    for (const Shape& sizes :
         {Shape{7, 32}, Shape{1, 33}, Shape{7, 1}, Shape{1, 1}, Shape{0, 33}}) {
      auto at = o.at();
      at.emplace_back(m, Array(float32, sizes));
      CHECK_THROWS_AS(evaluate(draw, at), ShapeError);
      CHECK_THROWS_AS(evaluate(rewritten(draw, Mode::fast()), at), ShapeError);
    }
  }
}

TEST_CASE("numbers that are not the rounded rows of a draw's matrix are an error") {
  const Operands o;
  const Var rows = lvector("rows");
  const auto drawn = [&](const Array& numbers) {
    const Var one = Arg(1.0).var(float32), zero = Arg(0.0).var(float32);
    const Var d = make_var(std::make_shared<BernoulliDot>(Shape{unknown, unknown}, false),
                           {constant(Array::from<std::int64_t>({7, 0, 3})), o.x.shape(0),
                            o.w.shape(1), o.x, o.w, o.c, one, zero, rows});
    auto at = o.at();
    at.emplace_back(rows, numbers);
    return evaluate(d, at);
  };
  const Var rounded =
      make_var(std::make_shared<RoundRows>(), {o.w, constant(Array::scalar<std::int64_t>(9))});
  const Array right = evaluate(rounded, o.at());
  check_same_bits(drawn(right), drawn(Array(int64, {0})));
  const Var v = lvector("v");
  for (const Var& other :
       {v[from(1)], concatenate({v, v}), v[range(-1, -1000000, -1)], v * 0, v + 1,
        set_subtensor(v[0], 39), set_subtensor(v[1], std::int64_t{1} << 60)})
    CHECK_THROWS_AS(drawn(evaluate(other, std::vector{std::pair{v, right}})), ShapeError);
}
