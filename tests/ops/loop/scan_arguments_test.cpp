#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::contains;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

Var number(double value) { return constant(test::number(value)); }

}  // namespace

TEST_CASE("scan: lists may be single variables and steps may take anything") {
  const Var x = vector("x", float64);
  const Var h = scalar("h", float64);
  const Bindings at{{x, test::vector({1, 2, 3})}, {h, test::number(10)}};
  const auto sums = test::vector({11, 13, 16});
  const auto result = [&](const ScanResult& r) { return evaluate(r.outputs[0], at); };
  const auto add = [](Var a, Var b) { return a + b; };
  check_close(result(scan(add, {.sequences = x, .outputs_info = h})), sums, 0);
  check_close(result(scan(add, {.sequences = {x}, .outputs_info = {init(h)}})), sums, 0);
  check_close(result(scan([](const Vars& a) { return Vars{a[0] + a[1]}; },
                          {.sequences = Vars{x}, .outputs_info = Vars{h}})),
              sums, 0);
  check_close(result(scan([](Var a, const Var& b, const Var&) { return std::array{a + b}; },
                          {.sequences = x, .outputs_info = h, .non_sequences = h})),
              sums, 0);
  // A parameter for the non-sequence may be left out.
  check_close(result(scan(add, {.sequences = x, .outputs_info = h, .non_sequences = h})), sums, 0);
  check_close(result(scan([&] { return h + 1; }, {.n_steps = 2})), test::vector({11, 11}), 0);
}

TEST_CASE("scan: updates may come before the outputs or alone or with a condition") {
  const SharedVar n = shared(Array::scalar(std::int64_t{5}), "n");
  const auto last = [&](const ScanResult& r) {
    return evaluate(r.updates.find(n)).item<std::int64_t>();
  };
  const ScanResult alone = scan([&] { return Updates{{n, n * 2}}; }, {.n_steps = 3});
  CHECK(alone.outputs.empty());
  CHECK(last(alone) == 40);
  CHECK(last(scan(
            [&] {
              return std::pair<Updates, Var>({{n, n + 1}}, n * 1);
            },
            {.n_steps = 3})) == 8);
  CHECK(last(scan([&] { return until(Updates{{n, n + 1}}, n >= 7); }, {.n_steps = 30})) == 8);
  CHECK(last(scan(
            [&] {
              return until(Vars{n * 1}, Updates{{n, n + 1}}, n >= 6);
            },
            {.n_steps = 30})) == 7);
}

TEST_CASE("scan: outputs with different taps beside ones that are not fed back") {
  const Var a0 = vector("a0", float64);
  const Var b0 = scalar("b0", float64);
  const auto outs = scan(
                        [](Var three, Var one, Var b) {
                          return Vars{three + one, three * 100 + b, b + one};
                        },
                        {.outputs_info = {init(a0, {-3, -1}), none, b0}, .n_steps = 4})
                        .outputs;
  const Bindings at{{a0, test::vector({1, 2, 4})}, {b0, test::number(10)}};
  std::vector<double> a{1, 2, 4}, c, b{10};
  for (int t = 0; t < 4; ++t) {
    const double three = a[a.size() - 3], one = a.back(), before = b.back();
    a.push_back(three + one);
    c.push_back(three * 100 + before);
    b.push_back(before + one);
  }
  check_close(evaluate(outs[0], at), test::vector({a.begin() + 3, a.end()}), 0);
  check_close(evaluate(outs[1], at), test::vector(c), 0);
  check_close(evaluate(outs[2], at), test::vector({b.begin() + 1, b.end()}), 0);
}

TEST_CASE("scan: one tap deeper than -1 skips and extra initial rows are left alone") {
  const Var start = vector("start", float64);
  const Var out =
      scan([](Var two) { return two + 1; }, {.outputs_info = {init(start, {-2})}, .n_steps = 4})
          .outputs[0];
  check_close(evaluate(out, Bindings{{start, test::vector({10, 20})}}),
              test::vector({11, 21, 12, 22}), 0);
  check_close(evaluate(out, Bindings{{start, test::vector({10, 20, 99})}}),
              test::vector({11, 21, 12, 22}), 0);
}

