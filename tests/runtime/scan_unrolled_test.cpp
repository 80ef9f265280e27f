#include <functional>

#include "../support/values.hpp"

#include <damo/ops/gradient.hpp>
#include <damo/ops/indexing.hpp>
#include <damo/ops/join.hpp>
#include <damo/ops/linalg.hpp>
#include <damo/ops/math.hpp>
#include <damo/ops/random.hpp>
#include <damo/ops/reduce.hpp>
#include <damo/ops/scan.hpp>
#include <damo/runtime/function.hpp>

using namespace damo;

// A loop is its unrolled graph: value and gradient, to the last bit.
namespace {

/// One step: (items of the sequences, previous states, oldest first, non-sequences) to the states.
using Step = std::function<Vars(const Vars&, const Vars&, const Vars&)>;
struct Loop {
  std::string name;
  Step step;
  std::vector<Shape> items, states, constants;
  std::vector<std::vector<int>> taps{};  ///< of each state; {-1} where not given
  std::vector<int> sequence_taps{0};
};

struct Built {
  Vars inputs, sequences, initial, constants;
  std::vector<Array> values;
  std::vector<std::vector<int>> taps;
};

Array ramp(const Shape& shape, double scale, DType dtype) {
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i)
    a.data<double>()[i] = scale * std::sin(1.0 + 0.7 * static_cast<double>(i) * (1 + scale));
  return a.cast(dtype);
}

Shape with_rows(std::int64_t rows, const Shape& item) {
  Shape shape{rows};
  for (const std::int64_t n : item) shape.push_back(n);
  return shape;
}

Built build(const Loop& loop, int steps, DType dtype) {
  Built b;
  const auto add = [&](const Shape& shape, double scale, Vars& to) {
    TensorType type{dtype, shape};
    for (std::int64_t& n : type.dims) n = unknown;
    to.push_back(input(type));
    b.inputs.push_back(to.back());
    b.values.push_back(ramp(shape, scale, dtype));
  };
  const auto [low, high] =
      std::minmax_element(loop.sequence_taps.begin(), loop.sequence_taps.end());
  const int lost = std::max(0, *high) - std::min(0, *low);
  for (const Shape& s : loop.items) add(with_rows(steps + lost, s), 1.0, b.sequences);
  for (std::size_t i = 0; i < loop.states.size(); ++i) {
    b.taps.push_back(loop.taps.empty() ? std::vector<int>{-1} : loop.taps[i]);
    const int deepest = -*std::min_element(b.taps[i].begin(), b.taps[i].end());
    add(deepest > 1 ? with_rows(deepest, loop.states[i]) : loop.states[i], 0.5, b.initial);
  }
  for (const Shape& s : loop.constants) add(s, 0.8, b.constants);
  return b;
}

Vars as_scan(const Loop& loop, const Built& b) {
  ScanOptions options;
  for (const Var& v : b.sequences) options.sequences.push_back(seq(v, loop.sequence_taps));
  for (std::size_t i = 0; i < b.initial.size(); ++i)
    options.outputs_info.push_back(init(b.initial[i], b.taps[i]));
  const auto n = static_cast<std::ptrdiff_t>(b.sequences.size() * loop.sequence_taps.size());
  return scan(
             [&](const Vars& a) {
               return loop.step({a.begin(), a.begin() + n}, {a.begin() + n, a.end()}, b.constants);
             },
             options)
      .outputs;
}

Vars unrolled(const Loop& loop, const Built& b, int steps) {
  std::vector<Vars> rows(b.initial.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const int deepest = -*std::min_element(b.taps[i].begin(), b.taps[i].end());
    if (deepest == 1) rows[i].push_back(b.initial[i]);
    for (int k = 0; deepest > 1 && k < deepest; ++k) rows[i].push_back(b.initial[i][k]);
  }
  const std::vector<Vars> before = rows;
  const int low =
      std::min(0, *std::min_element(loop.sequence_taps.begin(), loop.sequence_taps.end()));
  for (int t = 0; t < steps; ++t) {
    Vars items;
    for (const Var& s : b.sequences) {
      for (const int tap : loop.sequence_taps) items.push_back(s[t + tap - low]);
    }
    Vars previous;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (const int tap : b.taps[i])
        previous.push_back(rows[i][rows[i].size() - static_cast<std::size_t>(-tap)]);
    }
    const Vars next = loop.step(items, previous, b.constants);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].push_back(next[i]);
  }
  Vars stacked;
  for (std::size_t i = 0; i < rows.size(); ++i)
    stacked.push_back(stack(
        Vars(rows[i].begin() + static_cast<std::ptrdiff_t>(before[i].size()), rows[i].end())));
  return stacked;
}

