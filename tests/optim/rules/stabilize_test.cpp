#include <doctest/doctest.h>

#include <cmath>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;

namespace {

const std::vector<DType> float_dtypes{DType::float32, DType::float64};

void each_input(const std::function<void(const Var&)>& check) {
  for (const DType dtype : float_dtypes) {
    check(vector("x", dtype));
    check(matrix("x", dtype));
    check(scalar("x", dtype));
  }
}

}  // namespace

TEST_CASE("log of a sigmoid in every spelling becomes a softplus") {
  each_input([](const Var& x) {
    check_rewrite(log(sigmoid(x)), -softplus(-x));
    check_rewrite(log(1 - sigmoid(x)), -softplus(x));
    check_rewrite(log(-sigmoid(x) + 1), -softplus(x));
    check_rewrite(log(-(sigmoid(x) - 1)), -softplus(x));
    check_rewrite(log1p(-sigmoid(x)), -softplus(x));
    check_rewrite(log1p(-1 * sigmoid(x)), -softplus(x));
    check_rewrite(log(1 / (1 + exp(-x))), -softplus(-x));
    check_rewrite(log(exp(x) / (1 + exp(x))), -softplus(-x));
    check_rewrite(log(1 - 1 / (1 + exp(-x))), -softplus(x));
    check_rewrite(log(sigmoid(x) + 0), -softplus(-x));
    check_rewrite(log(abs(sigmoid(x))), -softplus(-x));
    check_rewrite(log(0.5 * tanh(x / 2) + 0.5), -softplus(-x));
    check_rewrite(log(0.5 * (1 + tanh(0.5 * x))), -softplus(-x));
  });
}

TEST_CASE("log of one plus an exponential is softplus in every order") {
  each_input([](const Var& x) {
    check_rewrite(log(1 + exp(x)), softplus(x));
    check_rewrite(log(exp(x) + 1), softplus(x));
    check_rewrite(log1p(exp(x)), softplus(x));
    check_rewrite(log(1 + exp(-x)), softplus(-x));
    check_rewrite(log(1 + exp(2 * x + 3)), softplus(2 * x + 3));
  });
}

TEST_CASE("log of one minus an exponential is log1mexp in every spelling") {
  each_input([](const Var& x) {
    check_rewrite(log(1 - exp(x)), log1mexp(x));
    check_rewrite(log1p(-exp(x)), log1mexp(x));
    check_rewrite(log(-expm1(x)), log1mexp(x));
    check_rewrite(log(-(exp(x) - 1)), log1mexp(x));
    check_rewrite(log(1 - exp(-x)), log1mexp(-x));
  });
}

TEST_CASE("quotients of exponentials become sigmoids") {
  each_input([](const Var& x) {
    const Var y = x * 3;
    check_rewrite(exp(x) / (1 + exp(x)), sigmoid(x));
    check_rewrite(1 / (1 + exp(-x)), sigmoid(x));
    check_rewrite(-1 / (1 + exp(-x)), -sigmoid(x));
    check_rewrite(reciprocal(1 + exp(x)), sigmoid(-x));
    check_rewrite(y / (1 + exp(x)) * exp(x), y * sigmoid(x));
    check_rewrite((-exp(x)) / ((1 + exp(x)) * (1 + exp(-x))), -(sigmoid(x) * sigmoid(x)));
    check_rewrite(exp(x) * sigmoid(-x), sigmoid(x));
    check_rewrite(exp(-x) * sigmoid(x), sigmoid(-x));
    check_rewrite(-(y * exp(-x)) * sigmoid(x), -(y * sigmoid(-x)));
    check_rewrite(1 - sigmoid(x), sigmoid(-x));
    check_rewrite(sigmoid(x) / (1 - sigmoid(x)), exp(x));
    check_rewrite((1 - sigmoid(x)) / sigmoid(x), exp(-x));
    check_rewrite(log(sigmoid(x) / (1 - sigmoid(x))), x);
    check_rewrite(sigmoid(log(x / (1 - x))), where(and_(x >= 0, x <= 1), x, NAN));
  });
}

