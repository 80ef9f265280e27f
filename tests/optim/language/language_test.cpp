#include <doctest/doctest.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/engine/rewriter.hpp>
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;
using optim::any;
using optim::is_constant;
using optim::is_positive;
using optim::node_rewriter;
using optim::Rewriter;
using optim::Rule;
using optim::rule;
using optim::RuleIndex;
using optim::Soundness;

namespace {

/// `v` under these rules alone.
Var under(const std::vector<const Rule*>& rules, const Var& v) {
  const RuleIndex index(rules);
  FunctionGraph graph;
  graph.outputs = {v};
  for (const Var& leaf : leaves(std::span(&v, 1))) {
    if (is_input(leaf)) graph.inputs.push_back(leaf);
  }
  Rewriter rewriter(index, {"test"});
  return rewriter.run(graph).outputs[0];
}

}  // namespace

TEST_CASE("rules: the examples of the recipe work") {
  const Var x = any("x"), c = any("c", is_constant()), p = any("p", is_positive());
  const Rule scaled = rule("log_of_scaled_exp", log(c * exp(x)), log(c) + x).stabilizes();
  const Rule root = rule("root_of_square", sqrt(sqr(p)), p).sound(Soundness::needs_fact);
  const Var v = vector("v");
  CHECK(pprint(under({&scaled}, log(3 * exp(v)))) == "log(3) + v");
  CHECK(pprint(under({&scaled}, log(v * exp(v)))) == "log(v * exp(v))");
  CHECK(pprint(under({&root}, sqrt(sqr(exp(v))))) == "exp(v)");
  CHECK(pprint(under({&root}, sqrt(sqr(v)))) == "sqrt(sqr(v))");
  CHECK(scaled.equation() == "log(c * exp(x)) = log(c) + x");
}

TEST_CASE("rules: a right side with a placeholder that the left lacks is refused by name") {
  CHECK_THROWS_WITH_AS(rule("unbound", log(any("x")), any("y")), doctest::Contains("'unbound'"),
                       InternalError);
}

TEST_CASE("rules: a result of another type is refused by name") {
  const Rule wrong = node_rewriter("wrong", {"exp"}, "nonsense",
                                   [](const Apply& node, optim::Context&) -> std::optional<Vars> {
                                     return Vars{sum(node.input(0))};
                                   });
  CHECK_THROWS_WITH_AS(under({&wrong}, exp(vector("v"))), doctest::Contains("rule 'wrong'"),
                       InternalError);
}

TEST_CASE("rules: rules that undo each other are reported by name") {
  const Var x = any("x");
  const Rule there = rule("there", sin(x), cos(x));
  const Rule back = rule("back", cos(x), sin(x));
  CHECK_THROWS_WITH_AS(under({&there, &back}, sin(vector("v"))), doctest::Contains("there, back"),
                       InternalError);
}

TEST_CASE("rules: a sum or product is matched in part and the rest keeps its grouping") {
  const Var x = any("x");
  const Rule r = rule("r", sin(x) * cos(x), tan(x));
  const Var v = vector("v");
  const Var y = vector("y");
  CHECK(pprint(under({&r}, sin(v) * y * cos(v))) == "y * tan(v)");
  CHECK(pprint(under({&r}, y / (2 / (cos(v) * sin(v))))) == "y / (2 / tan(v))");
  CHECK(pprint(under({&r}, -(sin(v) * cos(v)))) == "-tan(v)");
  CHECK(pprint(under({&r}, sin(v) * cos(y))) == "sin(v) * cos(y)");
}

TEST_CASE("rules: the same placeholder must match the same expression") {
  const Var x = any("x");
  const Rule r = rule("r", sin(x) / sin(-x), tan(x));
  const Var v = vector("v");
  CHECK(pprint(under({&r}, sin(v) / sin(-v))) == "tan(v)");
  CHECK(pprint(under({&r}, sin(-v) / sin(v))) == "tan(-v)");
  CHECK(pprint(under({&r}, sin(v) / sin(v))) == "sin(v) / sin(v)");
}

TEST_CASE("rules: a placeholder stands for a whole sum within a longer one") {
  const Var x = any("x");
  const Rule r = rule("r", x - sin(x), cos(x));
  const Var a = vector("a");
  const Var b = vector("b");
  CHECK(pprint(under({&r}, a + b - sin(a + b))) == "cos(a + b)");
}
