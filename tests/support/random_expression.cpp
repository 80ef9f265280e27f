#include "tests/support/random_expression.hpp"
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo::test {

Vars random_inputs() {
  return {matrix("a", float64), matrix("b", float64), vector("v", float64), scalar("s", float64)};
}

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

}  // namespace damo::test
