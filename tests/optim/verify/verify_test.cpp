#include <doctest/doctest.h>

#include <cmath>
#include <iostream>
#include <set>
#include <string>

#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/verify/verify.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using optim::Soundness;
using optim::Verification;
using optim::verify;

namespace {

/// How many nodes the counterexample's first side has, leaves not counted.
std::size_t size_of(const Verification& v) {
  std::size_t n = 0;
  for (const Apply* node : toposort(std::span(&v.lie->before, 1)))
    n += node->inputs().empty() ? 0 : 1;
  return n;
}

void check_caught(const optim::Rule& rule, std::size_t most_nodes) {
  const Verification v = verify(rule);
  INFO(v.text());
  REQUIRE(v.lie);
  CHECK(size_of(v) <= most_nodes);
  for (const auto& [input, value] : v.lie->values) CHECK(value.elements() <= 1);
}

}  // namespace

TEST_CASE("verify: x / x = 1 is caught, as an identity and as a rewriter") {
  const Var x = optim::any("x");
  check_caught(optim::rule("planted", x / x, Arg(1.0).var(float64)).canonicalizes(), 1);
  check_caught(optim::rule("planted", x / x, Arg(1.0).var(float64)).stabilizes(), 1);
  const auto one = [](const Apply& node, optim::Context&) -> std::optional<Vars> {
    if (!same(node.input(0), node.input(1))) return std::nullopt;
    return Vars{optim::fit(optim::filled_like(node.output(), 1), node.output())};
  };
  check_caught(optim::node_rewriter("planted", {"div"}, "x / x = 1", one).canonicalizes(), 1);
}

TEST_CASE("verify: what lies is printed in a few lines") {
  const Var x = optim::any("x");
  const Verification v = verify(optim::rule("root_of_square", sqrt(sqr(x)), x).canonicalizes());
  CHECK_FALSE(v.held());
  std::cout << v.text();
  CHECK(v.text().find("before  sqrt(sqr(x))\n  after   x\n  at      x = float") !=
        std::string::npos);
}

TEST_CASE("verify: sqrt(sqr(x)) = x is caught, as an identity and as a rewriter") {
  const Var x = optim::any("x");
  check_caught(optim::rule("planted", sqrt(sqr(x)), x).canonicalizes(), 2);
  const auto inner = [](const Apply& node, optim::Context&) -> std::optional<Vars> {
    const Var& square = node.input(0);
    if (square.op().name() != "sqr") return std::nullopt;
    return Vars{square.inputs()[0]};
  };
  check_caught(optim::node_rewriter("planted", {"sqrt"}, "sqrt(sqr(x)) = x", inner).stabilizes(),
               2);
}

TEST_CASE("verify: log(c + exp(x)) = softplus(x) is caught, as an identity and as a rewriter") {
  const Var x = optim::any("x"), c = optim::any("c", optim::is_constant());
  check_caught(optim::rule("planted", log(c + exp(x)), softplus(x)).stabilizes(), 3);
  const auto wrong = [](const Apply& node, optim::Context&) -> std::optional<Vars> {
    const Var& sum = node.input(0);
    if (sum.op().name() != "add") return std::nullopt;
    for (const Var& term : sum.inputs()) {
      if (term.op().name() == "exp")
        return Vars{optim::fit(softplus(term.inputs()[0]), node.output())};
    }
    return std::nullopt;
  };
  check_caught(
      optim::node_rewriter("planted", {"log"}, "log(c + exp(x)) = softplus(x)", wrong).stabilizes(),
      3);
}

TEST_CASE("verify: a lost sign of zero is caught in a rule that promises the same bits") {
  const auto negated = [](const Apply& node, optim::Context&) -> std::optional<Vars> {
    if (scalar_constant(node.input(0)) != 0.0) return std::nullopt;
    return Vars{optim::fit(-node.input(1), node.output())};
  };
  const auto rule = [&] {
    return optim::node_rewriter("planted", {"sub"}, "0 - x = -x", negated).canonicalizes();
  };
  check_caught(rule().sound(Soundness::bit_exact), 1);
  CHECK(verify(rule()).held());
}

TEST_CASE("verify: lost accuracy is caught though both sides are equal in exact arithmetic") {
  const Var x = optim::any("x");
  check_caught(optim::rule("planted", expm1(x), exp(x) - 1).stabilizes(), 1);
  check_caught(optim::rule("planted", log1p(x), log(1 + x)).canonicalizes(), 1);
}

TEST_CASE("verify: overflow that a rule brings is caught") {
  const Var x = optim::any("x", optim::is_positive()), y = optim::any("y", optim::is_positive());
  check_caught(optim::rule("planted", sqrt(x) * sqrt(y), sqrt(x * y)).canonicalizes(), 7);
}

TEST_CASE("verify: another method keeps its finite numbers everywhere, and all of them near 1") {
  const Var x = optim::any("x");
  const auto planted = [&](const Var& right) {
    return optim::rule("planted", arctan(x), right).canonicalizes().sound(Soundness::method);
  };
  // NaN of its own is allowed where x is far from 1, not at 17; another number nowhere.
  const Var nan = Arg(std::nan("")).var(float64), same = atan2(x, 1.0);
  const Verification own = verify(planted(where(abs(x) > 1e9, nan, same)));
  CHECK_MESSAGE(own.held(), own.text());
  check_caught(planted(where(x > 10.0, nan, same)), 1);
  check_caught(planted(where(abs(x) > 1e9, 0.5, same)), 1);
}

TEST_CASE("verify: what is undefined becomes its limit where a rule says so, and no other number") {
  const Var x = optim::any("x");
  const auto planted = [&](const Var& left, const Var& right) {
    return optim::rule("planted", left, right).canonicalizes().sound(Soundness::limit);
  };
  const Verification one = verify(planted(x / x, 1 + 0 * x));
  CHECK_MESSAGE(one.held(), one.text());
  check_caught(planted(x / abs(x), sign(x)), 2);
  check_caught(planted(arctan(x), atan2(x + 1e-3, 1.0)), 1);
}

TEST_CASE("verify: true identities hold, at infinities by their limits") {
  const Var x = optim::any("x"), y = optim::any("y");
  for (const optim::Rule& rule :
       {optim::rule("a", log(sigmoid(x)), -softplus(-x)).stabilizes(),
        optim::rule("b", log(1 - sigmoid(x)), -softplus(x)).stabilizes(),
        optim::rule("c", exp(x) / (1 + exp(x)), sigmoid(x)).stabilizes(),
        optim::rule("d", log(exp(x) + exp(y)), logaddexp(x, y)).stabilizes(),
        optim::rule("e", maximum(x, x), x).canonicalizes().sound(Soundness::bit_exact)}) {
    const Verification v = verify(rule, {.graphs = 50});
    INFO(v.text());
    CHECK(v.held());
    CHECK(v.applied > 10);
  }
}

TEST_CASE("verify: every rule of the catalogue is reached, and none lies") {
  Vars examples;
  for (const test::RuleCase& c : test::RuleTheme::all()) examples.push_back(c.fires);
  for (const Verification& v : verify(optim::all_rules(), {.examples = examples})) {
    INFO(v.text());
    CHECK(v.error.empty());
    CHECK(!v.lie);
    CHECK(v.applied > 0);
  }
}