TEST_CASE("scan: future taps alone and past taps alone cut the sequence as if 0 were among them") {
  const Var x = vector("x", float64);
  const Bindings at{{x, test::vector({1, 2, 3, 4, 5})}};
  const auto copy = [](Var a) { return a; };
  check_close(evaluate(scan(copy, {.sequences = seq(x, 2)}).outputs[0], at),
              test::vector({3, 4, 5}), 0);
  check_close(evaluate(scan(copy, {.sequences = seq(x, -2)}).outputs[0], at),
              test::vector({1, 2, 3}), 0);
  check_close(evaluate(scan(copy, {.sequences = seq(x, 2), .go_backwards = true}).outputs[0], at),
              test::vector({5, 4, 3}), 0);
  check_close(evaluate(scan([](Var a, Var b) { return 10 * a + b; },
                            {.sequences = seq(x, {-1, 0}), .n_steps = 3, .go_backwards = true})
                           .outputs[0],
                       at),
              test::vector({45, 34, 23}), 0);
  const Var y = vector("y", float64);
  const Bindings both{{x, test::vector({1, 2, 3, 4, 5})}, {y, test::vector({1, 1, 1, 1})}};
  check_close(
      evaluate(scan([](Var a, Var b) { return a + b; }, {.sequences = {seq(x, 2), y}}).outputs[0],
               both),
      test::vector({4, 5, 6}), 0);
}

TEST_CASE("scan: without steps every output has its shape and dtype in every mode") {
  const Var x = matrix("x", float32);
  const Var w = matrix("w", float32);
  const Var h0 = matrix("h0", float32);
  const auto outs =
      scan(
          [&](Var x_t, Var two, Var one) {
            const Var h = tanh(dot(x_t, w) + two - one);
            return Vars{h, outer(h, x_t), h > 0.0, sum(x_t), argmax(h)};
          },
          {.sequences = x, .outputs_info = {init(h0, {-2, -1}), none, none, none, none}})
          .outputs;
  for (const Mode& mode : {Mode::none(), Mode::fast_compile(), Mode::fast()}) {
    Function f = function({x, w, h0}, outs, {.mode = mode});
    const Outputs none_ran =
        f(Array(float32, {0, 3}), Array(float32, {3, 4}), Array(float32, {2, 4}));
    const char* shapes[] = {"(0, 4)", "(0, 4, 3)", "(0, 4)", "(0,)", "(0,)"};
    const DType dtypes[] = {float32, float32, boolean, float32, int64};
    for (std::size_t i = 0; i < outs.size(); ++i) {
      CAPTURE(i);
      CHECK(to_string(none_ran[i].shape()) == shapes[i]);
      CHECK(none_ran[i].dtype() == dtypes[i]);
    }
    CHECK(f(Array(float32, {1, 3}), Array(float32, {3, 4}), Array(float32, {2, 4}))[1].shape() ==
          Shape{1, 4, 3});
  }
}

TEST_CASE("scan: strict wants every captured variable listed and shared ones too") {
  const SharedVar w = shared(test::number(2), "w");
  const Var h = scalar("h", float64);
  const auto capturing = [&] {
    scan([&](Var a) { return a * w; }, {.outputs_info = h, .n_steps = 2, .strict = true});
  };
  const std::string text = error_of<GraphError>(capturing);
  CHECK(contains(text, "'w'"));
  CHECK(contains(text, "non_sequences"));
  const Var out = scan([](Var a, Var v) { return a * v + 1.0; },
                       {.outputs_info = h, .non_sequences = w, .n_steps = 2, .strict = true})
                      .outputs[0];
  check_close(evaluate(out, Bindings{{h, test::number(1)}}), test::vector({3, 7}), 0);
  RandomStream rng(1);
  CHECK_NOTHROW(scan([&] { return rng.uniform({2}); }, {.n_steps = 2, .strict = true}));
}

