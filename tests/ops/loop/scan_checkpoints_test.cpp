// Loops that keep every N-th value, held to the plain ones.
#include <algorithm>
#include <limits>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/text/graph_text.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::check_same_bits;
using test::contains;
using test::counting;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

Array random_array(DType dtype, const Shape& shape, std::mt19937& rng) {
  std::normal_distribution<double> draw(0, 0.7);
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<double>()[i] = draw(rng);
  return a.cast(dtype);
}

/// Theano's example: A to the power k, by k products.
struct Power {
  Var a = dvector("A");
  Var k = lscalar("k");
  static Var times(const Var& before, const Var& by) { return before * by; }
  Var plain() const {
    return damo::scan(times, {.outputs_info = {ones_like(a)}, .non_sequences = {a}, .n_steps = k})
        .outputs[0][-1];
  }
  Var kept(const Arg& every) const {
    return damo::scan_checkpoints(times, {.outputs_info = {ones_like(a)},
                                          .non_sequences = {a},
                                          .n_steps = k,
                                          .save_every_N = every})
        .outputs[0][-1];
  }
};

/// An elementwise recurrence with a sequence, two states, an output that is not fed back, and a
/// parameter that each step reads twice.
struct Recurrence {
  explicit Recurrence(DType dtype)
      : x(matrix("x", dtype)), h(vector("h", dtype)), w(vector("w", dtype)) {}
  Var x, h, w;

  static Vars step(const Var& item, const Var& a, const Var& b, const Var& by) {
    const Var next = tanh(a * by + item);
    return {next, b + sqr(next) * by, a * b};
  }
  Vars lasts(const ScanResult& r) const {
    Vars all;
    for (const Var& v : r.outputs) all.push_back(v[-1]);
    return all;
  }
  Vars plain() const {
    return lasts(damo::scan(
        step, {.sequences = {x}, .outputs_info = {h, ones_like(h), none}, .non_sequences = {w}}));
  }
  Vars kept(int every) const {
    return lasts(damo::scan_checkpoints(step, {.sequences = {x},
                                               .outputs_info = {h, ones_like(h), none},
                                               .non_sequences = {w},
                                               .save_every_N = every}));
  }
  Vars with_gradients(Vars outputs) const {
    const Var cost = sum(outputs[0]) + sum(sqr(outputs[1])) + sum(outputs[2]);
    for (const Var& g : grad(cost, {x, h, w})) outputs.push_back(g);
    return outputs;
  }
};

}  // namespace

TEST_CASE("scan_checkpoints: values and gradients have the bits of the plain loop") {
  std::mt19937 rng(3);
  for (const DType dtype : {float32, float64}) {
    const Recurrence r(dtype);
    const Vars plain = r.with_gradients(r.plain());
    for (const Mode& mode : {Mode::none(), Mode::fast()}) {
      Function expected = function({r.x, r.h, r.w}, plain, {.mode = mode});
      for (const int every : {1, 2, 3, 7, 10, 50}) {
        Function found = function({r.x, r.h, r.w}, r.with_gradients(r.kept(every)), {.mode = mode});
        for (const std::int64_t n : {1, 2, 6, 7, 10, 23}) {
          CAPTURE(every);
          CAPTURE(n);
          const Array x = random_array(dtype, {n, 4}, rng), h = random_array(dtype, {4}, rng),
                      w = random_array(dtype, {4}, rng);
          const Outputs a = expected(x, h, w), b = found(x, h, w);
          for (std::size_t i = 0; i < plain.size(); ++i) check_same_bits(a[i], b[i]);
        }
      }
    }
  }
}

TEST_CASE("scan_checkpoints: Theano's example, with a number of steps that only a run knows") {
  const Power p;
  const Var every = lscalar("every");
  const Vars plain{p.plain(), grad(sum(p.plain()), p.a)};
  const Vars kept{p.kept(every), grad(sum(p.kept(every)), p.a)};
  Function f = function({p.a, p.k}, plain);
  Function g = function({p.a, p.k, every}, kept);
  const Array a = counting({5});
  for (const std::int64_t k : {1, 5, 10, 12}) {
    for (const std::int64_t n : {1, 4, 5, 100}) {
      const Outputs x = f(a, k), y = g(a, k, n);
      check_same_bits(x[0], y[0]);
      check_same_bits(x[1], y[1]);
    }
  }
  check_close(Array(g(a, 3, 2)[1]), test::vector({0, 3, 12, 27, 48}), 1e-15);
}

