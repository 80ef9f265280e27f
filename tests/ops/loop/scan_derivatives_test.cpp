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
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

const VerifyGradOptions every_way{.second_order = true, .forward_mode = true};

Array ramp(const Shape& shape, double scale) {
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i)
    a.data<double>()[i] = scale * std::sin(1.0 + 0.7 * static_cast<double>(i));
  return a;
}

/// h_t = w h_{t-1} + v h_{t-2} + x_t with the gradient going back `truncate` steps.
Var second_order_filter(const Var& x, const Var& start, const Var& w, int truncate) {
  return scan([&](Var x_t, Var two, Var one) { return w * one + 0.5 * two + x_t; },
              {.sequences = x,
               .outputs_info = {init(start, {-2, -1})},
               .truncate_gradient = truncate})
      .outputs[0];
}

}  // namespace

TEST_CASE("scan: all derivatives of a recurrent net are those of finite differences") {
  verify_grad(
      [](const Vars& in) {
        return scan([&](Var x, Var h) { return tanh(dot(x, in[2]) + dot(h, in[3])); },
                    {.sequences = in[0], .outputs_info = in[1]})
            .outputs[0];
      },
      {ramp({4, 2}, 1), ramp({3}, 0.5), ramp({2, 3}, 0.7), ramp({3, 3}, 0.6)}, every_way);
}

TEST_CASE("scan: all derivatives through taps and go_backwards are those of finite differences") {
  for (const bool backwards : {false, true}) {
    verify_grad(
        [&](const Vars& in) {
          const auto outs = scan(
                                [](Var a, Var b, Var c, Var three, Var one, Var g) {
                                  const Var h = tanh(a * three + b * one + sin(c));
                                  return Vars{h, g * one + h, h * b};
                                },
                                {.sequences = seq(in[0], {-1, 0, 2}),
                                 .outputs_info = {init(in[1], {-3, -1}), in[2], none},
                                 .go_backwards = backwards})
                                .outputs;
          return outs[0] + outs[1] * outs[2];
        },
        {ramp({7}, 1), ramp({3}, 0.5), test::number(0.4)}, every_way);
  }
}

TEST_CASE("scan: all derivatives through until are those of finite differences") {
  verify_grad(
      [](const Var& x, const Var& h0, const Var& w) {
        const Var h = scan(
                          [&](Var x_t, Var h) {
                            const Var next = w * h + sqr(x_t);
                            return until(next, next > 4.0);
                          },
                          {.sequences = x, .outputs_info = h0})
                          .outputs[0];
        return stack({sum(h), h[-1]});
      },
      {test::vector({1, 1.1, 0.9, 1.2, 1, 1}), test::number(0.5), test::number(1.3)}, every_way);
}

TEST_CASE("scan: all derivatives of nested loops are those of finite differences") {
  verify_grad(
      [](const Var& x, const Var& w) {
        return scan(
                   [&](Var row, Var total) {
                     const Var inner = scan([&](Var e, Var p) { return sin(p * w) + e; },
                                            {.sequences = row, .outputs_info = total})
                                           .outputs[0];
                     return inner[-1] * sum(sqr(inner));
                   },
                   {.sequences = x, .outputs_info = constant(test::number(0.3))})
            .outputs[0];
      },
      {ramp({3, 2}, 0.5), test::number(0.7)}, every_way);
}

TEST_CASE("scan: the tangent of a gradient is the Hessian times the direction") {
  const Var w = vector("w", float64);
  const Var v = vector("v", float64);
  const Var h =
      scan([&](Var h) { return tanh(h * w); }, {.outputs_info = w, .n_steps = 3}).outputs[0];
  const Var cost = sum(sqr(h));
  const Bindings at{{w, test::vector({0.7, -0.4})}, {v, test::vector({0.3, 0.9})}};
  const Array full = evaluate(dot(hessian(cost, w), v), at);
  check_close(evaluate(Rop(grad(cost, w), w, v), at), full, 1e-13);
  check_close(evaluate(hessian_vector_product(cost, {w}, {v})[0], at), full, 1e-13);
  check_close(evaluate(Lop(grad(cost, w), w, v), at), full, 1e-13);
}

