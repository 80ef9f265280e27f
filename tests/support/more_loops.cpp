#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include "tests/support/loops.hpp"

namespace damo::test {

const std::vector<Loop>& more_loops() {
  static const std::vector<Loop> all{
      {"powers",
       [](const Vars&, const Vars& h, const Vars& w) { return Vars{h[0] * w[0]}; },
       {},
       {{3}},
       {{3}}},
      {"decay",
       [](const Vars&, const Vars& h, const Vars&) { return Vars{h[0] * 0.9}; },
       {},
       {{3}},
       {}},
      {"decay with input",
       [](const Vars& x, const Vars& h, const Vars&) { return Vars{h[0] * 0.9 + x[0]}; },
       {{3}},
       {{3}},
       {}},
      {"counter",
       [](const Vars&, const Vars& h, const Vars&) { return Vars{h[0] + 1.0}; },
       {},
       {{3}},
       {}},
      {"drift",
       [](const Vars&, const Vars& h, const Vars& w) { return Vars{h[0] - w[0]}; },
       {},
       {{3}},
       {{3}}},
      {"drift of scalars",
       [](const Vars&, const Vars& h, const Vars& w) { return Vars{h[0] + w[0]}; },
       {},
       {{}},
       {{}}},
      {"quotients",
       [](const Vars&, const Vars& h, const Vars& w) { return Vars{h[0] / w[0]}; },
       {},
       {{3}},
       {{3}}},
      {"weight on the left",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(dot(w[0], h[0]) + dot(w[1], x[0]) + w[2])};
       },
       {{3}},
       {{4}},
       {{4, 4}, {4, 3}, {4}}},
      {"weight on the left over a batch",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(dot(w[0], h[0]) + dot(w[1], x[0]))};
       },
       {{3, 2}},
       {{4, 2}},
       {{4, 4}, {4, 3}}},
      {"tied weights",
       [](const Vars& x, const Vars& h, const Vars& w) {
         const Var hidden = sigmoid(dot(h[0], w[0]) + w[1]);
         return Vars{sigmoid(dot(hidden, w[0].T()) + x[0])};
       },
       {{2, 3}},
       {{2, 3}},
       {{3, 4}, {4}}},
      {"tied weights of vectors",
       [](const Vars& x, const Vars& h, const Vars& w) {
         const Var hidden = sigmoid(dot(h[0], w[0]) + w[1]);
         return Vars{sigmoid(dot(hidden, w[0].T()) + x[0])};
       },
       {{30}},
       {{30}},
       {{30, 40}, {40}}},
      {"one column",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(dot(x[0], w[0]) + h[0] * w[1])};
       },
       {{30}},
       {{1}},
       {{30, 1}, {1}}},
      {"a scalar read out",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(dot(x[0], w[0])) * h[0]};
       },
       {{30}},
       {{}},
       {{30}}},
      {"one by one",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(dot(h[0], w[0]) + x[0])};
       },
       {{1}},
       {{1}},
       {{1, 1}}},
      {"sizes of use",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(dot(x[0], w[0]) + dot(h[0], w[1]) + w[2])};
       },
       {{37}},
       {{50}},
       {{37, 50}, {50, 50}, {50}}},
      {"sizes of use over a batch",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(dot(x[0], w[0]) + dot(h[0], w[1]) + w[2])};
       },
       {{20, 37}},
       {{20, 50}},
       {{37, 50}, {50, 50}, {50}}},
      {"wide network",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(dot(x[0], w[0]) + dot(h[0], w[1]))};
       },
       {{20, 70}},
       {{20, 150}},
       {{70, 150}, {150, 150}}},
      {"transposed",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(dot(x[0], w[0].T()) + dot(h[0], w[1].T()) + w[2])};
       },
       {{37}},
       {{50}},
       {{50, 37}, {50, 50}, {50}}},
      {"GRU",
       [](const Vars& x, const Vars& h, const Vars& w) {
         const Var z = sigmoid(dot(x[0], w[0]) + dot(h[0], w[1]) + w[2]);
         const Var c = tanh(dot(x[0], w[3]) + dot(z * h[0], w[4]));
         return Vars{(1 - z) * h[0] + z * c};
       },
       {{3}},
       {{4}},
       {{3, 4}, {4, 4}, {4}, {3, 4}, {4, 4}}},
      {"LSTM",
       [](const Vars& x, const Vars& s, const Vars& w) {
         const Var a = dot(x[0], w[0]) + dot(s[0], w[1]) + w[2];
         const auto part = [&](int i) { return a[range(4 * i, 4 * i + 4)]; };
         const Var c = sigmoid(part(0)) * s[1] + sigmoid(part(1)) * tanh(part(2));
         return Vars{sigmoid(part(3)) * tanh(c), c};
       },
       {{3}},
       {{4}, {4}},
       {{3, 16}, {4, 16}, {16}}},
      {"LSTM over a batch",
       [](const Vars& x, const Vars& s, const Vars& w) {
         const Var a = dot(x[0], w[0]) + dot(s[0], w[1]) + w[2];
         const auto part = [&](int i) { return a(damo::all(), range(4 * i, 4 * i + 4)); };
         const Var c = sigmoid(part(0)) * s[1] + sigmoid(part(1)) * tanh(part(2));
         return Vars{sigmoid(part(3)) * tanh(c), c};
       },
       {{5, 3}},
       {{5, 4}, {5, 4}},
       {{3, 16}, {4, 16}, {16}}},
      {"softmax and decay of weights",
       [](const Vars& x, const Vars& h, const Vars& w) {
         const Var p = softmax(dot(h[0], w[0]) + x[0]);
         return Vars{p + 0.01 * sum(sqr(w[0]))};
       },
       {{4}},
       {{4}},
       {{4, 4}}},
      {"costs of steps",
       [](const Vars& x, const Vars& h, const Vars& w) {
         const Var y = dot(x[0], w[0]) + w[1];
         return Vars{h[0] * 0.3 - mean(x[0][range(0, 2)] * log(sigmoid(y)) +
                                       (1 - x[0][range(0, 2)]) * log(1 - sigmoid(y)))};
       },
       {{3}},
       {{}},
       {{3, 2}, {2}}},
      {"bilinear",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{h[0] * 0.7 + sum(dot(x[0], w[0]) * x[0])};
       },
       {{3}},
       {{}},
       {{3, 3}}},
      {"quadratic form",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(h[0] + dot(dot(x[0], w[0]), x[0]))};
       },
       {{3}},
       {{}},
       {{3, 3}}},
      {"matrix weight by elements",
       [](const Vars& x, const Vars& h, const Vars& w) { return Vars{tanh(h[0] * w[0] + x[0])}; },
       {{2, 3}},
       {{2, 3}},
       {{2, 3}}},
      {"matrix weight by elements and product",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(dot(h[0] * w[0], w[0]) + x[0])};
       },
       {{3, 3}},
       {{3, 3}},
       {{3, 3}}},
      {"scalar weight of a vector",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(h[0] * w[0] + x[0] * w[1])};
       },
       {{3}},
       {{3}},
       {{}, {}}},
      {"two weights from one state",
       [](const Vars& x, const Vars& h, const Vars& w) {
         const Var a = tanh(dot(h[0], w[0]) + x[0]);
         return Vars{a, dot(h[1], w[1]) + dot(a, w[0]) - dot(h[0], w[0])};
       },
       {{4}},
       {{4}, {4}},
       {{4, 4}, {4, 4}}},
      {"matrix powers",
       [](const Vars&, const Vars& h, const Vars& w) { return Vars{dot(h[0], w[0])}; },
       {},
       {{4, 4}},
       {{4, 4}}},
      {"polynomial",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{h[0] + x[0] * pow(w[0], 2.0)};
       },
       {{}},
       {{}},
       {{}}},
      {"negated terms",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{x[0] - dot(h[0], w[0]) - 2.0 * dot(x[0], w[0]) - w[1]};
       },
       {{4}},
       {{4}},
       {{4, 4}, {4}}},
  };
  return all;
}
}  // namespace damo::test