TEST_CASE("scan_checkpoints: the loops of a gradient keep as many values as there are pieces") {
  const Power p;
  const auto rows_kept = [&](const Var& last) {
    Function f = function({p.a, p.k}, {grad(sum(last), p.a)});
    const FunctionGraph& graph = f.graph();
    const Bindings at{{graph.inputs[0], counting({3})},
                      {graph.inputs[1], Array::scalar<std::int64_t>(1000)}};
    std::int64_t rows = 0;
    for (const Apply* node : toposort(graph.outputs)) {
      if (as<Scan>(node->op()) == nullptr) continue;
      for (const Var& v : node->outputs()) {
        if (v.ndim() == 2) rows += evaluate(v.shape(0), at).item<std::int64_t>();
      }
    }
    return rows;
  };
  CHECK(rows_kept(p.plain()) >= 1000);
  CHECK(rows_kept(p.kept(25)) <= 2 * 41);
}

TEST_CASE("scan_checkpoints: outputs have a row for each piece") {
  const Var n = lscalar("n");
  const ScanResult r = damo::scan_checkpoints(
      [](const Var& a) { return a + 1.0; },
      {.outputs_info = {constant(test::number(0))}, .n_steps = n, .save_every_N = 4});
  const auto rows = [&](std::int64_t steps) {
    const Bindings at{{n, Array::scalar(steps)}};
    return evaluate(r.outputs[0], at);
  };
  check_close(rows(10), test::vector({4, 8, 10}), 0);
  check_close(rows(8), test::vector({4, 8}), 0);
  check_close(rows(3), test::vector({3}), 0);
  CHECK(rows(0).shape() == Shape{0});
}

TEST_CASE("scan_checkpoints: matrices, second derivatives and forward mode are those of scan") {
  std::mt19937 rng(9);
  const auto last = [](const Var& x, const Var& h, const Var& w) {
    return damo::scan_checkpoints(
               [](const Var& item, const Var& before, const Var& by) {
                 return tanh(dot(before, by) + item);
               },
               {.sequences = {x}, .outputs_info = {h}, .non_sequences = {w}, .save_every_N = 2})
        .outputs[0];
  };
  CHECK_NOTHROW(verify_grad(last,
                            {random_array(float64, {5, 3}, rng), random_array(float64, {3}, rng),
                             random_array(float64, {3, 3}, rng)},
                            {.second_order = true, .forward_mode = true}));
}

TEST_CASE("scan_checkpoints: draws go on from piece to piece and come again for the gradient") {
  const Var w = dscalar("w");
  const auto cost = [&](int every) {
    RandomStream rng(5);
    const auto step = [&](const Var& h) { return h * w + rng.normal({3}, 0.0, 1.0, float64); };
    const OutputInfo start(zeros({3}, float64));
    const ScanResult r =
        every == 0 ? damo::scan(step, {.outputs_info = {start}, .n_steps = 7})
                   : damo::scan_checkpoints(
                         step, {.outputs_info = {start}, .n_steps = 7, .save_every_N = every});
    const Var total = sum(sqr(r.outputs[0][-1]));
    return Vars{total, grad(total, w)};
  };
  Function plain = function({w}, cost(0)), kept = function({w}, cost(3));
  for (int call = 0; call < 3; ++call) {
    const Outputs a = plain(0.7), b = kept(0.7);
    check_same_bits(a[0], b[0]);
    check_close(b[1], a[1], 1e-14);
  }
}

TEST_CASE("scan_checkpoints: what it cannot do is an error with the line") {
  const Var x = dvector("x"), h = dscalar("h"), m = dvector("m");
  const auto step = [](const Var& item, const Var& before) { return item + before; };
  const auto refused = [&](const CheckpointOptions& o, const std::string& words) {
    const std::string text = error_of<GraphError>([&] { damo::scan_checkpoints(step, o); });
    CHECK(contains(text, words));
    CHECK(contains(text, "scan_checkpoints_test.cpp:"));
  };
  refused({.sequences = {seq(x, 1)}, .outputs_info = {h}}, "read at tap 0 only");
  refused({.sequences = {x}, .outputs_info = {init(m, {-2, -1})}}, "fed back at tap -1 only");
  refused({.outputs_info = {h}}, "n_steps is needed");
  refused({.sequences = {x}, .outputs_info = {h}, .save_every_N = 0}, "save_every_N is 0");
  refused({.sequences = {x}, .outputs_info = {h}, .save_every_N = 2.5}, "save_every_N is 2.5");
  for (const double n : {-3.0, 2.5})
    refused({.sequences = {x}, .outputs_info = {h}, .n_steps = n}, "n_steps is ");
  for (const Var& n : {dscalar("n"), lvector("n"), bscalar("n")}) {
    refused({.sequences = {x}, .outputs_info = {h}, .n_steps = n},
            "n_steps is an int64 scalar, got ");
  }
  refused({.sequences = {x}, .outputs_info = {h}, .save_every_N = dscalar("every")},
          "an int64 scalar");
  const Var last =
      damo::scan_checkpoints(
          step, {.sequences = {x}, .outputs_info = {h}, .save_every_N = 3, .padding = false})
          .outputs[0];
  const auto at = [&](std::int64_t n) {
    return Bindings{{x, counting({n})}, {h, test::number(0)}};
  };
  check_close(evaluate(last, at(6)), test::vector({3, 15}), 0);
  const std::string text = error_of<ShapeError>([&] { evaluate(last, at(7)); });
  CHECK(contains(text, "scan_checkpoints: sizes differ: 1 and 0"));
  const Var every = lscalar("every");
  const Var rows =
      damo::scan_checkpoints(step, {.sequences = {x}, .outputs_info = {h}, .save_every_N = every})
          .outputs[0];
  const Bindings none{
      {x, counting({2})}, {h, test::number(0)}, {every, Array::scalar<std::int64_t>(0)}};
  CHECK(contains(error_of<ShapeError>([&] { evaluate(rows, none); }), "at least 1 is needed"));
}