TEST_CASE("scan: the gradient past an until stop is zero in sequences and captured values") {
  const Var x = vector("x", float64);
  const Var w = scalar("w", float64);
  const Var out = scan([&](Var x_t, Var h) { return until(h + w * x_t, x_t > 2.5); },
                       {.sequences = x, .outputs_info = constant(test::number(0))})
                      .outputs[0];
  const Bindings at{{x, test::vector({1, 2, 3, 4, 5})}, {w, test::number(2)}};
  const Vars g = grad(out[-1], {x, w});
  check_close(evaluate(g[0], at), test::vector({2, 2, 2, 0, 0}), 0);
  check_close(evaluate(g[1], at), test::number(6), 0);
  check_close(evaluate(Rop(out, x, x), at), test::vector({2, 6, 12}), 0);
}

TEST_CASE("scan: a truncated gradient is that of the last steps with the earlier ones constant") {
  const Var x = vector("x", float64);
  const Var start = vector("start", float64);
  const Var w = scalar("w", float64);
  const Bindings at{{x, ramp({4}, 1)}, {start, test::vector({0.3, -0.8})}, {w, test::number(0.9)}};
  for (const int truncate : {1, 2, 3, 4, 9}) {
    CAPTURE(truncate);
    // The same in the open: of the steps before, the values count as constants; initial rows do
    // not.
    Vars h{start[0], start[1]};
    Vars constants;
    const int first = std::max(0, 4 - truncate);
    for (int t = 0; t < 4; ++t) {
      const auto n = h.size();
      Var next = w * h[n - 1] + 0.5 * h[n - 2] + x[t];
      if (t < first) next = disconnected_grad(next);
      h.push_back(next);
    }
    const Var cost = sum(sqr(stack({h[2], h[3], h[4], h[5]})));
    const Var loop = sum(sqr(second_order_filter(x, start, w, truncate)));
    for (const Var& wrt : {x, start, w}) {
      const GradOptions ignore{.disconnected_inputs = Disconnected::ignore};
      check_close(evaluate(grad(loop, wrt), at), evaluate(grad(cost, wrt, ignore), at), 1e-14);
    }
  }
}

TEST_CASE("scan: a truncated gradient leaves an initial value it does not reach without one") {
  const Var h0 = scalar("h0", float64);
  const auto loop = [&](int truncate) {
    return scan([](Var h) { return 2 * h; },
                {.outputs_info = h0, .n_steps = 3, .truncate_gradient = truncate})
        .outputs[0][-1];
  };
  const Bindings at{{h0, test::number(1)}};
  check_close(evaluate(grad(loop(-1), h0), at), test::number(8), 0);
  check_close(evaluate(grad(loop(3), h0), at), test::number(8), 0);
  check_close(evaluate(grad(loop(2), h0), at), test::number(0), 0);
}

TEST_CASE("scan: consider_constant and views act inside and outside of a loop") {
  const Var x = vector("x", float64);
  const Var w = scalar("w", float64);
  const auto chain = [&](bool cut) {
    return scan([&](Var h) { return w * (cut ? disconnected_grad(h) : h); },
                {.outputs_info = w, .n_steps = 2})
        .outputs[0];
  };
  const Bindings at{{w, test::number(3)}};
  check_close(evaluate(grad(chain(false)[-1], w), at), test::number(27), 0);
  check_close(evaluate(grad(chain(true)[-1], w), at), test::number(9), 0);
  const Var h = chain(false);
  check_close(evaluate(grad(h[-1] * w, w, {.consider_constant = {h}}), at), test::number(27), 0);
}
