#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::check_same_bits;
using test::contains;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

Array integer(std::int64_t n) { return Array::scalar(n); }

/// A recurrent layer h_t = tanh(x_t + h_{t-1} w), as a loop.
Var recurrent(const Var& x, const Var& h0, const Var& w) {
  return scan([&](Var x_t, Var h) { return tanh(x_t + dot(h, w)); },
              {.sequences = {x}, .outputs_info = {h0}, .name = "rnn"})
      .outputs[0];
}
/// The same without a loop.
Var unrolled(const Var& x, const Var& h0, const Var& w, int steps) {
  Vars rows;
  Var h = h0;
  for (int t = 0; t < steps; ++t) {
    h = tanh(x[t] + dot(h, w));
    rows.push_back(h);
  }
  return stack(rows, 0);
}

Array ramp(const Shape& shape, double scale) {
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i)
    a.data<double>()[i] = scale * std::sin(1.0 + 0.7 * static_cast<double>(i));
  return a;
}

}  // namespace

TEST_CASE("scan: powers of a vector") {
  const Var a = vector("a", float64);
  const Var k = lscalar("k");
  const auto [outs, updates] =
      scan([&](Var prior) { return prior * a; },
           {.outputs_info = {ones_like(a)}, .n_steps = k, .name = "powers"});
  const Bindings at{{a, test::vector({1, 2, 3})}, {k, integer(3)}};
  check_close(evaluate(outs[0], at), test::array({3, 3}, {1, 2, 3, 1, 4, 9, 1, 8, 27}), 0);
  CHECK(updates.empty());
}

TEST_CASE("scan: no steps give no rows of the right shape and type") {
  const Var a = vector("a", float32);
  const Var k = lscalar("k");
  const Var out =
      scan([&](Var p) { return p * a; }, {.outputs_info = {ones_like(a)}, .n_steps = k}).outputs[0];
  const Array none = evaluate(out, Bindings{{a, Array::from<float>({1, 2, 3})}, {k, integer(0)}});
  CHECK(to_string(none.shape()) == "(0, 3)");
  CHECK(none.dtype() == float32);
}

TEST_CASE("scan: output taps reach several steps back") {
  const Var start = vector("start", float64);
  const Var fibonacci = scan([](Var two_back, Var one_back) { return two_back + one_back; },
                             {.outputs_info = {init(start, {-2, -1})}, .n_steps = 6})
                            .outputs[0];
  check_close(evaluate(fibonacci, Bindings{{start, test::vector({0, 1})}}),
              test::vector({1, 2, 3, 5, 8, 13}), 0);
}

TEST_CASE("scan: deep output taps in any order") {
  const Var start = vector("start", float64);
  const Var out = scan([](Var one, Var three) { return one - three; },
                       {.outputs_info = {init(start, {-1, -3})}, .n_steps = 5})
                      .outputs[0];
  std::vector<double> y{5, 3, 2};
  for (int t = 0; t < 5; ++t) y.push_back(y[y.size() - 1] - y[y.size() - 3]);
  check_close(evaluate(out, Bindings{{start, test::vector({5, 3, 2})}}),
              test::vector({y.begin() + 3, y.end()}), 0);
}

TEST_CASE("scan: sequence taps look back and ahead and shorten the loop") {
  const Var x = vector("x", float64);
  const Var out =
      scan([](Var before, Var now, Var ahead) { return 100 * before + 10 * now + ahead; },
           {.sequences = {seq(x, {-1, 0, 2})}})
          .outputs[0];
  check_close(evaluate(out, Bindings{{x, test::vector({1, 2, 3, 4, 5})}}), test::vector({124, 235}),
              0);
}

TEST_CASE("scan: the shortest sequence decides and go_backwards starts at the end") {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Bindings at{{x, test::vector({1, 2, 3})}, {y, test::vector({10, 20})}};
  const auto add = [](Var a, Var b) { return a + b; };
  check_close(evaluate(scan(add, {.sequences = {x, y}}).outputs[0], at), test::vector({11, 22}), 0);
  const Var back =
      scan([](Var a) { return 2 * a; }, {.sequences = {x}, .go_backwards = true}).outputs[0];
  check_close(evaluate(back, at), test::vector({6, 4, 2}), 0);
}

TEST_CASE("scan: until keeps the step that fires") {
  const Var limit = scalar("limit", float64);
  const Var out = scan(
                      [&](Var p) {
                        const Var next = p * 2;
                        return until(next, next > limit);
                      },
                      {.outputs_info = {constant(test::number(1))}, .n_steps = 100})
                      .outputs[0];
  check_close(evaluate(out, Bindings{{limit, test::number(20)}}), test::vector({2, 4, 8, 16, 32}),
              0);
}

