#include <doctest/doctest.h>

#include <cmath>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/leaves.hpp>
#include <damo/graph/print.hpp>
#include <damo/ops/gradient.hpp>
#include <damo/ops/indexing.hpp>
#include <damo/ops/join.hpp>
#include <damo/ops/linalg.hpp>
#include <damo/ops/math.hpp>
#include <damo/ops/reduce.hpp>
#include <damo/ops/scan.hpp>
#include <damo/ops/shape.hpp>
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::testing;

namespace {

/// A linear congruential generator: the same graphs everywhere.
struct Numbers {
  std::uint64_t state;
  std::size_t below(std::size_t n) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>((state >> 33U) % n);
  }
};

/// A scalar expression of 3x3 matrices, vectors and a scalar, of operations that stay finite.
Var random_expression(const Vars& in, Numbers& r, std::size_t size) {
  Vars m{in[0], in[1]}, v{in[2]}, s{in[3]};
  auto M = [&] { return m[r.below(m.size())]; };
  auto V = [&] { return v[r.below(v.size())]; };
  auto S = [&] { return s[r.below(s.size())]; };
  for (std::size_t i = 0; i < size; ++i) {
    switch (r.below(34)) {
      case 0:
        m.push_back(M() + V());
        break;
      case 1:
        m.push_back(M() - S());
        break;
      case 2:
        m.push_back(tanh(M()) * dimshuffle(V(), {0, newaxis}));
        break;
      case 3:
        v.push_back(sum(M(), static_cast<int>(r.below(2))));
        break;
      case 4:
        s.push_back(mean(tanh(M())));
        break;
      case 5:
        m.push_back(1 - sigmoid(M()));
        break;
      case 6:
        m.push_back(log(1 + exp(tanh(M()))));
        break;
      case 7:
        m.push_back(M() / (1 + exp(tanh(V()))));
        break;
      case 8:
        m.push_back(where(M() < V(), M(), tanh(M())));
        break;
      case 9:
        m.push_back(M() * 0.5 + 0.25);
        break;
      case 10:
        v.push_back(V() * S());
        break;
      case 11:
        m.push_back(maximum(M(), V()));
        break;
      case 12:
        m.push_back(M().T());
        break;
      case 13:
        m.push_back(reshape(ravel(tanh(M())), {3, 3}) * 2 / 4);
        break;
      case 14:
        m.push_back(exp(tanh(M())) * sigmoid(-tanh(M())));
        break;
      case 15:
        m.push_back(pow(tanh(M()), 2) - 0 * M());
        break;
      case 16:
        v.push_back(tanh(M())[static_cast<long>(r.below(3))]);
        break;
      case 17:
        m.push_back(concatenate({M()[range(0, 1)], tanh(M())[range(1, 3)]}, 0));
        break;
      case 18:
        m.push_back(stack({V(), tanh(V()), V()}, static_cast<int>(r.below(2))));
        break;
      case 19:
        m.push_back(dot(tanh(M()), sigmoid(M())) + M());
        break;
      case 20:
        v.push_back(dot(tanh(M()), V()));
        break;
      case 21:
        m.push_back(set_subtensor(M()(all(), 1L), V()));
        break;
      case 22:
        s.push_back(tanh(sum(V())));
        break;
      case 23:
        m.push_back(M() - 0.1 * (dot(M().T(), tanh(M())) - dot(tanh(M()), M())) / 3);
        break;
      case 24:
        m.push_back(clip(M(), -0.5, 0.5));
        break;
      case 25:
        m.push_back(log(sigmoid(M())));
        break;
      case 26:
        m.push_back(softmax(M()));
        break;
      case 27:
        m.push_back(-(-M() * -V()));
        break;
      case 28:
        m.push_back(exp(tanh(M())) / sum(exp(tanh(M())), 1, {.keepdims = true}));
        break;
      case 29: {
        Var w = M();
        m.push_back(
            map([&](Var row) { return tanh(row) + sigmoid(dot(row, w)); }, {M()}).outputs[0]);
        break;
      }
      case 30: {
        Var w = M();
        auto h = scan([&](Var x, Var h) { return tanh(dot(h, w) + x); },
                      {.sequences = {M()}, .outputs_info = {V()}})
                     .outputs[0];
        m.push_back(h);
        v.push_back(h[-1]);
        break;
      }
      case 31:
        m.push_back(log(map([&](Var row) { return sigmoid(row * 2); }, {M()}).outputs[0]));
        break;
      case 32:
        m.push_back(take(M(), constant(Array::from(std::vector<std::int64_t>{2, 0, 1})),
                         static_cast<int>(r.below(2))));
        break;
      default:
        m.push_back(tile(tanh(V()), {3, 1}));
        break;
    }
  }
  return sum(tanh(m.back())) + sum(m[m.size() / 2] * 0.1) + mean(v.back()) + s.back();
}

/// Values of the variables, of size 3 along each axis.
std::vector<std::pair<Var, Array>> random_values(const Vars& variables, Numbers& r) {
  std::vector<std::pair<Var, Array>> all;
  for (const Var& x : variables) {
    Shape shape;
    for (std::size_t i = 0; i < x.ndim(); ++i) shape.push_back(3);
    Array a(float64, shape);
    for (std::int64_t i = 0; i < a.elements(); ++i)
      a.data<double>()[i] = static_cast<double>(r.below(2000)) / 700.0 - 1.4;
    all.emplace_back(x, std::move(a));
  }
  return all;
}

}  // namespace

TEST_CASE("rules: random graphs and their gradients keep their values") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    Numbers r{seed * 77777};
    const Vars in{matrix("a", float64), matrix("b", float64), vector("v", float64),
                  scalar("s", float64)};
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
