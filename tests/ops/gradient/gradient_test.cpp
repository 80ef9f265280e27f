#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::contains;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

TEST_CASE("grad: a quadratic form has the gradient (A + A') x") {
  const Var x = vector("x", float64);
  const Var a = matrix("a", float64);
  const Var g = grad(dot(x, dot(a, x)), x);
  const Bindings at{{x, test::vector({1, 2})}, {a, test::array({2, 2}, {1, 2, 3, 4})}};
  check_close(evaluate(g, at), test::vector({2 * 1 + 5 * 2, 5 * 1 + 8 * 2}), 1e-15);
}

TEST_CASE("grad: contributions along several paths add up") {
  const Var x = scalar("x", float64);
  const Var y = x * x;
  const Bindings at{{x, test::number(3)}};
  check_close(evaluate(grad(y + y * x, x), at), test::number(2 * 3 + 3 * 9), 1e-15);
}

TEST_CASE("grad: a stretched operand gets the sum over the axes along which it was stretched") {
  const Var x = matrix("x", float64);
  const Var b = vector("b", float64);
  const Bindings at{{x, test::array({2, 3}, {1, 2, 3, 4, 5, 6})}, {b, test::vector({1, 1, 2})}};
  const auto g = grad(sum(x * b), {x, b});
  check_close(evaluate(g[0], at), test::array({2, 3}, {1, 1, 2, 1, 1, 2}), 0);
  check_close(evaluate(g[1], at), test::vector({5, 7, 9}), 0);
}

TEST_CASE("grad: what flows through consider_constant does not count and the value stays") {
  const Var x = scalar("x", float64);
  const Var y = x * x;
  const Var cost = y * x;
  const Bindings at{{x, test::number(3)}};
  check_close(evaluate(grad(cost, x, {.consider_constant = {y}}), at), test::number(9), 0);
  check_close(evaluate(grad(y * disconnected_grad(x), x), at), test::number(18), 0);
}

TEST_CASE("grad: the gradient of a considered constant itself is still there") {
  const Var x = scalar("x", float64);
  const Var y = x * x;
  const Bindings at{{x, test::number(3)}};
  check_close(evaluate(grad(y * y, y, {.consider_constant = {y}}), at), test::number(18), 0);
}

TEST_CASE("grad: a variable built in the same way counts as the considered constant") {
  const Var x = scalar("x", float64);
  const Var cost = (x * x) * x;
  const Bindings at{{x, test::number(4)}};
  check_close(evaluate(grad(cost, x, {.consider_constant = {x * x}}), at), test::number(16), 0);
}

TEST_CASE("grad: naming a constant that the cost does not depend on is an error") {
  const Var x = scalar("x");
  const Var stranger = scalar("stranger");
  CHECK(contains(error_of<GradError>([&] { grad(x * x, x, {.consider_constant = {stranger}}); }),
                 "'stranger'"));
}

TEST_CASE("grad: known gradients take the place of what would flow") {
  const Var x = scalar("x", float64);
  const Var y = x * x;
  const Bindings at{{x, test::number(3)}};
  check_close(evaluate(grad(Var{}, x, {.known_grads = {{y, constant(test::number(10))}}}), at),
              test::number(60), 0);
}

TEST_CASE("grad: the cost must be a float scalar") {
  const Var x = matrix("x");
  const std::string text = error_of<GradError>([&] { grad(x * 2, x); });
  CHECK(contains(text, "must be a float scalar"));
  CHECK(contains(text, "mean() or sum()"));
  CHECK(contains(text, "gradient_test.cpp"));
}

TEST_CASE("grad: a disconnected variable is an error or zero as asked") {
  const Var x = scalar("x", float64);
  const Var w = vector("w", float64);
  CHECK(contains(error_of<GradError>([&] { grad(x * x, w); }), "does not depend on"));
  const Var g = grad(x * x, w, {.disconnected_inputs = Disconnected::ignore});
  check_close(evaluate(g, Bindings{{w, test::vector({1, 2})}}), test::vector({0, 0}), 0);
}

TEST_CASE("grad: a cost that depends on a parameter through a draw names the draw") {
  const Var p = vector("p");
  RandomStream rng(1);
  const Var sample = rng.bernoulli(p).named("coin");
  const std::string text = error_of<GradError>([&] { grad(sum(sample), p); });
  CHECK(contains(text, "coin"));
  CHECK(contains(text, "consider_constant"));
}

TEST_CASE("grad: draws with location and scale are differentiable in both") {
  const Var mu = scalar("mu", float64);
  const Var sigma = scalar("sigma", float64);
  RandomStream rng(7);
  const Var z = rng.normal({5}, mu, sigma, float64);
  const Bindings at{{mu, test::number(1)}, {sigma, test::number(2)}};
  const auto g = grad(sum(z), {mu, sigma});
  check_close(evaluate(g[0], at), test::number(5), 1e-15);
  const double total = evaluate(sum(z), at).item<double>();
  check_close(evaluate(g[1], at), test::number((total - 5) / 2), 1e-13);
}