TEST_CASE("scan: equals its unrolled graph in value and gradient bit for bit") {
  const Var x = matrix("x", float64);
  const Var h0 = vector("h0", float64);
  const Var w = matrix("w", float64);
  for (const int steps : {1, 2, 17}) {
    CAPTURE(steps);
    const Bindings at{{x, ramp({steps, 3}, 1.0)}, {h0, ramp({3}, 0.5)}, {w, ramp({3, 3}, 0.8)}};
    const Var loop = recurrent(x, h0, w);
    const Var flat = unrolled(x, h0, w, steps);
    check_same_bits(evaluate(loop, at), evaluate(flat, at));
    const Vars wrt{x, h0, w};
    const Vars a = grad(sum(sqr(loop)), wrt);
    const Vars b = grad(sum(sqr(flat)), wrt);
    for (std::size_t i = 0; i < wrt.size(); ++i)
      check_close(evaluate(a[i], at), evaluate(b[i], at), 1e-14);
  }
}

TEST_CASE("scan: second derivatives and forward mode agree with the unrolled graph") {
  const Var x = matrix("x", float64);
  const Var h0 = vector("h0", float64);
  const Var w = matrix("w", float64);
  const Bindings at{{x, ramp({4, 2}, 1.0)}, {h0, ramp({2}, 0.5)}, {w, ramp({2, 2}, 0.8)}};
  const auto twice = [&](const Var& h) { return grad(sum(sqr(grad(sum(sqr(h)), w))), w); };
  check_close(evaluate(twice(recurrent(x, h0, w)), at), evaluate(twice(unrolled(x, h0, w, 4)), at),
              1e-12);
  const auto tangent = [&](const Var& h) { return Rop(h, w, sqr(w)); };
  check_close(evaluate(tangent(recurrent(x, h0, w)), at),
              evaluate(tangent(unrolled(x, h0, w, 4)), at), 1e-13);
}

TEST_CASE("scan: gradients through taps of sequences and outputs agree with the unrolled graph") {
  const Var x = vector("x", float64);
  const Var start = vector("start", float64);
  const Var loop = scan([](Var a, Var b, Var two, Var one) { return sin(a * two) + b * one; },
                        {.sequences = {seq(x, {-1, 1})}, .outputs_info = {init(start, {-2, -1})}})
                       .outputs[0];
  Vars y{start[0], start[1]};
  for (int t = 0; t < 4; ++t) y.push_back(sin(x[t] * y[y.size() - 2]) + x[t + 2] * y[y.size() - 1]);
  const Var flat = stack({y[2], y[3], y[4], y[5]}, 0);
  const Bindings at{{x, ramp({6}, 1.0)}, {start, ramp({2}, 0.7)}};
  check_same_bits(evaluate(loop, at), evaluate(flat, at));
  for (const Var& wrt : {x, start}) {
    check_close(evaluate(grad(sum(sqr(loop)), wrt), at), evaluate(grad(sum(sqr(flat)), wrt), at),
                1e-14);
  }
}

TEST_CASE("scan: truncate_gradient goes back so many steps and no further") {
  const Var x = vector("x", float64);
  const Var w = scalar("w", float64);
  const auto loop = [&](int truncate) {
    return scan([&](Var x_t, Var h) { return h * w + x_t; },
                {.sequences = {x},
                 .outputs_info = {constant(test::number(0))},
                 .truncate_gradient = truncate})
        .outputs[0][-1];
  };
  const Bindings at{{x, test::vector({1, 1, 1, 1})}, {w, test::number(2)}};
  // h: 1, 3, 7, 15; dh4/dw = h3 + w (h2 + w (h1 + w h0)).
  check_close(evaluate(grad(loop(-1), w), at), test::number(7 + 2 * (3 + 2 * 1)), 0);
  check_close(evaluate(grad(loop(2), w), at), test::number(7 + 2 * 3), 0);
  check_close(evaluate(grad(loop(2), x), at), test::vector({0, 0, 2, 1}), 0);
}

TEST_CASE("scan: the gradient past an until stop is zero") {
  const Var x = vector("x", float64);
  const Var out =
      scan([](Var x_t) { return until(sqr(x_t), x_t > 2); }, {.sequences = {x}}).outputs[0];
  check_close(evaluate(grad(sum(out), x), Bindings{{x, test::vector({1, 3, 5, 7})}}),
              test::vector({2, 6, 0, 0}), 0);
}

TEST_CASE("scan: draws differ from step to step and the stream moves on by as many") {
  RandomStream rng(3);
  const auto [outs, updates] =
      scan([&] { return rng.uniform({4}, 0.0, 1.0, float64); }, {.n_steps = 3});
  const Array rows = evaluate(outs[0]);
  CHECK(rows.data<double>()[0] != rows.data<double>()[4]);
  REQUIRE(updates.size() == 1);
  CHECK(evaluate(updates.pairs()[0].second).data<std::int64_t>()[2] == 3);
}

TEST_CASE("scan: the gradient replays the draws of the forward loop") {
  RandomStream rng(5);
  const Var w = scalar("w", float64);
  const auto [outs, updates] =
      scan([&](Var h) { return h * w + rng.normal({2}, 0.0, 1.0, float64) * w; },
           {.outputs_info = {zeros({2}, float64)}, .n_steps = 3});
  // Every path carries w at least once: sum h_T = sum_t w^(T-t+1) z_t.
  const Var z =
      scan([&](Var h) { return h; }, {.outputs_info = {zeros({2}, float64)}, .n_steps = 1})
          .outputs[0];
  const Bindings at{{w, test::number(0.9)}};
  const Bindings up{{w, test::number(0.9 + 1e-6)}};
  const Bindings down{{w, test::number(0.9 - 1e-6)}};
  const Var cost = sum(outs[0][-1]);
  const double slope =
      (evaluate(cost, up).item<double>() - evaluate(cost, down).item<double>()) / 2e-6;
  CHECK(evaluate(grad(cost, w), at).item<double>() == doctest::Approx(slope).epsilon(1e-7));
}