TEST_CASE("exponentials and logarithms of each other cancel") {
  each_input([](const Var& x) {
    check_rewrite(exp(softplus(x)), 1 + exp(x));
    check_rewrite(expm1(softplus(x)), exp(x));
    check_rewrite(softplus(log(x)), where(x >= 0, log1p(x), NAN));
    check_rewrite(log1mexp(log(x)), where(x >= 0, log1p(-x), NAN));
    check_rewrite(log1mexp(log1mexp(x)), where(x <= 0, x, NAN));
    check_rewrite(log(1 + x), log1p(x));
    check_rewrite(exp(x) - 1, expm1(x));
    check_rewrite(log(exp(x)), x);
  });
}

TEST_CASE("log of a sum or difference of exponentials stays finite") {
  each_input([](const Var& a) {
    const Var b = 2 * a;
    check_rewrite(log(exp(a) + exp(b)), logaddexp(a, b));
    check_rewrite(log(exp(a) - exp(b)), where(eq(b, -INFINITY), a, a + log1mexp(b - a)));
  });
}

TEST_CASE("near misses are left alone") {
  each_input([](const Var& x) {
    check_lacks(exp(x) / (2 + exp(x)), "sigmoid");
    check_lacks(exp(x) / (1 - exp(x)), "sigmoid");
    check_lacks(exp(x + 1) / (1 + exp(x)), "sigmoid");
    check_lacks(1.1 / (1 + exp(-x)), "sigmoid");
    check_lacks(log(1 + 2 * exp(x)), "softplus");
    check_lacks(log(exp(x) - 1), "softplus");
    const double off = x.dtype() == DType::float32 ? 1 - 9e-6 : 1 - 1e-9;
    check_lacks(log(off + exp(x)), "softplus");
    check_lacks(exp(x) / (off + exp(x)), "sigmoid");
    const double close = x.dtype() == DType::float32 ? 1 + 1e-7 : 1 + 2e-16;
    check_lacks(log(close + exp(x)), "softplus");
    check_lacks(log(1 - x + (close - 1)), "log1p");
    const Var same_signs = rewritten(-exp(x) / ((1 + exp(x)) * (1 + exp(x))));
    CHECK_FALSE(same_graph(same_signs, rewritten(-sqr(sigmoid(x)))));
  });
}

TEST_CASE("rules see through conversions and changes of layout") {
  const Var x = matrix("x", float32);
  check_rewrite(log(cast(sigmoid(x), float64)), -softplus(-cast(x, float64)));
  check_rewrite(log(sigmoid(x).T()), -softplus(-x.T()));
  check_rewrite(log(flatten(sigmoid(x))), -softplus(-flatten(x)));
  check_rewrite(log(1 - reshape(sigmoid(x), {-1, 2})), -softplus(reshape(x, {-1, 2})));
  const Var v = vector("v", float32);
  const Var row_of_v = dimshuffle(v, {newaxis, 0});
  check_rewrite(log(dimshuffle(sigmoid(v), {newaxis, 0})), -softplus(-row_of_v));
  const Var y = matrix("y", float32);
  check_rewrite(y / (1 + exp(v)) * exp(v), y * sigmoid(v));
}

TEST_CASE("the constant may have any shape") {
  const Var x = matrix("x", float64);
  const Var ones = constant(Array::from(std::vector<double>(6, 1.0), Shape{2, 3}));
  const Var result = rewritten(log(ones + exp(x)));
  CHECK(applies(result, "softplus"));
  const Array value =
      evaluate(result, {{{x, Array::from(std::vector<double>(6, 800.0), Shape{2, 3})}}});
  CHECK(values_of(value)[5] == 800.0);
}

TEST_CASE("a constant is folded after stabilizing") {
  const Var c = constant(Array::scalar(800.0));
  const Var result = rewritten(log(1 + exp(c)));
  CHECK(*scalar_constant(result) == 800.0);
  CHECK(*scalar_constant(rewritten(log(sigmoid(-c)))) == -800.0);
}