TEST_CASE("grad: an integer variable gets a floating gradient") {
  const Var n = lscalar("n");
  const Var g = grad(cast(n, float64) * 3.0, n);
  CHECK(is_float(g.dtype()));
  check_close(evaluate(g, Bindings{{n, Array::scalar(std::int64_t{2})}}), test::number(3), 0);
}

TEST_CASE("grad: views change the gradient and not the value") {
  const Var x = scalar("x", float64);
  const Bindings at{{x, test::number(3)}};
  check_close(evaluate(grad(sqr(zero_grad(x)) + x, x), at), test::number(1), 0);
  check_close(evaluate(grad(sqr(grad_clip(x, -1, 1)), x), at), test::number(1), 0);
  check_close(evaluate(grad(sqr(grad_scale(x, 0.5)), x), at), test::number(3), 0);
  check_close(evaluate(sqr(grad_scale(x, 0.5)), at), test::number(9), 0);
  CHECK(
      contains(error_of<GradError>([&] { grad(grad_undefined(x, "not today"), x); }), "not today"));
}

TEST_CASE("Rop and Lop are adjoint") {
  const Var x = vector("x", float64);
  const Var w = matrix("w", float64);
  const Var v = vector("v", float64);
  const Var u = vector("u", float64);
  const Var f = tanh(dot(x, w)) * exp(x);
  const Bindings at{{x, test::vector({0.3, -0.2})},
                    {w, test::array({2, 2}, {1, 2, -1, 0.5})},
                    {v, test::vector({0.7, 0.1})},
                    {u, test::vector({-0.4, 0.9})}};
  const double forward = evaluate(dot(u, Rop(f, x, v)), at).item<double>();
  const double backward = evaluate(dot(Lop(f, x, u), v), at).item<double>();
  CHECK(forward == doctest::Approx(backward).epsilon(1e-14));
}

TEST_CASE("grad of grad gives second derivatives") {
  const Var x = scalar("x", float64);
  const Var second = grad(grad(sigmoid(x), x), x);
  const double s = 1 / (1 + std::exp(-0.7));
  check_close(evaluate(second, Bindings{{x, test::number(0.7)}}),
              test::number(s * (1 - s) * (1 - 2 * s)), 1e-14);
}

TEST_CASE("grad: the derivatives of sigmoid and softplus hold far out") {
  const Var x = scalar("x", float64);
  const Bindings at{{x, test::number(37)}};
  CHECK(evaluate(grad(sigmoid(x), x), at).item<double>() ==
        doctest::Approx(8.533047625744065e-17).epsilon(1e-14));
  const Bindings low{{x, test::number(-1000)}};
  CHECK(evaluate(grad(softplus(x), x), low).item<double>() == 0);
}

TEST_CASE("grad: a norm has gradient 0 at 0 and the unit vector elsewhere") {
  const Var x = matrix("x", float64);
  const Bindings at{{x, test::array({2, 2}, {0, 0, 3, 4})}};
  check_close(evaluate(norm(x, 1), at), test::vector({0, 5}), 0);
  check_close(evaluate(grad(sum(norm(x, 1)), x), at), test::array({2, 2}, {0, 0, 0.6, 0.8}), 1e-15);
  const Var cubic = norm(x, 1, {.ord = 3});
  const double third = std::pow(27 + 64, -2.0 / 3);
  check_close(evaluate(grad(sum(cubic), x), at), test::array({2, 2}, {0, 0, 9 * third, 16 * third}),
              1e-14);
}

TEST_CASE("grad: through a mean of draws alone there is none and the draw and its line are named") {
  const Var p = vector("p");
  RandomStream rng(1);
  const Var sample = rng.bernoulli(sigmoid(p)).named("coin");
  const std::string text = error_of<GradError>([&] { grad(mean(sqr(sample)), p); });
  for (const char* part : {"coin", "gradient_test.cpp:", "consider_constant", "sigmoid(p)"}) {
    CAPTURE(part);
    CAPTURE(text);
    CHECK(contains(text, part));
  }
  const auto looped = [&] {
    const Var chain = scan([&](Var h) { return rng.bernoulli(sigmoid(h + p)); },
                           {.outputs_info = {p}, .n_steps = 3, .name = "gibbs"})
                          .outputs[0];
    grad(mean(chain), p);
  };
  const std::string inside = error_of<GradError>(looped);
  CAPTURE(inside);
  CHECK(contains(inside, "'gibbs'"));
  CHECK(contains(inside, "bernoulli"));
  CHECK(contains(inside, "gradient_test.cpp:"));
}

