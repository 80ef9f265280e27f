#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/slopes.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::test;

namespace {

std::size_t logarithms(const Vars& outputs) {
  std::size_t n = 0;
  for (const Apply* node : toposort(outputs)) {
    n += node->op().name() == "softplus" ? 1 : 0;
    if (const FunctionGraph* body = node->op().body()) n += logarithms(body->outputs);
  }
  return n;
}

Array extremes(DType dtype) {
  std::vector<double> values = {0.0, -0.0, 1e-300, inf, -inf, not_a_number};
  for (const double x : {1e-40, 1e-8, 0.3, 1.0, 17.0, 37.0, 88.5, 104.0, 745.0, 1e30})
    values.insert(values.end(), {x, -x});
  return array({static_cast<std::int64_t>(values.size())}, values).cast(dtype);
}

}  // namespace

TEST_CASE("softplus of both signs shares a logarithm, and has the bits it had") {
  for (const DType dtype : {float32, float64}) {
    const Var z = vector("z", dtype);
    const Vars outputs{softplus(z), softplus(-z)};
    for (const Mode& mode : {Mode::fast(), Mode::strict()}) {
      const Vars after = rewritten(outputs, mode);
      CHECK(logarithms(after) == 1);
      const std::vector<std::pair<Var, Array>> at = {{z, extremes(dtype)}};
      const auto got = evaluate(after, at), expected = evaluate(outputs, at);
      for (std::size_t i = 0; i < outputs.size(); ++i) check_same_bits(got[i], expected[i]);
    }
  }
}

TEST_CASE("a cross-entropy of logits takes one logarithm, in a loop too") {
  const Var z = matrix("z", float32), x = matrix("x", float32);
  const auto cost = [](const Var& p, const Var& t) {
    return -mean(t * log(p) + (1 - t) * log(1 - p));
  };
  CHECK(logarithms(rewritten(Vars{cost(sigmoid(z), x)}, Mode::fast())) == 1);
  const Var steps =
      scan([&](Var row) { return sum(softplus(row) * 0.3 + softplus(-row)); }, {.sequences = {z}})
          .outputs[0];
  const Vars after = rewritten(Vars{steps}, Mode::fast().excluding("scan_push_out"));
  CHECK(logarithms(after) == 1);
}

TEST_CASE("a softplus of one sign, or of two numbers, stays") {
  const Var z = vector("z"), y = vector("y");
  CHECK(logarithms(rewritten(Vars{softplus(z), softplus(-y)}, Mode::fast())) == 2);
  Trace trace;
  rewritten(Vars{softplus(z), softplus(-z)}, Mode::fast().excluding("share_softplus"), &trace);
  CHECK_FALSE(trace.fired("share_softplus"));
}
