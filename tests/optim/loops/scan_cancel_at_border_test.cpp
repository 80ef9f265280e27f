#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;

// A logarithm outside a loop of a sigmoid inside it, where the sigmoid underflows.
namespace {

using Real = long double;

Real s(Real x) { return x > 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
Real log_s(Real x) { return x > 0 ? -std::log1p(std::exp(-x)) : x - std::log1p(std::exp(x)); }

constexpr double w = 2;
// The arguments of the sigmoid at the steps of h = sigmoid(x + w h) from 0.
Real second(Real x) { return x + w * s(x); }
Real third(Real x) { return x + w * s(second(x)); }
/// The slope of the second argument.
Real second_slope(Real x) { return 1 + w * s(x) * s(-x); }

struct Case {
  std::string name;
  std::function<Var(Var)> logarithm;
  std::function<Real(Real)> value, slope;
};

/// The sigmoid of the rows of `rows`, step by step.
Var mapped(const Var& rows) {
  return map([](Var v) { return sigmoid(v); }, {rows}).outputs[0];
}
Var recurrent(const Var& x, int steps) {
  return scan([&](Var h) { return sigmoid(x + w * h); },
              {.outputs_info = {zeros_like(x)}, .n_steps = steps})
      .outputs[0];
}
Var cross_entropy(const Var& p) { return -(0.25 * log(p) + 0.75 * log(1 - p)); }

std::vector<Case> simple_loops() {
  const auto slope = [](Real x) { return s(-x); };
  return {
      {"last of a map",
       [](Var x) {
         return log(mapped(stack({x * 0.5, x}))[-1]);
       },
       log_s, slope},
      {"last of the rest",
       [](Var x) {
         return log(1 - mapped(stack({x * 0.5, x}))[-1]);
       },
       [](Real x) { return log_s(-x); }, [](Real x) { return -s(x); }},
      {"all of a map",
       [](Var x) {
         return sum(log(mapped(stack({x, x}))), 0);
       },
       [](Real x) { return 2 * log_s(x); }, [](Real x) { return 2 * s(-x); }},
      {"backwards",
       [](Var x) {
         return log(scan([](Var v) { return sigmoid(v); }, {.sequences = {stack({x, x * 0.5})},
                                                            .outputs_info = {none},
                                                            .go_backwards = true})
                        .outputs[0][-1]);
       },
       log_s, slope},
      {"until",
       [](Var x) {
         return log(scan([](Var t, Var v) { return until(Vars{sigmoid(v)}, t >= 1); },
                         {.sequences = {arange(3), stack({x * 0.5, x, x})}, .outputs_info = {none}})
                        .outputs[0][-1]);
       },
       log_s, slope},
      {"two loops deep",
       [](Var x) {
         return log(map(
                        [](Var v) {
                          return mapped(stack({v * 0.3, v}))[-1];
                        },
                        {stack({x, x})})
                        .outputs[0][-1]);
       },
       log_s, slope},
      {"all of two loops",
       [](Var x) {
         const Var all = map(
                             [](Var v) {
                               return mapped(stack({v, v}));
                             },
                             {stack({x, x})})
                             .outputs[0];
         return sum(sum(log(all), 0), 0);
       },
       [](Real x) { return 4 * log_s(x); }, [](Real x) { return 4 * s(-x); }},
      {"another output of a recurrence",
       [](Var x) {
         return log(scan(
                        [&](Var sum) {
                          const Var next = sum + x;
                          return Vars{next, sigmoid(next)};
                        },
                        {.outputs_info = {zeros_like(x), none}, .n_steps = 2})
                        .outputs[1][-1]);
       },
       [](Real x) { return log_s(2 * x); }, [](Real x) { return 2 * s(-2 * x); }},
      {"cross-entropy",
       [](Var x) {
         return cross_entropy(mapped(stack({x * 0.5, x}))[-1]);
       },
       [](Real x) { return -(0.25 * log_s(x) + 0.75 * log_s(-x)); },
       [](Real x) { return -(0.25 * s(-x) - 0.75 * s(x)); }},
      {"one step of a recurrence", [](Var x) { return log(recurrent(x, 1)[-1]); }, log_s, slope},
  };
}

std::vector<Case> recurrent_loops() {
  const auto value = [](Real x) { return log_s(second(x)); };
  const auto slope = [](Real x) { return s(-second(x)) * second_slope(x); };
  return {
      {"last", [](Var x) { return log(recurrent(x, 2)[-1]); }, value, slope},
      {"last of three", [](Var x) { return log(recurrent(x, 3)[-1]); },
       [](Real x) { return log_s(third(x)); },
       [](Real x) {
         return s(-third(x)) * (1 + w * s(second(x)) * s(-second(x)) * second_slope(x));
       }},
      {"all", [](Var x) { return sum(log(recurrent(x, 2)), 0); },
       [](Real x) { return log_s(x) + log_s(second(x)); },
       [](Real x) { return s(-x) + s(-second(x)) * second_slope(x); }},
      {"the rest", [](Var x) { return log(1 - recurrent(x, 2)[-1]); },
       [](Real x) { return log_s(-second(x)); },
       [](Real x) { return -s(second(x)) * second_slope(x); }},
      {"until",
       [](Var x) {
         return log(scan([&](Var t, Var h) { return until(Vars{sigmoid(x + w * h)}, t >= 1); },
                         {.sequences = {arange(5)}, .outputs_info = {zeros_like(x)}})
                        .outputs[0][-1]);
       },
       value, slope},
      {"two taps",
       [](Var x) {
         const Var before = stack({zeros_like(x), zeros_like(x)});
         return log(scan([&](Var a, Var b) { return sigmoid(x + w * b + a); },
                         {.outputs_info = {init(before, {-2, -1})}, .n_steps = 2})
                        .outputs[0][-1]);
       },
       value, slope},
      {"two loops deep",
       [](Var x) {
         const auto step = [&](Var h) {
           return scan([&](Var g) { return sigmoid(x + w * g); },
                       {.outputs_info = {h}, .n_steps = 1})
               .outputs[0][-1];
         };
         return log(scan(step, {.outputs_info = {zeros_like(x)}, .n_steps = 2}).outputs[0][-1]);
       },
       value, slope},
      {"cross-entropy", [](Var x) { return cross_entropy(recurrent(x, 2)[-1]); },
       [](Real x) { return -(0.25 * log_s(second(x)) + 0.75 * log_s(-second(x))); },
       [](Real x) { return -(0.25 * s(-second(x)) - 0.75 * s(second(x))) * second_slope(x); }},
  };
}

void check(const Case& c, DType dtype, const Mode& mode, double of_value, double of_slope) {
  const Var x = input(TensorType{dtype, {unknown}}, "x");
  const Var y = c.logarithm(x);
  Function f = function({x}, {y, grad(sum(y), x)}, {.mode = mode});
  const std::vector<double> at{-1000, -745, -720, -104, -40, -5,  -0.5,
                               0.5,   5,    40,   104,  720, 745, 1000};
  const Outputs out = f(Array::from(at).cast(dtype));
  const Array values = out[0].cast(float64);
  const Array slopes = out[1].cast(float64);
  CAPTURE(c.name);
  CAPTURE(name(dtype));
  CAPTURE(mode.text());
  for (std::size_t i = 0; i < at.size(); ++i) {
    CAPTURE(at[i]);
    CAPTURE(values.data<double>()[i]);
    CAPTURE(slopes.data<double>()[i]);
    CHECK(ulps(values.data<double>()[i], c.value(at[i]), dtype) <= of_value);
    CHECK(ulps(slopes.data<double>()[i], c.slope(at[i]), dtype) <= of_slope);
  }
}

}  // namespace

TEST_CASE("a logarithm of what a loop computes is right with its slope over the whole range") {
  for (const Case& c : simple_loops()) {
    for (const DType dtype : {float32, float64}) {
      for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) check(c, dtype, mode, 2, 4);
    }
  }
}

