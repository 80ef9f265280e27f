#include <doctest/doctest.h>

#include <cmath>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

double value(const Var& v, double x, const Var& at) { return eval(v, {{at, x}}).item<double>(); }

}  // namespace

TEST_CASE("op_from_graph: an application is the graph") {
  const Var a = dmatrix("a");
  const Var b = dmatrix("b");
  const SharedVar w = shared(xt::xarray<double>({{1, 2}, {3, 4}}), "w");
  const OpFromGraph f({a, b}, {dot(a, b) + w, a - b}, {.name = "pair"});
  const Var x = dmatrix("x");
  const Var y = dmatrix("y");
  const Vars once = f(x, y);
  const Vars again = f(once[0], y);
  for (const Mode& mode : {Mode::fast(), Mode::none()}) {
    Function g = function({x, y}, {again[0], once[1]}, {.mode = mode});
    const xt::xarray<double> eye{{1, 0}, {0, 1}};
    const xt::xarray<double> two{{2, 0}, {0, 2}};
    const Outputs out = g(eye, two);
    CHECK(out.array<double>(0) == xt::xarray<double>{{7, 6}, {9, 16}});
    CHECK(out.array<double>(1) == xt::xarray<double>{{-1, 0}, {0, -1}});
    CHECK_FALSE(contains(debugprint(g), "op_from_graph{"));
  }
  CHECK(pprint(once[1]) == "pair(x, y).1");
  CHECK_NOTHROW(verify_grad(sum(sqr(again[0])) + sum(again[1]), {x, y},
                            {test::array({2, 2}, {1, 2, 3, 4}), test::array({2, 2}, {0, 1, -1, 2})},
                            {.second_order = true, .forward_mode = true}));
}

TEST_CASE("op_from_graph: shared variables of the graph get their gradient") {
  const SharedVar w = shared(xt::xarray<double>({2, 3}), "w");
  const Var a = dvector("a");
  const OpFromGraph f({a}, {sum(sqr(a) * w)});
  const Var x = dvector("x");
  Function g = function({x}, {grad(f(x * 2.0)[0], w)});
  CHECK(g(std::vector<double>{1, 2}).array<double>(0) == xt::xarray<double>{4, 16});
}

TEST_CASE("op_from_graph: equal applications are one and rewriting sees inside") {
  const Var a = dvector("a");
  const OpFromGraph s({a}, {sigmoid(a)});
  const Var x = dvector("x");
  CHECK(same_graph(s(x)[0], s(x)[0]));
  const OpFromGraph t({a}, {sigmoid(a)});
  CHECK(same_graph(s(x)[0], t(x)[0]));
  test::check_rewrite(log(s(x)[0]), -softplus(-x));
  test::check_rewrite(s(x)[0] + s(x)[0], sigmoid(x) + sigmoid(x));
}

TEST_CASE("op_from_graph: a gradient of its own replaces that of the graph to any order") {
  // sin with the derivative 2 cos; its own derivative is that of 2 cos.
  const Var a = dscalar("a");
  const OpFromGraph f({a}, {sin(a)}, {.gradient = [](const Vars& in, const Vars&, const Vars& g) {
                        return Vars{2.0 * cos(in[0]) * g[0]};
                      }});
  const Var x = dscalar("x");
  const Var y = f(x * x)[0];
  const Var dy = grad(y, x);
  CHECK(value(y, 0.7, x) == doctest::Approx(std::sin(0.49)));
  CHECK(value(dy, 0.7, x) == doctest::Approx(2 * std::cos(0.49) * 1.4));
  const double second = 4 * std::cos(0.49) - 8 * 0.49 * std::sin(0.49);
  CHECK(value(grad(dy, x), 0.7, x) == doctest::Approx(second));
  // Forward mode is that of the graph unless it is given too.
  const Var one = constant(Array::scalar(1.0));
  CHECK(value(Rop(y, x, one), 0.7, x) == doctest::Approx(std::cos(0.49) * 1.4));
  const OpFromGraph h({a}, {sin(a)},
                      {.push_forward = [](const Vars&, const Vars& out, const Vars& t) {
                        return Vars{out[0] * t[0]};
                      }});
  CHECK(value(Rop(h(x)[0], x, one), 0.7, x) == doctest::Approx(std::sin(0.7)));
}