TEST_CASE("scan: a mode of its own decides how the body is rewritten") {
  const Var x = vector("x", float64);
  const auto stable = [&](const ScanMode& own) {
    return scan([](Var e) { return log(sigmoid(e)); }, {.sequences = x, .mode = own}).outputs[0];
  };
  const Array far = test::vector({-1000});
  const auto value = [&](const ScanMode& own, const Mode& mode) {
    Function f = function({x}, {stable(own)}, {.mode = mode});
    return f(far)[0].data<double>()[0];
  };
  CHECK(value({}, Mode::fast()) == -1000);
  CHECK(std::isinf(value({}, Mode::none())));
  CHECK(std::isinf(value(Mode::none(), Mode::fast())));
  CHECK(std::isinf(value(Mode::fast().excluding("stabilize"), Mode::fast())));
  CHECK(value(Mode::fast(), Mode::none()) == -1000);
  CHECK(value(Mode::fast().excluding("blas").including("blas"), Mode::none()) == -1000);
  const Var g = grad(sum(stable(Mode::fast())), x);
  Function f = function({x}, {g}, {.mode = Mode::none()});
  CHECK(f(test::vector({-1}))[0].data<double>()[0] ==
        doctest::Approx(1 / (1 + std::exp(-1.0))).epsilon(1e-14));
  CHECK_THROWS_AS(Mode::of_text("brisk"), GraphError);
  CHECK(Mode::of_text(Mode::none().including("blas").text()).text() == "none, including blas");
}

TEST_CASE("scan: profile lists the instructions of the loop's body") {
  const Var x = vector("x", float64);
  const auto profiled = [&](bool on) {
    const Var h = scan([](Var e, Var h) { return tanh(h * e); },
                       {.sequences = x, .outputs_info = number(1), .name = "inner", .profile = on})
                      .outputs[0][-1];
    Function f = function({x}, {h});
    f(test::vector({1, 2, 3}));
    return f.profile();
  };
  CHECK(contains(profiled(true), "scan 'inner'"));
  CHECK_FALSE(contains(profiled(false), "scan 'inner'"));
}

TEST_CASE("map and reduce take scan's options") {
  const Var x = vector("x", float64);
  const Var w = scalar("w", float64);
  const Bindings at{{x, test::vector({1, 2, 3})}, {w, test::number(10)}};
  const auto mul = [](Var e, Var v) { return e * v; };
  check_close(
      evaluate(
          damo::map(mul, x, {.non_sequences = w, .go_backwards = true, .name = "m"}).outputs[0],
          at),
      test::vector({30, 20, 10}), 0);
  const auto digits = [](Var e, Var total, Var v) { return total * v + e; };
  check_close(
      evaluate(damo::reduce(digits, x, number(0),
                            {.non_sequences = w, .go_backwards = true, .mode = Mode::fast()})
                   .outputs[0],
               at),
      test::number(321), 0);
  check_close(evaluate(foldl(digits, x, number(0), {.non_sequences = w}).outputs[0], at),
              test::number(123), 0);
  const auto two = foldr(
      [](Var e, Var s, Var p) {
        return Vars{s + e, p * e};
      },
      {x}, {number(0), number(1)});
  check_close(evaluate(two.outputs[0], at), test::number(6), 0);
  check_close(evaluate(two.outputs[1], at), test::number(6), 0);
}

TEST_CASE("scan: a number as initial value takes the dtype that the step makes of it") {
  const Var x = vector("x", float64), i = lvector("i"), y = vector("y", float32);
  const auto total = [](Var e, Var sum) { return sum + e; };
  CHECK(scan(total, {.sequences = x, .outputs_info = 0.1}).outputs[0].dtype() == float64);
  CHECK(scan(total, {.sequences = y, .outputs_info = {0.1}}).outputs[0].dtype() == float32);
  CHECK(scan(total, {.sequences = i, .outputs_info = {0}}).outputs[0].dtype() == int64);
  CHECK(scan(total, {.sequences = i, .outputs_info = {0.5}}).outputs[0].dtype() == floatX());
  CHECK(scan(total, {.sequences = x > 0, .outputs_info = false}).outputs[0].dtype() == int64);
  const Bindings at{{x, test::vector({1, 2, 3})}};
  check_close(evaluate(foldl(total, x, 0.1).outputs[0], at), test::number(0.1 + 1 + 2 + 3), 0);
  const auto [pair, updates] = scan(
      [](Var e, Var n, Var sum) {
        return Vars{n + 1, sum + e * n};
      },
      {.sequences = x, .outputs_info = {0, 0}});
  CHECK(pair[0].dtype() == int64);
  check_close(evaluate(pair[1][-1], at), test::number(0 * 1 + 1 * 2 + 2 * 3), 0);
}

