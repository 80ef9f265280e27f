#include <doctest/doctest.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
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

TEST_CASE("rules: sizes that a result forgets are those of what it stands for") {
  const Rule forgetful = node_rewriter("forgetful", {"exp"}, "nonsense",
                                       [](const Apply&, optim::Context&) -> std::optional<Vars> {
                                         return Vars{sin(matrix("m", float64))};
                                       });
  const Var x = input({float64, {3, unknown}}, "x", Site::here());
  CHECK(to_string(under({&forgetful}, exp(x)).type()) == "float64 (3, ?)");
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

TEST_CASE("rules: what an identity says of whole sums holds for any rank and axes") {
  const Var x = any("x");
  const Rule r = rule("sum_neg", sum(-x), -sum(x));
  const Var v = vector("v");
  const Var m = matrix("m");
  CHECK(same_graph(under({&r}, sum(-v)), -sum(v)));
  CHECK(same_graph(under({&r}, sum(-m, 1)), -sum(m, 1)));
  CHECK(same_graph(under({&r}, sum(-m)), -sum(m)));
  CHECK(same_graph(under({&r}, sum(-m, 0, {.keepdims = true})), -sum(m, 0, {.keepdims = true})));
  CHECK(same_graph(under({&r}, sum(v)), sum(v)));
  CHECK(pprint(under({&r}, max(-v))) == pprint(max(-v)));
  CHECK(pprint(under({&r}, prod(-v))) == pprint(prod(-v)));
  CHECK(r.equation() == "sum(-x) = -sum(x)");
}

TEST_CASE("rules: trivial algebra is written as it is read") {
  const Var x = any("x");
  const Var a = any("a");
  const Var b = any("b");
  const Rule zero = rule("zero", x + 0, x);
  const Rule back = rule("back", -(-x), x);
  const Rule twice = rule("twice", maximum(x, x), x);
  const Rule minus = rule("minus", a + (-b), a - b);
  const Rule even = rule("even", abs(-x), abs(x));
  const Rule square = rule("square", x * x, sqr(x));
  const Var v = vector("v");
  const Var n = lvector("n");
  const Var w = vector("w");
  CHECK(pprint(under({&zero}, v + 0)) == "v");
  CHECK(pprint(under({&zero}, 0 + n)) == "n");
  CHECK(pprint(under({&zero}, v + 1)) == "v + 1");
  CHECK(pprint(under({&twice}, maximum(v, v))) == "v");
  CHECK(pprint(under({&twice}, maximum(v, w))) == "maximum(v, w)");
  CHECK(pprint(under({&back}, -(-n))) == "n");
  CHECK(pprint(under({&back}, -(v * -w))) == "-(v * -w)");
  CHECK(pprint(under({&minus}, -w + v)) == "v - w");
  CHECK(pprint(under({&even}, abs(-v))) == "abs(v)");
  CHECK(pprint(under({&even}, abs(v))) == "abs(v)");
  CHECK(pprint(under({&square}, exp(v) * exp(v))) == "sqr(exp(v))");
}

TEST_CASE("rules: transposes, reshapes and products match with equal parameters and ranks") {
  const Var x = any("x");
  const Var u = any("u", 1);
  const Var a = any("a");
  const Var b = any("b");
  const Rule twice = rule("twice", x.T().T(), x);
  const Rule turned = rule("turned", dot(a, b).T(), dot(b.T(), a.T()));
  const Rule row = rule("row", reshape(reshape(u, {1, -1}), {-1}), u);
  const Var m = matrix("m");
  const Var n = matrix("n");
  const Var t = tensor3("t");
  const Var v = vector("v");
  CHECK(pprint(under({&twice}, m.T().T())) == "m");
  const Var cycle = dimshuffle(dimshuffle(t, {1, 2, 0}), {1, 2, 0});
  CHECK(same_graph(under({&twice}, cycle), cycle));
  CHECK(same_graph(under({&turned}, dot(m, n).T()), dot(n.T(), m.T())));
  CHECK(same_graph(under({&turned}, dot(m, n)), dot(m, n)));
  CHECK(same_graph(under({&row}, reshape(reshape(v, {1, -1}), {-1})), v));
}

TEST_CASE("rules: sides that read further outputs of an op are refused by name") {
  const Var a = any("a");
  const auto [sign, magnitude] = slogdet(a);
  const auto refused = [](const Var& left, const Var& right, const char* why) {
    CHECK_THROWS_WITH_AS(rule("bad", left, right), doctest::Contains(why), InternalError);
  };
  refused(log(abs(det(a))), magnitude, "'bad': the right side reads a further output of 'slogdet'");
  refused(log(abs(det(a))), -magnitude, "further output of 'slogdet'");
  refused(sign, det(a), "'slogdet' has several outputs");
}

TEST_CASE("rules: sides that would apply for ever are refused by name") {
  const Var x = any("x");
  const Var y = any("y");
  const auto refused = [](const Var& left, const Var& right, const char* why) {
    CHECK_THROWS_WITH_AS(rule("bad", left, right), doctest::Contains("'bad'"), InternalError);
    CHECK_THROWS_WITH_AS(rule("bad", left, right), doctest::Contains(why), InternalError);
  };
  refused(log(x), log(x), "without end");
  refused(x + y, y + x, "without end");
  refused(exp(x), exp(exp(x)), "without end");
  refused(sum(x), sum(x), "without end");
  refused(tanh(x + y), tanh(tanh(y + x)), "without end");
  refused(x, x + 0, "no function");
  refused(log(x), vector("v"), "no placeholder");
  refused(sum(x * y), dot(x, y), "dimensions");
  CHECK_THROWS_WITH_AS(node_rewriter("lost", {"sigmiod"}, "nonsense", {}),
                       doctest::Contains("rule 'lost': there is no op 'sigmiod'"), InternalError);
}

TEST_CASE("rules: a placeholder with a rank stands for tensors of that rank only") {
  const Var u = any("u", 1);
  const Var w = any("w", 1);
  const Rule inner = rule("inner", sum(u * w), dot(u, w));
  const Var a = vector("a");
  const Var b = vector("b");
  const Var m = matrix("m");
  CHECK(pprint(under({&inner}, sum(a * b))) == "dot(a, b)");
  CHECK(same_graph(under({&inner}, sum(m * m)), sum(m * m)));
  CHECK(same_graph(under({&inner}, sum(m * m, 0)), sum(m * m, 0)));
}