TEST_CASE("scan: an inner scan's draws surface in the outer updates") {
  RandomStream rng(9);
  const auto [outs, updates] = scan(
      [&] {
        auto [inner, inner_updates] = scan([&] { return rng.uniform({2}); }, {.n_steps = 4});
        return std::pair<Vars, Updates>({inner[0][-1]}, inner_updates);
      },
      {.n_steps = 3});
  REQUIRE(updates.size() == 1);
  CHECK(evaluate(updates.pairs()[0].second).data<std::int64_t>()[2] == 12);
}

TEST_CASE("scan: shared variables updated by the step are carried") {
  const SharedVar counter = shared(Array::scalar(std::int64_t{10}), "counter");
  const auto [outs, updates] = scan(
      [&] {
        return std::pair<Vars, Updates>({counter * 2}, {{counter, counter + 1}});
      },
      {.n_steps = 3});
  CHECK(evaluate(outs[0]).values<std::int64_t>()[2] == 24);
  CHECK(evaluate(updates.find(counter)).item<std::int64_t>() == 13);
  CHECK(counter.value().item<std::int64_t>() == 10);
}

TEST_CASE("scan: nested loops have gradients") {
  const Var x = matrix("x", float64);
  const Var total =
      scan(
          [](Var row, Var sum_before) {
            const Var inner =
                scan([](Var e, Var p) { return p * e; },
                     {.sequences = {row}, .outputs_info = {constant(test::number(1))}})
                    .outputs[0][-1];
            return sum_before + inner;
          },
          {.sequences = {x}, .outputs_info = {constant(test::number(0))}})
          .outputs[0][-1];
  const Bindings at{{x, test::array({2, 3}, {1, 2, 3, 4, 5, 6})}};
  check_close(evaluate(total, at), test::number(6 + 120), 0);
  check_close(evaluate(grad(total, x), at), test::array({2, 3}, {6, 3, 2, 30, 24, 20}), 1e-15);
}

TEST_CASE("map, foldl, foldr and reduce are scans") {
  const Var x = vector("x", float64);
  const Bindings at{{x, test::vector({1, 2, 3})}};
  const auto [ys, updates] = map([](Var e) { return sqr(e); }, {x});
  check_close(evaluate(ys[0], at), test::vector({1, 4, 9}), 0);
  const Var zero = constant(test::number(0));
  const auto digits = [](Var e, Var before) { return before * 10 + e; };
  check_close(evaluate(foldl(digits, {x}, zero).outputs[0], at), test::number(123), 0);
  check_close(evaluate(foldr(digits, {x}, zero).outputs[0], at), test::number(321), 0);
  check_close(evaluate(damo::reduce(digits, {x}, {zero}).outputs[0], at), test::number(123), 0);
}

TEST_CASE("scan: errors name the scan and the role and the remedy") {
  const Var x = vector("x", float32);
  const auto changing = [&] {
    scan([](Var h) { return cast(h, float64); },
         {.outputs_info = {x}, .n_steps = 2, .name = "drift"});
  };
  const std::string text = error_of<TypeError>(changing);
  CHECK(contains(text, "'drift'"));
  CHECK(contains(text, "output 0"));
  CHECK(contains(text, "float32"));
  CHECK(contains(text, "float64"));
  CHECK(contains(text, "hint"));
  CHECK(contains(text, "scan_test.cpp"));
  CHECK(
      contains(error_of<GraphError>([&] { scan([](Var h) { return h; }, {.outputs_info = {x}}); }),
               "n_steps"));
  CHECK(contains(
      error_of<GraphError>([&] { scan([](Var a, Var b) { return a + b; }, {.sequences = {x}}); }),
      "takes 2 variables"));
  CHECK(
      contains(error_of<GraphError>([&] {
                 scan([](Var a) { return Vars{a, a}; }, {.sequences = {x}, .outputs_info = {none}});
               }),
               "returns 2 outputs"));
  const Var y = vector("y");
  const auto capturing = [&] {
    scan([&](Var a) { return a + y; }, {.sequences = {x}, .strict = true});
  };
  CHECK(contains(error_of<GraphError>(capturing), "'y'"));
}

TEST_CASE("scan: a sequence that is too short for n_steps fails when it runs") {
  const Var x = vector("x", float64);
  const Var out =
      scan([](Var a) { return a; }, {.sequences = {x}, .n_steps = 5, .name = "long"}).outputs[0];
  CHECK(contains(error_of<ShapeError>([&] {
                   evaluate(out, Bindings{{x, test::vector({1, 2})}});
                 }),
                 "sequence 0 'x' has 2 items"));
}
