#include <doctest/doctest.h>

#include <cmath>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/optim/engine/rewriter.hpp>
#include <damo/optim/verify/random_graph.hpp>
#include "tests/support/random_expression.hpp"
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;

TEST_CASE("rules: random graphs and their gradients keep their values") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    Numbers r{seed * 77777};
    const Vars in = random_inputs();
    Vars outputs{random_expression(in, r, 10)};
    for (const Var& g : grad(outputs[0], in, {.disconnected_inputs = Disconnected::ignore}))
      outputs.push_back(g);
    const auto at = random_values(in, r);
    const Vars fast = rewritten(outputs);
    const auto before = evaluate(outputs, at);
    const auto after = evaluate(fast, at);
    INFO("seed ", seed, "\n", pprint(outputs[0], 30), "\n", pprint(fast[0], 30));
    for (std::size_t k = 0; k < before.size(); ++k) {
      REQUIRE(before[k].shape() == after[k].shape());
      const auto x = values_of(before[k]);
      const auto y = values_of(after[k]);
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (std::isfinite(x[i])) CHECK(y[i] == doctest::Approx(x[i]).epsilon(1e-7));
      }
    }
  }
}

// A rule that needs a function is not tried where `reached` lacks it.
TEST_CASE("rules: what a node's terms apply is among what it reaches") {
  using Group = optim::Terms::Group;
  const optim::RuleIndex no_rules({});
  std::size_t several = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const optim::RandomGraph graph(seed);
    optim::Rewriter rewriter(no_rules, {});
    for (const Apply* node : toposort(graph.outputs())) {
      const Var v = node->output();
      const optim::Reached reached = rewriter.reached(v);
      CAPTURE(seed);
      CAPTURE(pprint(v));
      for (const Group group : {Group::sum, Group::product}) {
        const Group other = group == Group::sum ? Group::product : Group::sum;
        const optim::Terms& terms = rewriter.terms(group, v);
        several += terms.leaves().size() > 1 ? 1 : 0;
        CHECK_FALSE(
            optim::lacks(group == Group::sum ? reached.in_sum : reached.in_product, terms.heads()));
        for (const optim::Terms::Leaf& leaf : terms.leaves()) {
          optim::Steps steps;
          const optim::Terms inner(other, leaf.seen, steps);
          CHECK_FALSE(optim::lacks(reached.in_both, inner.heads()));
        }
      }
    }
  }
  CHECK(several > 1000);
}