TEST_CASE("grad: with respect to an expression on the way") {
  const Var x = vector("x", float64);
  const Var h = tanh(x);
  const Var cost = sum(sqr(h) * h);
  const Bindings at{{x, test::vector({0.5, -1})}};
  const Vars g = grad(cost, {h, x});
  check_close(evaluate(g[0], at), evaluate(3 * sqr(h), at), 1e-15);
  check_close(evaluate(g[1], at), evaluate(3 * sqr(h) * (1 - sqr(h)), at), 1e-15);
}

TEST_CASE("grad: a constant made anew in the same way matches inside of larger graphs") {
  // d/dx of x^2 * x^3 at 2 with x^2 constant is 4 * 12 = 48; not 80, as if nothing were.
  const Var x = scalar("x", float64);
  const Bindings at{{x, test::number(2)}};
  const Var cost = sqr(x) * pow(x, 3);
  check_close(evaluate(grad(cost, x, {.consider_constant = {sqr(x)}}), at), test::number(48),
              1e-14);
  check_close(evaluate(grad(cost, x), at), test::number(80), 1e-14);
}

TEST_CASE("grad: known gradients and constants and disconnected inputs combine") {
  const Var x = scalar("x", float64);
  const Var w = scalar("w", float64);
  const Var y = x * w;
  const Var z = sqr(y);
  const Bindings at{{x, test::number(3)}, {w, test::number(2)}};
  const Vars g = grad(z, {x, w, y},
                      {.consider_constant = {x},
                       .known_grads = {{z, constant(test::number(5))}},
                       .disconnected_inputs = Disconnected::warn});
  check_close(evaluate(g[2], at), test::number(5 * 2 * 6), 0);
  check_close(evaluate(g[1], at), test::number(60 * 3), 0);
  check_close(evaluate(g[0], at), test::number(60 * 2), 0);
}

TEST_CASE("jacobian and hessian have one row an element") {
  const Var x = vector("x", float64);
  const Bindings at{{x, test::vector({1, 2})}};
  const Var f = sqr(x) * x[0];
  check_close(evaluate(jacobian(f, x), at), test::array({2, 2}, {3, 0, 4, 4}), 1e-14);
  const Var cost = sum(sqr(x) * x[0]);
  check_close(evaluate(hessian(cost, x), at), test::array({2, 2}, {6, 4, 4, 2}), 1e-14);
  const Var v = constant(test::vector({1, -1}));
  check_close(evaluate(hessian_vector_product(cost, {x}, {v})[0], at), test::vector({2, 2}), 1e-14);
}

TEST_CASE("subgraph_grad goes to the end and no further") {
  const Var x = scalar("x", float64);
  const Var w1 = scalar("w1", float64);
  const Var w2 = scalar("w2", float64);
  const Var a = sqr(x * w1);
  const Var cost = a * w2;
  const Bindings at{{x, test::number(2)}, {w1, test::number(3)}, {w2, test::number(5)}};
  const Vars upper = subgraph_grad({w2}, {a}, {}, cost);
  check_close(evaluate(upper[0], at), test::number(36), 1e-15);
  check_close(evaluate(upper[1], at), test::number(5), 1e-15);
  const Vars lower = subgraph_grad({w1}, {x}, {{a, upper[1]}});
  check_close(evaluate(lower[0], at), evaluate(grad(cost, w1), at), 1e-15);
}

TEST_CASE("grad: what is known to be 1 is known of the gradient too") {
  const Var v = vector("v", float64);
  const Var m = matrix("m", float64);
  const Bindings at{{v, test::vector({1, 2})}, {m, test::array({1, 3}, {1, 2, 3})}};
  const Var total = sum(v, 0, {.keepdims = true});  // one element, and m has one row
  check_close(evaluate(grad(sum(dot(total, m)), v), at), test::vector({6, 6}), 0);
}

TEST_CASE("grad: the gradient of clip goes to what the value is, crossed bounds included") {
  const Var x = dvector("x");
  const Var low = dvector("low");
  const Var high = dvector("high");
  const Var y = clip(x, low, high);
  // low > high gives high; then inside, below, above.
  const Bindings at{{x, test::vector({0, 5, 1.5, 0, -1, 9})},
                    {low, test::vector({2, 2, 2, -1, 0, 0})},
                    {high, test::vector({1, 1, 1, 1, 2, 2})}};
  check_close(evaluate(y, at), test::vector({1, 1, 1, 0, 0, 2}), 0);
  const Vars g = grad(sum(y), {x, low, high});
  check_close(evaluate(g[0], at), test::vector({0, 0, 0, 1, 0, 0}), 0);
  check_close(evaluate(g[1], at), test::vector({0, 0, 0, 0, 1, 0}), 0);
  check_close(evaluate(g[2], at), test::vector({1, 1, 1, 0, 0, 1}), 0);
  const Var move = dvector("move");
  Bindings moving = at;
  moving.emplace_back(move, test::vector({1, 2, 3, 4, 5, 6}));
  check_close(evaluate(Rop(y, high, move), moving), test::vector({1, 2, 3, 0, 0, 6}), 0);
}