TEST_CASE("scan: a number whose dtype never settles is an error with both types") {
  const auto flips = [](Var h) { return cast(h, h.dtype() == float32 ? float64 : float32); };
  const std::string message =
      error_of<TypeError>([&] { scan(flips, {.outputs_info = 1.0, .n_steps = 2}); });
  CHECK(contains(message, "float32"));
  CHECK(contains(message, "float64"));
}

TEST_CASE(
    "scan: draws beside a number are those beside a variable where the listed dtypes decide") {
  const auto path = [](const OutputInfo& start) {
    RandomStream rng(3);
    const Var x = constant(Array::from(std::vector<double>{1, 2, 3}));
    const auto [sums, updates] =
        scan([&](Var e, Var sum) { return sum + e * rng.uniform({}, 0.0, 1.0, float64); },
             {.sequences = x, .outputs_info = {start}});
    return evaluate(sums[0]);
  };
  test::check_same_bits(path(0.0), path(number(0)));
}

TEST_CASE("scan: a number that its output's dtype cannot hold is named with its line") {
  const auto truth = [] {
    scan([](Var h) { return cast(h, boolean); }, {.outputs_info = 7, .n_steps = 2});
  };
  const std::string message = error_of<TypeError>(truth);
  CHECK(contains(message, "int64"));
  CHECK(contains(message, "bool"));
  CHECK(contains(message, "scan_arguments_test.cpp"));
  CHECK_FALSE(contains(message, "scan.hpp"));
}

TEST_CASE("scan: a state of constant size 1 is like one of size 2") {
  for (const std::int64_t n : {1, 2}) {
    CAPTURE(n);
    const Var x = matrix("x", float64), W = matrix("W", float64), v = matrix("v", float64);
    const Var start = zeros({x.shape(1), n}, float64);
    const auto result =
        scan([&](const Var& x_t, const Var& h) { return tanh(outer(x_t, v[0]) + dot(h, W)); },
             {.sequences = {x}, .outputs_info = {start}});
    const Var cost = sum(sqr(result.outputs[0]));
    const Array steps = Array::from<double>({0.1, -0.4, 0.3, 0.7, 0.2, -0.6}, {3, 2});
    Array weights(float64, {n, n}), inputs(float64, {1, n});
    for (std::int64_t i = 0; i < n * n; ++i)
      weights.data<double>()[i] = 0.3 + 0.1 * static_cast<double>(i);
    for (std::int64_t i = 0; i < n; ++i) inputs.data<double>()[i] = 0.5 + static_cast<double>(i);
    verify_grad(cost, {x, W, v}, {steps, weights, inputs}, {.forward_mode = true});
    Function f = function({x, W, v}, {result.outputs[0]});
    CHECK(f(steps, weights, inputs)[0].shape() == Shape{3, 2, n});
  }
}

TEST_CASE("scan: a state known to be 1 stretches in the step, and must stay 1") {
  const Var x = matrix("x"), y = vector("y");
  const auto kept = scan([&](const Var& h) { return 0.5 * h + sum(h * x, 1, {.keepdims = true}); },
                         {.outputs_info = {zeros({x.shape(0), 1})}, .n_steps = 2});
  Function f = function({x}, {kept.outputs[0]});
  CHECK(f(Array(float32, {3, 4}))[0].shape() == Shape{2, 3, 1});
  const auto grows =
      scan([&](const Var& h) { return h + y; }, {.outputs_info = {zeros({1})}, .n_steps = 2});
  Function g = function({y}, {grows.outputs[0]});
  CHECK(g(Array(float32, {1}))[0].shape() == Shape{2, 1});
  CHECK_THROWS_AS(g(Array(float32, {3})), ShapeError);
  const Var three = constant(Array(float32, {3}));
  const std::string text = test::error_of<TypeError>([&] {
    scan([&](const Var& h) { return h + three; }, {.outputs_info = {zeros({1})}, .n_steps = 2});
  });
  CAPTURE(text);
  CHECK(test::contains(text, "unbroadcast"));
}
