#include "tests/support/loops.hpp"
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>

namespace damo::test {

const std::vector<Loop>& small_loops() {
  static const std::vector<Loop> all{
      {"affine",
       [](const Vars& x, const Vars& h, const Vars& w) { return Vars{h[0] * w[0] + x[0]}; },
       {{}},
       {{}},
       {{}}},
      {"elementwise",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(x[0] * w[0] + h[0] * w[1])};
       },
       {{5}},
       {{5}},
       {{5}, {5}}},
      {"linear recurrent net",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{dot(x[0], w[0]) + dot(h[0], w[1])};
       },
       {{3}},
       {{4}},
       {{3, 4}, {4, 4}}},
      {"recurrent net over a batch",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(dot(x[0], w[0]) + dot(h[0], w[1]) + w[2])};
       },
       {{2, 3}},
       {{2, 4}},
       {{3, 4}, {4, 4}, {4}}},
      {"a state used three times",
       [](const Vars& x, const Vars& h, const Vars& w) {
         const Var a = dot(h[0], w[0]);
         const Var b = a + sigmoid(h[0]) * x[0];
         return Vars{tanh(b - h[0] * w[1]) * x[0]};
       },
       {{4}},
       {{4}},
       {{4, 4}, {4}}},
      {"two states that read each other",
       [](const Vars& x, const Vars& h, const Vars& w) {
         const Var a = tanh(h[0] * w[0] + h[1]);
         return Vars{a, h[1] * sigmoid(a) + x[0]};
       },
       {{4}},
       {{4}, {4}},
       {{4}}},
      {"a weight used twice",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(dot(dot(h[0], w[0]), w[0]) + x[0])};
       },
       {{4}},
       {{4}},
       {{4, 4}}},
      {"taps of two outputs",
       [](const Vars& x, const Vars& h, const Vars& w) {
         const Var a = tanh(h[0] * w[0] + h[1] * x[0] + h[2]);
         return Vars{a, sigmoid(h[2] - h[0])};
       },
       {{3}},
       {{3}, {3}},
       {{3}},
       {{-3, -1}, {-1}}},
      {"taps of a sequence",
       [](const Vars& x, const Vars& h, const Vars& w) {
         return Vars{tanh(x[0] * h[0] + x[1] * w[0] + x[2])};
       },
       {{3}},
       {{3}},
       {{3}},
       {},
       {-1, 0, 2}},
      {"a loop in the loop",
       [](const Vars& x, const Vars& h, const Vars& w) {
         const Var inner =
             scan([&](Var g) { return tanh(g * w[0]); }, {.outputs_info = {h[0]}, .n_steps = 3})
                 .outputs[0][-1];
         return Vars{inner + x[0]};
       },
       {{3}},
       {{3}},
       {{3}}},
  };
  return all;
}

}  // namespace damo::test
