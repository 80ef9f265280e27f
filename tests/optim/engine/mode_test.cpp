#include <doctest/doctest.h>

#include <cmath>

#include <damo/damo.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include "tests/support/random_expression.hpp"
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;

namespace {

bool same_bits(const Array& a, const Array& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  const auto x = values_of(a);
  const auto y = values_of(b);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool equal = x[i] == y[i] && std::signbit(x[i]) == std::signbit(y[i]);
    if (!equal && !(std::isnan(x[i]) && std::isnan(y[i]))) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("mode: strict applies rules that keep every bit, and no others") {
  const Mode strict = Mode::strict();
  CHECK(strict.text() == "fast, requiring bit_exact");
  CHECK(Mode::of_text(strict.text()).text() == strict.text());
  for (const optim::Rule* rule :
       optim::chosen_rules(strict, {"canonicalize", "stabilize", "specialize", "fold", "blas"}))
    CHECK(rule->soundness() == optim::Soundness::bit_exact);
  const Var x = vector("x", float64);
  CHECK(same_graph(rewritten(-(-x) * 1, strict), x));
  CHECK(same_graph(rewritten(x + 0, strict), x + 0));
  CHECK(same_graph(rewritten(-(1 - x), strict), -(1 - x)));
  CHECK(same_graph(rewritten(log(sigmoid(x)), strict), log(sigmoid(x))));
}

TEST_CASE("mode: requiring a tag leaves the rewrites that have it") {
  const Var x = matrix("x", float64);
  const Mode layout = Mode::fast().requiring("layout");
  CHECK(same_graph(rewritten(x.T().T() * 1, layout), x * 1));
  CHECK(same_graph(rewritten(log(sigmoid(x)), Mode::fast().requiring("stabilize")),
                   rewritten(log(sigmoid(x)), Mode::fast_compile())));
  CHECK(
      same_graph(rewritten(log(sigmoid(x)) + 0, layout.excluding("layout")), log(sigmoid(x)) + 0));
  CHECK_THROWS_WITH_AS(Mode::fast().requiring("bit_exakt"), doctest::Contains("'bit_exact'"),
                       GraphError);
}

TEST_CASE("mode: strict has the bits of none on random graphs and their gradients") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Numbers r{seed * 99991};
    const Vars in = random_inputs();
    Vars outputs{random_expression(in, r, 10)};
    for (const Var& g : grad(outputs[0], in, {.disconnected_inputs = Disconnected::ignore}))
      outputs.push_back(g);
    const auto at = random_values(in, r);
    std::vector<In> inputs;
    std::vector<Out> results(outputs.begin(), outputs.end());
    std::vector<Argument> arguments;
    for (const auto& [v, value] : at) {
      inputs.emplace_back(v);
      arguments.emplace_back(value);
    }
    auto plain =
        function(inputs, results, {.mode = Mode::none(), .on_unused_input = Unused::ignore});
    auto strict =
        function(inputs, results, {.mode = Mode::strict(), .on_unused_input = Unused::ignore});
    const Outputs a = plain.call(arguments);
    const Outputs b = strict.call(arguments);
    INFO("seed ", seed, "\n", pprint(outputs[0], 30), "\n", strict.trace());
    for (std::size_t k = 0; k < a.size(); ++k) CHECK(same_bits(a[k], b[k]));
  }
}

TEST_CASE("mode: strict adds up in the order of the graph as written") {
  const Var m = matrix("m", float64);
  const Var r = row("r", float64);
  const Var n = lscalar("n");
  const Var stretched = broadcast_to(r, {n, r.shape(1)});
  const Var ones = broadcast_to(constant(Array::scalar(1.0)), {n, r.shape(1)});
  std::vector<Out> results;
  for (const Var& x :
       {stretched, ones * r, 1 * m.T(), -(-m.T()), m.T() + -0.0, where(true, m.T(), exp(m.T())),
        1 * m[Range{Var{}, Var{}, Arg(-1).var(DType::int64)}], -m.T(), (1 * m)(all(), range(3)),
        maximum(m.T(), m.T())}) {
    for (const Var& y : {x, exp(x)}) {
      for (const Var& total : {sum(y), sum(y, 0), sum(y, 1), mean(y), prod(y)})
        results.push_back(total);
    }
  }
  Numbers numbers{5};
  std::vector<double> a(7 * 90);
  std::vector<double> b(90);
  for (double& x : a) x = 0.8 + 0.01 * static_cast<double>(numbers.below(37)) / 3;
  for (double& x : b) x = 0.1 + static_cast<double>(numbers.below(1000)) / 7;
  std::vector<Outputs> both;
  for (const Mode& mode : {Mode::none(), Mode::strict()}) {
    auto f = function({m, r, n}, results, {.mode = mode});
    both.push_back(f(Array::from(a, Shape{7, 90}), Array::from(b, Shape{1, 90}), std::int64_t{3}));
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    CAPTURE(i);
    CHECK(same_bits(both[0][i], both[1][i]));
  }
}

TEST_CASE("mode: strict keeps the signs of zeros and what they lead to") {
  const Var x = scalar("x", float64);
  auto f = function({x},
                    {exp(1 / -(1 - x)), atan2(-(x - 1), -1.0), 7 / (x * -1.0 - (-1.0)),
                     1 / (x - x * 1), 1 / (0 - (x - 1))},
                    {.mode = Mode::strict()});
  auto g = function({x},
                    {exp(1 / -(1 - x)), atan2(-(x - 1), -1.0), 7 / (x * -1.0 - (-1.0)),
                     1 / (x - x * 1), 1 / (0 - (x - 1))},
                    {.mode = Mode::none()});
  const Outputs a = f(1.0);
  const Outputs b = g(1.0);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(same_bits(a[i], b[i]));
  CHECK(a.scalar<double>(0) == 0);
  CHECK(a.scalar<double>(1) == doctest::Approx(-3.14159265358979));
  CHECK(a.scalar<double>(2) == INFINITY);
}
