#include <doctest/doctest.h>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;

namespace {

Array ramp(const Shape& shape, double step) {
  Array a(DType::float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i)
    a.data<double>()[i] = step * static_cast<double>(i % 7 - 3);
  return a;
}

struct Network {
  Var x, h0, w, u, b;
  Vars gradients;
};

/// A recurrent network over `batch` rows at once (or single vectors) and its gradient.
Network network(bool batch) {
  Network n;
  n.x = batch ? tensor3("x", float64) : matrix("x", float64);
  n.h0 = batch ? matrix("h0", float64) : vector("h0", float64);
  n.w = matrix("w", float64);
  n.u = matrix("u", float64);
  n.b = vector("b", float64);
  const auto h = scan([&](Var x, Var h) { return tanh(dot(x, n.w) + dot(h, n.u) + n.b); },
                      {.sequences = {n.x}, .outputs_info = {n.h0}})
                     .outputs[0];
  n.gradients = grad(sum(sqr(h)), Vars{n.w, n.u, n.b, n.h0});
  return n;
}

std::size_t products_in_loops(const Vars& outputs) {
  std::size_t count = 0;
  for (const Apply* node : toposort(outputs)) {
    if (node->op().body() == nullptr) continue;
    for (const Apply* inner : node->op().body()->order()) {
      const std::string name = inner->op().name();
      count += name == "dot" || name == "gemm" ? 1 : 0;
    }
  }
  return count;
}

}  // namespace

TEST_CASE("products that a loop only sums up are one product after it") {
  for (const bool batch : {false, true}) {
    const Network n = network(batch);
    const std::vector<std::pair<Var, Array>> at{
        {n.x, ramp(batch ? Shape{5, 2, 3} : Shape{5, 3}, 0.1)},
        {n.h0, ramp(batch ? Shape{2, 4} : Shape{4}, 0.2)},
        {n.w, ramp({3, 4}, 0.15)},
        {n.u, ramp({4, 4}, 0.12)},
        {n.b, ramp({4}, 0.05)}};
    Trace trace;
    const Vars fast = rewritten(n.gradients, Mode::fast(), &trace);
    INFO(debugprint(fast));
    CHECK(trace.fired("scan_push_out"));
    const auto expected = evaluate(n.gradients, at);
    const auto actual = evaluate(fast, at);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto a = values_of(actual[i]);
      const auto e = values_of(expected[i]);
      REQUIRE(a.size() == e.size());
      for (std::size_t k = 0; k < a.size(); ++k)
        CHECK(a[k] == doctest::Approx(e[k]).epsilon(1e-10));
    }
    // What depends on the state stays: one product forward, one backward.
    CHECK(products_in_loops(fast) <= (batch ? 3 : 2));
  }
}

TEST_CASE("sums pushed out of a loop of no steps are what they started from") {
  const Var x = matrix("x", float64);
  const Var w = constant(ramp({3, 2}, 1));
  const auto total = scan([&](Var row, Var sum) { return sum + dot(row, w); },
                          {.sequences = {x}, .outputs_info = {constant(ramp({2}, 1))}})
                         .outputs[0];
  const Var all = sum(total) + 1;
  const auto at = std::vector<std::pair<Var, Array>>{{x, Array(DType::float64, Shape{0, 3})}};
  CHECK(evaluate(rewritten(all), at).item<double>() == evaluate(all, at).item<double>());
}
