#include <doctest/doctest.h>

#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/engine/rewriter.hpp>
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;

TEST_CASE("rules: a chain of a hundred thousand nodes is rewritten") {
  const Var x = vector("x");
  Var v = x;
  for (int i = 0; i < 50000; ++i) v = -tanh(v);
  Trace trace;
  const Var result = rewritten(v, Mode::fast_compile(), &trace);
  CHECK(trace.visits() < 1000000);
  CHECK(result.ndim() == 1);
}

TEST_CASE("rules: the gradients of a network of two hundred layers are rewritten") {
  const Var x = matrix("x");
  Vars weights;
  Var h = x;
  for (int i = 0; i < 200; ++i) {
    weights.push_back(matrix("W"));
    h = sigmoid(dot(h, weights.back()));
  }
  Trace trace;
  const Vars result = rewritten(grad(mean(log(h)), weights), Mode::fast(), &trace);
  CHECK(result.size() == weights.size());
  CHECK(trace.visits() < 100 * weights.size() * 20);
}

TEST_CASE("rules: the gradient of a chain of thousands of nodes is rewritten") {
  const Var x = vector("x");
  Var v = x;
  for (int i = 0; i < 3000; ++i) v = tanh(v);
  const Var g = rewritten(grad(sum(v), x), Mode::fast_compile());
  CHECK(g.ndim() == 1);
}

TEST_CASE("the text of a deep graph grows with its depth and no faster") {
  const auto length = [](int depth) {
    Var v = vector("x");
    for (int i = 0; i < depth; ++i) v = tanh(v);
    return static_cast<double>(debugprint(v).size());
  };
  CHECK(length(10000) < 12 * length(1000));
}

TEST_CASE("rules: the nodes looked at grow with the graph and no faster") {
  const auto visits = [](long n, bool deep) {
    const Var x = vector("x");
    Var v = x;
    Vars outputs;
    for (long i = 0; i < n; ++i) {
      if (deep) {
        v = i % 2 == 0 ? tanh(v) * static_cast<double>(i % 7 + 2) : v + static_cast<double>(i % 5);
      } else {
        outputs.push_back(log(1 + exp(x * static_cast<double>(i + 2))));
      }
    }
    if (deep) outputs.push_back(v);
    Trace trace;
    static_cast<void>(rewritten(outputs, Mode::fast(), &trace));
    return static_cast<double>(trace.visits());
  };
  for (const bool deep : {true, false}) {
    const double small = visits(1000, deep);
    const double large = visits(10000, deep);
    CHECK(large < 12 * small);
  }
}

TEST_CASE("rules: a rule that does not apply at a node is not tried there again") {
  const optim::RuleIndex rules(optim::chosen_rules(Mode::fast(), {"stabilize", "canonicalize"}));
  const auto tries = [&](FunctionGraph& graph, optim::Learned* known) {
    optim::Rewriter rewriter(rules, {.pass = "test", .learned = known});
    graph = rewriter.run(graph);
    return rewriter.tries();
  };
  const auto chain = [](int depth) {
    const Var x = vector("x");
    Var v = x;
    for (int i = 0; i < depth; ++i) v = tanh(v) * 1.5 + x;
    return FunctionGraph{{x}, {v}};
  };
  FunctionGraph graph = chain(100);
  optim::Learned learned;
  const std::size_t first = tries(graph, &learned);
  CHECK(first > 300);
  CHECK(tries(graph, &learned) == 0);
  CHECK(tries(graph, nullptr) == first);
  FunctionGraph large = chain(1000);
  CHECK(tries(large, nullptr) < 12 * first);
}

TEST_CASE("rules: a rule that minds another reader applies when that one is gone") {
  const Var x = matrix("x");
  const Var rows = sum(x, 0);
  for (const bool other_reader : {true, false}) {
    const Var other = where(other_reader, sum(exp(rows)), 0.0);
    Trace trace;
    static_cast<void>(rewritten({sum(rows), other}, Mode::fast(), &trace));
    CHECK(trace.fired("reduce_of_reduce") != other_reader);
  }
}

TEST_CASE("rules: the sizes of each layer of a deep network are found in one walk") {
  const auto made = [](int depth) {
    Var h = matrix("x");
    for (int i = 0; i < depth; ++i) h = tanh(h) / cast(h.shape(0), h.dtype());
    const std::uint64_t before = scalar().owner().id();
    static_cast<void>(rewritten(h, Mode::fast_compile()));
    return static_cast<double>(scalar().owner().id() - before);
  };
  CHECK(made(1000) < 15 * made(100));
}
