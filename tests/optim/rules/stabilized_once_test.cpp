#include <doctest/doctest.h>

#include <random>

#include <damo/core.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/engine/mode.hpp>
#include <damo/optim/engine/pipeline.hpp>
#include <damo/optim/engine/rewriter.hpp>

using namespace damo;

namespace {

/// Random expressions of vectors of four, of what stabilizing rules look for.
class RandomExpression {
 public:
  RandomExpression(unsigned seed, DType dtype)
      : random_(seed), x_(vector("x", dtype)), y_(vector("y", dtype)), c_(scalar("c", dtype)) {}

  Vars inputs() const { return {x_, y_, c_}; }
  Var cost() { return pick(2) == 0 ? sum(any_sign(4)) : number(3); }

 private:
  int pick(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  Var leaf() {
    const Vars all{x_, y_, -x_, 2 * x_, x_ + c_};
    return all[static_cast<std::size_t>(pick(5))];
  }

  Var any_sign(int depth) {
    if (depth == 0) return leaf();
    const auto next = [&] { return any_sign(depth - 1); };
    switch (pick(14)) {
      case 0:
        return exp(next());
      case 1:
        return sigmoid(next());
      case 2:
        return tanh(next());
      case 3:
        return softplus(next());
      case 4:
        return next() + next();
      case 5:
        return next() * next();
      case 6:
        return 1 - next();
      case 7:
        return next() - number(depth - 1);
      case 8:
        return where(x_ > 0, next(), next());
      case 9:
        return maximum(next(), next());
      case 10:
        return moved(depth - 1);
      case 11:
        return positive(depth - 1) / sum(positive(depth - 1));
      default:
        return log(positive(depth - 1));
    }
  }

  Var moved(int depth) {
    const Var v = any_sign(depth);
    switch (pick(4)) {
      case 0:
        return concatenate({v[range(0, 2)], any_sign(depth)[from(2)]}, 0);
      case 1:
        return flatten(reshape(v, {2, 2}).T());
      case 2:
        return map([](Var row) { return sigmoid(row); }, {stack({v, v}, 0)}).outputs[0][-1];
      default:
        return map([](Var item) { return exp(item) + 1; }, {v}).outputs[0];
    }
  }

  Var positive(int depth) {
    if (depth <= 0) return exp(leaf());
    const auto next = [&] { return positive(depth - 1); };
    switch (pick(9)) {
      case 0:
        return exp(any_sign(depth - 1));
      case 1:
        return sigmoid(any_sign(depth - 1));
      case 2:
        return 1 - sigmoid(any_sign(depth - 1));
      case 3:
        return cosh(any_sign(depth - 1));
      case 4:
        return 1 + next();
      case 5:
        return next() * next();
      case 6:
        return next() + next();
      case 7:
        return 0.5 * sqr(next());
      default:
        return abs(c_) * next();
    }
  }

  Var number(int depth) {
    switch (pick(4)) {
      case 0:
        return log(sum(positive(depth)));
      case 1:
        return log(mean(positive(depth) * positive(depth)));
      case 2:
        return mean(any_sign(depth));
      default:
        return any_sign(depth)[1];
    }
  }

  std::mt19937 random_;
  Var x_, y_, c_;
};

}  // namespace

TEST_CASE("stabilizing: nothing that runs after it leaves it anything to do in random graphs") {
  std::size_t at_first = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    RandomExpression random(seed, seed % 2 == 0 ? float64 : float32);
    const Var cost = random.cost();
    const GradOptions options{.disconnected_inputs = Disconnected::ignore};
    const FunctionGraph graph{random.inputs(), {cost, grad(cost, random.inputs()[0], options)}};
    for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) {
      const optim::RuleIndex rules(optim::chosen_rules(mode, {"stabilize"}));
      Trace trace;
      optim::Rewriter again(rules, {.pass = "again", .trace = &trace});
      static_cast<void>(again.run(optimize(graph, mode)));
      optim::Rewriter first(rules, {.pass = "first"});
      static_cast<void>(first.run(graph));
      at_first += first.applied();
      INFO(seed, " in ", mode.text(), ": ", pprint(cost), "\n", trace.text());
      CHECK(again.applied() == 0);
    }
  }
  CHECK(at_first > 400);
}
