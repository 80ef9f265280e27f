#include <doctest/doctest.h>

#include <cmath>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/gradient/gradient.hpp>
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