TEST_CASE("scan_checkpoints: a negative number of steps that a run finds is an error, 0 is not") {
  const Power p;
  const Var rows = damo::scan_checkpoints(Power::times, {.outputs_info = {ones_like(p.a)},
                                                         .non_sequences = {p.a},
                                                         .n_steps = p.k,
                                                         .save_every_N = 4})
                       .outputs[0];
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    Function f = function({p.a, p.k}, {rows, grad(sum(rows), p.a)}, {.mode = mode});
    for (const std::int64_t k : {-1, -3, -20}) {
      const std::string text = error_of<ShapeError>([&] { f(counting({3}), k); });
      CHECK(contains(text, "scan_checkpoints: " + std::to_string(k) + ", where at least 0"));
      CHECK(contains(text, "scan_checkpoints_test.cpp:"));
    }
    const Outputs none = f(counting({3}), 0);
    CHECK(Array(none[0]).shape() == Shape{0, 3});
    check_close(none[1], test::vector({0, 0, 0}), 0);
  }
}

TEST_CASE("scan_checkpoints: an N beyond all numbers of steps makes one piece") {
  const Power p;
  const Var every = lscalar("every");
  Function f = function({p.a, p.k, every}, {p.kept(every), grad(sum(p.kept(every)), p.a)});
  for (const std::int64_t k : {1, 2, 7}) {
    const Outputs expected = f(counting({3}), k, k);
    for (const std::int64_t least : {0, 1, 5}) {
      const Outputs found = f(counting({3}), k, std::numeric_limits<std::int64_t>::max() - least);
      for (std::size_t i = 0; i < 2; ++i) check_same_bits(found[i], expected[i]);
    }
  }
}

TEST_CASE("scan_checkpoints: a loop that ends itself is refused, not cut short piece by piece") {
  const Var h = dscalar("h");
  const std::string text = error_of<GraphError>([&] {
    damo::scan_checkpoints([](const Var& a) { return until(a + 1.0, a > 3.0); },
                           {.outputs_info = {h}, .n_steps = 20, .save_every_N = 3});
  });
  CHECK(contains(text, "until"));
  CHECK(contains(text, "scan_checkpoints_test.cpp:"));
}

TEST_CASE("scan_checkpoints: a number to start from takes the dtype that scan gives it") {
  std::mt19937 rng(12);
  const auto step = [](const Var& item, const Var& a, const Var& b) {
    return Vars{a + item, b * 2};
  };
  for (const DType dtype : {DType::int64, float32, float64}) {
    const Var x = vector("x", dtype);
    const auto last = [&](bool kept, const OutputInfo& first) {
      const ScanResult r =
          kept ? damo::scan_checkpoints(
                     step, {.sequences = {x}, .outputs_info = {first, 1}, .save_every_N = 3})
               : damo::scan(step, {.sequences = {x}, .outputs_info = {first, 1}});
      return Vars{r.outputs[0][-1], r.outputs[1][-1]};
    };
    const Bindings at{{x, random_array(float64, {7}, rng).cast(dtype)}};
    for (const bool fraction : {false, true}) {
      if (fraction && !is_float(dtype)) continue;
      const OutputInfo first = fraction ? OutputInfo(0.5) : OutputInfo(0);
      const Vars plain = last(false, first), kept = last(true, first);
      for (std::size_t i = 0; i < plain.size(); ++i)
        check_same_bits(evaluate(kept[i], at), evaluate(plain[i], at));
    }
  }
}

TEST_CASE("scan_checkpoints: survives being written and read") {
  const Power p;
  const FunctionGraph graph{{p.a, p.k}, {p.kept(3)}};
  const FunctionGraph back = parse(print(graph));
  CHECK(contains(print(graph), "pieces"));
  const Bindings at{{back.inputs[0], counting({3}, 1)},
                    {back.inputs[1], Array::scalar<std::int64_t>(4)}};
  check_close(evaluate(back.outputs[0], at), test::vector({1, 16, 81}), 0);
}