TEST_CASE("op_from_graph: draws inside advance and loops may apply it") {
  RandomStream rng(5);
  const Var a = dscalar("a");
  const OpFromGraph noisy({a}, {a + rng.uniform({}, 0.0, 1.0, float64)});
  const Var x0 = constant(Array::scalar(0.0));
  const Var walk =
      scan([&](const Var& x) { return noisy(x)[0]; }, {.outputs_info = {x0}, .n_steps = 4})
          .outputs[0];
  Function f = function({}, {walk, noisy(x0)[0]});
  const Outputs out = f();
  const auto steps = out.array<double>(0);
  CHECK(steps(0) != steps(1) - steps(0));
  CHECK(steps(3) < 4);
  CHECK(f().array<double>(0) != steps);
}

TEST_CASE("op_from_graph: wrong operands and gradients are errors that name them") {
  const Var a = dvector("a");
  const Var x = dvector("x");
  const OpFromGraph f({a}, {a * 2.0}, {.name = "twice"});
  CHECK(contains(error_of<TypeError>([&] { f(dmatrix("m")); }), "'m'"));
  CHECK(contains(error_of<TypeError>([&] { f(x, x); }), "takes 1 operands"));
  CHECK(contains(error_of<GraphError>([&] { OpFromGraph({a, a}, {a}); }), "twice"));
  const auto with = [&](Vars given) {
    return OpFromGraph({a}, {a * 2.0}, {.gradient = [given](const Vars&, const Vars&, const Vars&) {
                         return given;
                       }})(x)[0];
  };
  CHECK(contains(error_of<GradError>([&] { grad(sum(with({x, x})), x); }), "2 parts for 1 inputs"));
  CHECK(contains(error_of<GradError>([&] { grad(sum(with({sum(x)})), x); }), "part for input 0"));
  CHECK(contains(error_of<GradError>([&] { grad(sum(with({fvector("g")})), x); }), "'g'"));
}

TEST_CASE("with_gradient: an expression with the gradient it is given") {
  const Var x = dvector("x");
  const Var h = tanh(x);
  // A straight-through estimator: the rounded value, the gradient of what was rounded.
  const Var y =
      with_gradient({h}, round(h), [](const Vars&, const Var&, const Var& g) { return Vars{g}; });
  Function f = function({x}, {y, grad(sum(y), x)});
  const Outputs out = f(std::vector<double>{0.1, 2});
  CHECK(out.array<double>(0) == xt::xarray<double>{0, 1});
  CHECK(out.array<double>(1)(1) == doctest::Approx(1 - std::tanh(2) * std::tanh(2)));
}

TEST_CASE("with_gradient: works in loops and stops where an empty gradient is given") {
  const Var xs = dvector("xs");
  const Var w = dscalar("w");
  const auto step = [&](const Var& x, const Var& h) {
    const Var p = h * w;
    return x + with_gradient({p}, p, [](const Vars&, const Var&, const Var& g) {
             return Vars{clip(g, -0.5, 0.5)};
           });
  };
  const Var hs =
      scan(step, {.sequences = {xs}, .outputs_info = {constant(Array::scalar(1.0))}}).outputs[0];
  Function f = function({xs, w}, {grad(hs[-1], w)});
  // h1 = x0 + w, h2 = x1 + w h1: the gradient at p of step 1 is clipped to 0.5, at step 0 to 0.5.
  CHECK(f(std::vector<double>{3, 4}, 2.0).scalar<double>(0) == doctest::Approx(0.5 * 5 + 0.5));
  const Var cut =
      with_gradient({w}, w * w, [](const Vars&, const Var&, const Var&) { return Vars{Var{}}; });
  CHECK_THROWS_AS(grad(cut, w), GradError);
}

TEST_CASE("with_gradient: asking for the gradient of what is not listed is an error") {
  const Var x = dscalar("x");
  const Var w = dscalar("w");
  const Var y =
      with_gradient({x}, x * w, [](const Vars&, const Var&, const Var& g) { return Vars{g}; });
  CHECK(contains(error_of<GradError>([&] { grad(y, w); }), "'w'"));
  CHECK(value(grad(y, x) + 0.0 * x, 2.0, x) == 1);
}