/// The outputs and the gradients of a cost that reads all of them.
Vars with_gradients(const Vars& outputs, const Vars& wrt, bool last_only) {
  Var cost;
  for (const Var& v : outputs) {
    const Var part = sum(sqr(last_only ? v[-1] : v));
    cost = cost ? cost + part : part;
  }
  Vars all = outputs;
  for (const Var& g : grad(cost, wrt, {.disconnected_inputs = Disconnected::ignore}))
    all.push_back(g);
  return all;
}

std::vector<Array> run(const Vars& outputs, const Built& b, const Mode& mode) {
  Function f = function(b.inputs, outputs, {.mode = mode});
  const std::vector<Argument> arguments(b.values.begin(), b.values.end());
  const Outputs out = f.call(arguments);
  std::vector<Array> result;
  for (std::size_t i = 0; i < out.size(); ++i) result.push_back(out[i]);
  return result;
}

const std::vector<Loop>& loops() {
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

void compare(const Loop& loop, DType dtype, const Mode& mode, bool products_reordered) {
  for (const int steps : {1, 2, 17}) {
    for (const bool last_only : {false, true}) {
      const Built b = build(loop, steps, dtype);
      const auto looped = run(with_gradients(as_scan(loop, b), b.inputs, last_only), b, mode);
      const auto flat = run(with_gradients(unrolled(loop, b, steps), b.inputs, last_only), b, mode);
      CAPTURE(loop.name);
      CAPTURE(steps);
      CAPTURE(last_only);
      CAPTURE(name(dtype));
      REQUIRE(looped.size() == flat.size());
      const std::size_t first_weight = loop.states.size() + b.sequences.size() + b.initial.size();
      for (std::size_t i = 0; i < looped.size(); ++i) {
        CAPTURE(i);
        // -0 and 0 are told apart by bits, not by ==.
        if (products_reordered && i >= first_weight) {
          test::check_close(looped[i], flat[i], dtype == float64 ? 1e-12 : 1e-4);
        } else {
          test::check_close(looped[i], flat[i], 0);
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("scan: equals its unrolled graph in value and gradient to the last bit as written") {
  for (const Loop& loop : loops()) {
    for (const DType dtype : {float32, float64}) compare(loop, dtype, Mode::none(), false);
  }
}

TEST_CASE("scan: equals its unrolled graph to the last bit in stable forms") {
  for (const Loop& loop : loops()) {
    for (const DType dtype : {float32, float64}) compare(loop, dtype, Mode::fast_compile(), false);
  }
}

// All but one thing: the gradient of a weight is one product over all steps where a loop is, and a
// sum of products where none is, which rounds in another order.
TEST_CASE("scan: fully rewritten equals its unrolled graph to the last bit but for weights") {
  for (const Loop& loop : loops()) {
    compare(loop, float64, Mode::fast(), true);
  }
}

TEST_CASE(
    "scan: the gradient of a loop that draws is that of its unrolled graph on the same draws") {
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    RandomStream rng(11);
    const Var w = vector("w", float64);
    const Var h0 = vector("h0", float64);
    const auto loop = scan(
                          [&](Var h) {
                            const Var z = rng.normal({3}, 0.0, 1.0, float64);
                            return Vars{h * w + w * z, z};
                          },
                          {.outputs_info = {h0, none}, .n_steps = 17})
                          .outputs;
    const Var z = disconnected_grad(loop[1]);
    Var h = h0;
    for (int t = 0; t < 17; ++t) h = h * w + w * z[t];
    const Vars a = grad(sum(loop[0][-1]), {w, h0});
    const Vars b = grad(sum(h), {w, h0});
    Function f = function({w, h0}, {loop[0][-1], a[0], a[1], h, b[0], b[1]}, {.mode = mode});
    const Array at = test::vector({0.5, -0.9, 0.3});
    const Outputs out = f(at, at);
    // The gradient of w is a sum over all steps: see above.
    const double rounding = mode.text() == "none" ? 0 : 1e-14;
    for (std::size_t i = 0; i < 3; ++i)
      test::check_close(out[i], out[i + 3], i == 1 ? rounding : 0);
  }
}

TEST_CASE("scan: a loop of no steps has the value and gradient of its initial state") {
  for (const Mode& mode : {Mode::none(), Mode::fast_compile(), Mode::fast()}) {
    for (const Loop& loop : loops()) {
      CAPTURE(loop.name);
      const Built b = build(loop, 0, float64);
      const Vars outputs = as_scan(loop, b);
      const auto results = run(with_gradients(outputs, b.inputs, false), b, mode);
      for (std::size_t i = 0; i < outputs.size(); ++i)
        CHECK(to_string(results[i].shape()) == to_string(with_rows(0, loop.states[i])));
      for (std::size_t i = 0; i < b.inputs.size(); ++i) {
        const Array& g = results[outputs.size() + i];
        test::check_close(g, Array(float64, b.values[i].shape()), 0);
      }
    }
  }
}
