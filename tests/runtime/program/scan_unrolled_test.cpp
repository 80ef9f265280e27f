#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/kernels/machine/isa.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/loops.hpp"
#include "tests/support/values.hpp"

using namespace damo;

// A loop is its unrolled graph: value and gradient, to the last bit.
namespace {

using test::Loop;

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

Vars as_scan(const Loop& loop, const Built& b, int steps) {
  ScanOptions options;
  options.n_steps = steps;
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
    cost = cost.defined() ? cost + part : part;
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

void check_equal(const Vars& looped, const Vars& flat, const Built& b, const Mode& mode) {
  const auto x = run(looped, b, mode);
  const auto y = run(flat, b, mode);
  REQUIRE(x.size() == y.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    CAPTURE(i);
    test::check_close(x[i], y[i], 0);  // not a bit less, but that -0 is 0
  }
}

void compare(const Loop& loop, int steps, bool last_only, DType dtype, const Mode& mode) {
  CAPTURE(loop.name);
  CAPTURE(steps);
  CAPTURE(last_only);
  CAPTURE(name(dtype));
  const Built b = build(loop, steps, dtype);
  check_equal(with_gradients(as_scan(loop, b, steps), b.inputs, last_only),
              with_gradients(unrolled(loop, b, steps), b.inputs, last_only), b, mode);
}

void compare_all(const Mode& mode) {
  for (const Loop& loop : test::small_loops()) {
    for (const DType dtype : {float32, float64}) {
      for (const int steps : {1, 2, 17}) {
        compare(loop, steps, false, dtype, mode);
        compare(loop, steps, true, dtype, mode);
      }
    }
  }
}

}  // namespace

TEST_CASE("scan: equals its unrolled graph in value and gradient to the last bit as written") {
  compare_all(Mode::none());
}

TEST_CASE("scan: equals its unrolled graph to the last bit in stable forms") {
  compare_all(Mode::fast_compile());
}

TEST_CASE("scan: equals its unrolled graph to the last bit when fully rewritten") {
  compare_all(Mode::fast());
}

TEST_CASE("scan: recurrent networks equal their unrolled graphs to the last bit") {
  for (const Loop& loop : test::more_loops()) {
    for (const int steps : {1, 2, 17}) {
      compare(loop, steps, steps == 2, float32, Mode::fast());
      compare(loop, steps, steps != 2, float64, Mode::fast());
    }
    compare(loop, 2, false, float64, Mode::none());
    compare(loop, 17, false, float32, Mode::fast_compile());
  }
}

TEST_CASE("scan: equals its unrolled graph on any instruction set and number of threads") {
  const Isa best = isa();
  const int threads = num_threads();
  const Loop& large = *std::find_if(test::more_loops().begin(), test::more_loops().end(),
                                    [](const Loop& l) { return l.name == "wide network"; });
  for (const Isa set : {Isa::sse2, Isa::avx2, Isa::avx512}) {
    set_isa(set);
    for (const int n : {1, 3}) {
      set_num_threads(n);
      compare(large, 17, false, float32, Mode::fast());
    }
  }
  set_isa(best);
  set_num_threads(threads);
}

TEST_CASE("scan: a step of gradient descent through a loop is that through its unrolled graph") {
  for (const Loop& loop : test::small_loops()) {
    CAPTURE(loop.name);
    const Built b = build(loop, 17, float32);
    const auto descend = [&](const Vars& outputs) {
      const Vars all = with_gradients(outputs, b.inputs, false);
      Vars next;
      for (std::size_t i = 0; i < b.inputs.size(); ++i)
        next.push_back(b.inputs[i] - 0.1 * all[outputs.size() + i]);
      return next;
    };
    check_equal(descend(as_scan(loop, b, 17)), descend(unrolled(loop, b, 17)), b, Mode::fast());
  }
}

TEST_CASE("scan: stopped by a condition equals the graph of the steps that ran") {
  const Loop net{"", {}, {{2, 3}}, {{2, 4}}, {{3, 4}, {4, 4}, {4}}};
  for (const DType dtype : {float32, float64}) {
    for (const Mode& mode : {Mode::none(), Mode::fast_compile(), Mode::fast()}) {
      Built b = build(net, 9, dtype);
      const auto step = [&](Var x, Var h) {
        return tanh(dot(x, b.constants[0]) + dot(h, b.constants[1]) + b.constants[2]);
      };
      const auto loop =
          scan([&](Var n, Var x, Var h) { return until(Vars{step(x, h)}, n >= 4); },
               {.sequences = {arange(9), b.sequences[0]}, .outputs_info = {b.initial[0]}});
      Vars rows{b.initial[0]};
      for (int t = 0; t < 5; ++t) rows.push_back(step(b.sequences[0][t], rows.back()));
      rows.erase(rows.begin());
      for (const bool last_only : {false, true}) {
        check_equal(with_gradients(loop.outputs, b.inputs, last_only),
                    with_gradients({stack(rows)}, b.inputs, last_only), b, mode);
      }
    }
  }
}

TEST_CASE("scan: a truncated gradient is that of the graph cut at the first step it reaches") {
  const Loop net{"", {}, {{3}}, {{4}}, {{3, 4}, {4, 4}, {4}}};
  for (const Mode& mode : {Mode::none(), Mode::fast_compile(), Mode::fast()}) {
    for (const int kept : {1, 2, 5}) {
      const Built b = build(net, 7, float32);
      const auto step = [&](Var x, Var h) {
        return tanh(dot(x, b.constants[0]) + dot(h, b.constants[1]) + b.constants[2]);
      };
      const auto loop = scan(step, {.sequences = {b.sequences[0]},
                                    .outputs_info = {b.initial[0]},
                                    .truncate_gradient = kept});
      Var h = b.initial[0];
      for (int t = 0; t < 7; ++t) {
        if (t == 7 - kept) h = disconnected_grad(h);
        h = step(b.sequences[0][t], h);
      }
      check_equal(with_gradients({loop.outputs[0][-1]}, b.inputs, false),
                  with_gradients({h}, b.inputs, false), b, mode);
    }
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
    for (std::size_t i = 0; i < 3; ++i) test::check_close(out[i], out[i + 3], 0);
  }
}

TEST_CASE("scan: a Gibbs chain is its unrolled graph on the same draws") {
  for (const Mode& mode : {Mode::none(), Mode::fast_compile(), Mode::fast()}) {
    RandomStream rng(3);
    const Var w = matrix("w");
    const Var c = vector("c");
    const Var v0 = matrix("v0");
    const auto mean = [&](const Var& h) { return sigmoid(dot(h, w.T()) + c); };
    const auto loop = scan(
                          [&](Var v) {
                            const Var h = disconnected_grad(rng.bernoulli(sigmoid(dot(v, w))));
                            return Vars{mean(h), h};
                          },
                          {.outputs_info = {v0, none}, .n_steps = 17})
                          .outputs;
    const Var h = input(loop[1].type(), "h");
    Var v = v0;
    Var cost = sum(v0) * 0;
    for (int t = 0; t < 17; ++t) cost = cost + sum(sqr(mean(h[t]) - v0));
    for (int t = 0; t < 17; ++t) v = mean(h[t]);
    const Vars looped = grad(sum(sqr(loop[0] - v0)), {w, c});
    Function f = function({w, c, v0}, {loop[1], loop[0][-1], looped[0], looped[1]}, {.mode = mode});
    const Vars flat = grad(cost, {w, c});
    Function g = function({w, c, v0, h}, {v, flat[0], flat[1]}, {.mode = mode});
    const Array at[] = {ramp({40, 30}, 0.5, float32), ramp({40}, 0.3, float32),
                        ramp({5, 40}, 1, float32)};
    const Outputs a = f(at[0], at[1], at[2]);
    const Outputs b = g(at[0], at[1], at[2], a[0]);
    for (std::size_t i = 0; i < 3; ++i) test::check_close(a[i + 1], b[i], 0);
  }
}

TEST_CASE("scan: a loop of no steps has the value and gradient of its initial state") {
  for (const Mode& mode : {Mode::none(), Mode::fast_compile(), Mode::fast()}) {
    for (const Loop& loop : test::small_loops()) {
      CAPTURE(loop.name);
      const Built b = build(loop, 0, float64);
      const Vars outputs = as_scan(loop, b, 0);
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
