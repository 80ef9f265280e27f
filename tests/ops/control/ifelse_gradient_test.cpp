#include <doctest/doctest.h>

#include <cmath>

#include <damo/damo.hpp>
#include "tests/support/counted.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::counted;
using test::modes;

TEST_CASE("ifelse: gradients to second order agree with the formulas and are lazy") {
  for (const Mode& mode : modes()) {
    int yes = 0;
    int no = 0;
    const Var c = bscalar("c");
    const Var x = dscalar("x");
    const Var y = ifelse(c, pow(counted(x, yes), 3), sin(counted(x, no)));
    const Var g = grad(y, x);
    const Var h = grad(g, x);
    const Var r = Rop(y, x, constant(Array::scalar(2.0)));
    Function f = function({c, x}, {g, h, r}, {.mode = mode});
    const Outputs a = f(true, 2.0);
    CHECK(a.scalar<double>(0) == doctest::Approx(12));
    CHECK(a.scalar<double>(1) == doctest::Approx(12));
    CHECK(a.scalar<double>(2) == doctest::Approx(24));
    CHECK(no == 0);
    CHECK(yes > 0);
    const int before = yes;
    const Outputs b = f(false, 2.0);
    CHECK(b.scalar<double>(0) == doctest::Approx(std::cos(2)));
    CHECK(b.scalar<double>(1) == doctest::Approx(-std::sin(2)));
    CHECK(yes == before);
  }
}

TEST_CASE("ifelse: the branch not taken adds zero where its derivative is not finite") {
  for (const Mode& mode : modes()) {
    const Var x = dvector("x");
    const Var y = ifelse(x[0] > 0.0, sqrt(x), 3.0 * x);
    const Var g = grad(sum(y), x);
    Function f = function({x}, {g}, {.mode = mode});
    CHECK(f(std::vector<double>{0, 4}).array<double>(0) == xt::xarray<double>{3, 3});
    CHECK(f(std::vector<double>{4, 16}).array<double>(0) == xt::xarray<double>{0.25, 0.125});
  }
}

TEST_CASE("ifelse: gradients meet where branches share a part") {
  const Var c = bscalar("c");
  const Var x = dvector("x");
  const Var h = tanh(x);
  const Var y = sum(ifelse(c, h * h, exp(h))) + sum(h);
  const Vars g = grad(y, {x, h});
  Function f = function({c, x}, {g[0], g[1]});
  const double t = std::tanh(0.3);
  const Outputs a = f(true, std::vector<double>{0.3});
  CHECK(a[1].item<double>() == doctest::Approx(2 * t + 1));
  CHECK(a[0].item<double>() == doctest::Approx((2 * t + 1) * (1 - t * t)));
  const Outputs b = f(false, std::vector<double>{0.3});
  CHECK(b[1].item<double>() == doctest::Approx(std::exp(t) + 1));
}

TEST_CASE("ifelse: gradients through loops with choices agree with finite differences") {
  const Var xs = dvector("xs");
  const Var w = dscalar("w");
  const auto step = [&](const Var& x, const Var& h) {
    return ifelse(h > x, tanh(h * w + x), h * h * w - ifelse(x > 0.0, x * w, exp(x)));
  };
  const Var hs =
      scan(step, {.sequences = {xs}, .outputs_info = {constant(Array::scalar(0.4))}}).outputs[0];
  CHECK_NOTHROW(verify_grad(sum(sqr(hs)), {xs, w},
                            {test::vector({0.1, -0.4, 0.7, 0.2, -1.1}), test::number(0.6)},
                            {.second_order = true, .forward_mode = true}));
}
