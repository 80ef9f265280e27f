#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::test;

namespace {

std::size_t count_products(const Vars& outputs) {
  std::size_t n = 0;
  for (const Apply* node : toposort(outputs)) {
    const std::string name = node->op().name();
    n += name == "dot" || name == "binary_dot" ? 1 : 0;
  }
  return n;
}

struct Chain {
  Var h = matrix("h", float64), W = matrix("W", float64), other = matrix("other", float64);
  std::vector<std::pair<Var, Array>> at() const {
    return {{h, array_of({0.5, -1, 2, 1}, DType::float64).reshaped({2, 2})},
            {W, array_of({1, 2, -1, 0.5, 3, 0.25}, DType::float64).reshaped({3, 2})},
            {other, array_of({2, 1, 0, 1, -1, 3}, DType::float64).reshaped({3, 2})}};
  }
  /// Steps from h to v = tanh(h W') and back to tanh(v W): v and h of all of them.
  std::vector<Var> run(const Arg& n_steps) const {
    return scan(
               [&](Var before) {
                 const Var v = tanh(dot(before, W.T()));
                 return Vars{v, tanh(dot(v, W))};
               },
               {.outputs_info = {none, h}, .n_steps = n_steps, .name = "chain"})
        .outputs;
  }
};

void check_same_values(const Chain& c, const Vars& before, const Vars& after) {
  const auto expected = evaluate(before, c.at()), got = evaluate(after, c.at());
  for (std::size_t i = 0; i < expected.size(); ++i) check_same_bits(got[i], expected[i]);
}

}  // namespace

TEST_CASE("a product of a loop's last value that its last step has made is taken from the loop") {
  const Chain c;
  for (const int n : {1, 2, 7}) {
    const auto outs = c.run(n);
    const Vars outputs{dot(outs[0][-1], c.W) + 1.0, outs[1][-1]};
    Trace trace;
    const Vars shared = rewritten(outputs, Mode::fast(), &trace);
    CHECK(trace.fired("scan_share_last"));
    CHECK(count_products(shared) == 0);
    check_same_values(c, outputs, shared);
    Trace without;
    const Vars kept = rewritten(outputs, Mode::fast().excluding("scan_share_last"), &without);
    CHECK_FALSE(without.fired("scan_share_last"));
    CHECK(count_products(kept) == 1);
    check_same_values(c, outputs, kept);
  }
}

TEST_CASE("products that the last step has not made stay outside") {
  const Chain c;
  const Var n = lscalar("n");
  const auto fires = [](const Vars& outputs) {
    Trace trace;
    rewritten(outputs, Mode::fast(), &trace);
    return trace.fired("scan_share_last");
  };
  const auto outs = c.run(3);
  CHECK(fires({dot(outs[0][-1], c.W)}));
  CHECK_FALSE(fires({dot(outs[0][-1], c.other)}));
  CHECK_FALSE(fires({dot(outs[1][-1], c.W.T())}));  // the next step's
  CHECK_FALSE(fires({dot(outs[0][-2], c.W)}));
  CHECK_FALSE(fires({dot(c.run(n)[0][-1], c.W)}));  // there may be no step
}