// The argument of each step's sigmoid is rounded.
TEST_CASE("a logarithm of what a recurrence computes is right with its slope") {
  for (const Case& c : recurrent_loops()) {
    for (const DType dtype : {float32, float64}) {
      for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) check(c, dtype, mode, 4, 4);
    }
  }
}

TEST_CASE("a logarithm of what a loop computes has the finite differences' second derivative") {
  const Var x = vector("x", float64);
  const Var y = sum(log(recurrent(x, 3)[-1]));
  const Var second_order = grad(sum(sqr(grad(y, x))), x);
  Function f = function({x}, {grad(y, x), second_order});
  const double h = 1e-5;
  for (const double at : {-2.0, 0.3, 1.5}) {
    const auto slope = [&](double v) { return values_of(f(array_of({v}, float64))[0])[0]; };
    const double curvature = (slope(at + h) - slope(at - h)) / (2 * h);
    CHECK(values_of(f(array_of({at}, float64))[1])[0] ==
          doctest::Approx(2 * slope(at) * curvature).epsilon(1e-6));
  }
}

TEST_CASE("a gradient with respect to a loop's values stops there although a logarithm follows") {
  const Var x = vector("x", float64);
  const Var p = mapped(x);
  const Var y = sum(log(p) * 3);
  Function f = function(
      {x}, {grad(y, p),
            grad(y, x, {.consider_constant = {p}, .disconnected_inputs = Disconnected::ignore})});
  const Outputs out = f(array_of({0.0, 1.0}, float64));
  CHECK(values_of(out[0])[0] == 6);
  CHECK(values_of(out[0])[1] == doctest::Approx(3 * (1 + std::exp(-1.0))));
  CHECK(values_of(out[1])[1] == 0);
}

// The loop of the gradient reads the loop's own values, (rows), and its sequence, (sites): what
// moves the one does not fit the other.
TEST_CASE("a loop's values and its sequence may have items of different known sizes") {
  const Var b = dvector("b");
  const Var rows = input(TensorType{float64, {4, 3}}, "rows");
  const auto flip = [&](const Var& site) {
    return dot(rows + dimshuffle(site, {newaxis, 0}) * (1 - 2 * rows), b) - dot(rows, b);
  };
  const Var ratios = map(flip, {eye(3, float64)}).outputs[0];
  const Var p = sum(sqr(sigmoid(ratios)), 0);
  const Vars outputs{mean(p), grad(mean(p), b)};
  const std::vector<double> x{0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1, 0};
  const std::vector<double> at{0.3, -0.4, 0.9};
  double truth = 0;
  for (std::size_t r = 0; r < 4; ++r) {
    for (std::size_t i = 0; i < 3; ++i) {
      const Real q = s(at[i] * (1 - 2 * x[3 * r + i]));
      truth += static_cast<double>(q * q) / 4;
    }
  }
  const Array data = Array::from(x, {4, 3}), point = array_of(at, float64);
  Function plain = function({rows, b}, outputs, {.mode = Mode::none()});
  const auto slope = values_of(plain(data, point)[1]);
  for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) {
    Function f = function({rows, b}, outputs, {.mode = mode});
    const Outputs out = f(data, point);
    CHECK(values_of(out[0])[0] == doctest::Approx(truth));
    for (std::size_t i = 0; i < slope.size(); ++i)
      CHECK(values_of(out[1])[i] == doctest::Approx(slope[i]));
  }
  verify_grad(outputs[0], {rows, b}, {data, point});
}
