#include <damo/damo.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

const Array one = test::number(1);

}  // namespace

TEST_CASE("forward mode: a Hessian times a vector leaves constants constant") {
  const Var w = dvector("w");
  const Var v = dvector("v");
  const Var c = sqr(w);
  const Bindings at{{w, test::vector({1, 2})}, {v, test::vector({1, 1})}};
  // c w^2 with c kept: the gradient is 2 c w, its slope 2 c.
  const Vars hv = hessian_vector_product(sum(c * w * w), {w}, {v}, {.consider_constant = {c}});
  check_close(evaluate(hv[0], at), test::vector({2, 8}), 0);
  const Var h = hessian(sum(c * w * w), w, {.consider_constant = {c}});
  check_close(evaluate(h, at), test::array({2, 2}, {2, 0, 0, 8}), 0);
  // The gradient of c + w^2 does not read c.
  const Var flat = sum(c + sqr(w));
  check_close(evaluate(hessian(flat, w, {.consider_constant = {c}}), at),
              test::array({2, 2}, {2, 0, 0, 2}), 0);
  check_close(evaluate(hessian_vector_product(flat, {w}, {v}, {.consider_constant = {c}})[0], at),
              test::vector({2, 2}), 0);
  check_close(evaluate(jacobian(c * w, w, {.consider_constant = {c}}), at),
              test::array({2, 2}, {1, 0, 0, 4}), 0);
}

TEST_CASE("forward mode: Rop stops where gradients stop") {
  const Var w = dvector("w");
  const Var v = dvector("v");
  const Bindings at{{w, test::vector({1, 2})}, {v, test::vector({3, 1})}};
  const Var c = sqr(w);
  check_close(evaluate(Rop(c * w, w, v, {.consider_constant = {c}}), at), test::vector({3, 4}), 0);
  check_close(evaluate(Rop(c * w, w, v), at), test::vector({9, 12}), 0);
  check_close(evaluate(Rop(disconnected_grad(c) * w, w, v), at), test::vector({3, 4}), 0);
  check_close(evaluate(Rop(zero_grad(c) * w, w, v), at), test::vector({3, 4}), 0);
  check_close(evaluate(Rop(grad_scale(c, 2.0) * w, w, v), at), test::vector({15, 20}), 0);
  // A constant that is asked about itself moves.
  check_close(evaluate(Rop(c * w, c, v, {.consider_constant = {c}}), at), test::vector({3, 2}), 0);
  CHECK_THROWS_AS(Rop(grad_undefined(c, "no way") * w, w, v), GradError);
  CHECK_NOTHROW(Rop(disconnected_grad(grad_undefined(c, "no way")) * w, w, v));
  CHECK_THROWS_AS(Rop(c * w, w, v, {.consider_constant = {exp(v)}}), GradError);
}

TEST_CASE("forward mode: nothing comes through a draw, and nothing need come from behind one") {
  RandomStream rng(3);
  const Var w = dvector("w");
  const Var v = dvector("v");
  CHECK_THROWS_AS(Rop(cast(rng.bernoulli(sigmoid(w)), float64) * w, w, v), GradError);
  CHECK_THROWS_AS(Rop(cast(2 * rng.poisson(exp(w)), float64) * w, w, v), GradError);
  const Var drawn = rng.poisson(exp(w));
  const Var cost = sum(sqr(w) * disconnected_grad(drawn));
  CHECK_NOTHROW(Rop(cost, w, v));
  CHECK_NOTHROW(Rop(sum(sqr(w) * drawn), w, v, {.consider_constant = {drawn}}));
}

TEST_CASE("forward mode: a cost of contrastive divergence has one, loops included") {
  for (const bool loop : {false, true}) {
    RandomStream rng(4);
    const Var w = dmatrix("w");
    const Var x = dmatrix("x");
    const Var along = dmatrix("along");
    const auto energy = [&](const Var& v) { return -sum(softplus(dot(v, w))) - 0.1 * sum(v); };
    const auto gibbs = [&](const Var& v) {
      const Var h = cast(rng.bernoulli(sigmoid(dot(v, w))), float64);
      const Var mean = sigmoid(dot(h, w.T()));
      return cast(rng.bernoulli(mean), float64);
    };
    Var chain = x;
    if (loop) {
      chain = scan(gibbs, {.outputs_info = x, .n_steps = 3}).outputs[0][-1];
    } else {
      for (int k = 0; k < 3; ++k) chain = gibbs(chain);
    }
    const Var cost = energy(x) - energy(chain);
    const GradOptions constant{.consider_constant = {chain}};
    const Var g = grad(cost, w, constant);
    const Var slope = Rop(cost, w, along, {.consider_constant = {chain}});
    const Var hv = hessian_vector_product(cost, {w}, {along}, constant)[0];
    // By hand: -x.T s(x w) + c.T s(c w), and its slope along `along`.
    const auto half = [&](const Var& v) {
      const Var s = sigmoid(dot(v, w));
      return -dot(v.T(), s * (1 - s) * dot(v, along));
    };
    Function f = function({w, x, along}, {slope, sum(g * along), hv, half(x) - half(chain)},
                          {.mode = Mode::fast()});
    const Outputs out =
        f(test::array({3, 2}, {0.1, -0.4, 0.3, 0.2, -0.7, 0.5}),
          test::array({2, 3}, {1, 0, 1, 0, 1, 1}), test::array({3, 2}, {1, -1, 0.5, 2, 0, 1}));
    CHECK(out.scalar<double>(0) == doctest::Approx(out.scalar<double>(1)).epsilon(1e-12));
    check_close(out[2], out[3], 1e-12);
  }
}

TEST_CASE("forward mode: integers that a loop counts stand between what moves and a draw") {
  RandomStream rng(6);
  const Var w = dscalar("w");
  const Var counted = scan([&](Var n) { return n + rng.poisson(exp(w)); },
                           {.outputs_info = constant(Array::scalar<std::int64_t>(0)), .n_steps = 3})
                          .outputs[0];
  CHECK_THROWS_AS(Rop(cast(counted[-1], float64) * w, w, constant(one)), GradError);
  CHECK_NOTHROW(Rop(cast(disconnected_grad(counted[-1]), float64) * w, w, constant(one)));
}

TEST_CASE("forward mode: of a loop's outputs only those behind a draw have none") {
  RandomStream rng(5);
  const Var w = dscalar("w");
  const Vars outs = scan(
                        [&](Var h, Var n, Var behind) {
                          const Var k = cast(rng.poisson(exp(h)), float64);
                          return Vars{h * w, n + k, behind + n};
                        },
                        {.outputs_info = {1.0, 0.0, 0.0}, .n_steps = 3})
                        .outputs;
  const Bindings at{{w, test::number(2)}};
  check_close(evaluate(Rop(outs[0][-1], w, constant(one)), at), test::number(12), 0);
  CHECK_THROWS_AS(Rop(outs[1][-1], w, constant(one)), GradError);
  CHECK_THROWS_AS(Rop(outs[2][-1], w, constant(one)), GradError);
  const Var mixed = outs[0][-1] * (1 + 0 * disconnected_grad(outs[2][-1]));
  check_close(evaluate(Rop(mixed, w, constant(one)), at), test::number(12), 0);
}
