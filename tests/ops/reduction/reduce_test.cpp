#include <cmath>
#include <limits>
#include <random>

#include <damo/core.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::contains;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
const Array six = test::array({2, 3}, {1, 2, 3, 4, 5, 6});

/// f at a float64 tensor.
template <class F>
Array at_point(const Array& point, F&& f) {
  const Var x = detail::inputs_for({point})[0];
  const Bindings at{{x, point}};
  return evaluate(f(x), at);
}

}  // namespace

TEST_CASE("sum: the axis is nothing or a number or several") {
  const Var x = matrix("x", float64);
  const Bindings at{{x, six}};
  check_close(evaluate(sum(x), at), test::number(21), 0);
  check_close(evaluate(x.sum(), at), test::number(21), 0);
  check_close(evaluate(sum(x, 1), at), test::vector({6, 15}), 0);
  check_close(evaluate(sum(x, {0}), at), test::vector({5, 7, 9}), 0);
  check_close(evaluate(sum(x, -1, {.keepdims = true}), at), test::array({2, 1}, {6, 15}), 0);
  check_close(evaluate(sum(x, {0, 1}, {.keepdims = true}), at), test::array({1, 1}, {21}), 0);
  check_close(evaluate(sum(x, {.keepdims = true}), at), test::array({1, 1}, {21}), 0);
  CHECK(pprint(sum(x, 1)) == "sum(x, axis=1)");
  CHECK(pprint(sum(x, {.keepdims = true})) == "sum(x, axis={0, 1}, keepdims)");
}

TEST_CASE("reductions: dtypes are those of the documentation") {
  const Var b = bvector("b");
  const Var i = lvector("i");
  const Var f = vector("f", float32);
  CHECK(sum(b).dtype() == int64);
  CHECK(prod(b).dtype() == int64);
  CHECK(max(b).dtype() == boolean);
  CHECK(sum(i).dtype() == int64);
  CHECK(sum(f).dtype() == float32);
  CHECK(mean(i).dtype() == floatX());
  CHECK(any(f).dtype() == boolean);
  CHECK(argmax(f).dtype() == int64);
  const Bindings at{{b, Array::from(std::vector<bool>{true, true, false})},
                    {i, Array::from(std::vector<std::int64_t>{3, -1, 4})}};
  CHECK(evaluate(sum(b), at).item<int>() == 2);
  CHECK(evaluate(max(i), at).item<int>() == 4);
  CHECK(evaluate(argmin(i), at).item<int>() == 1);
  CHECK(evaluate(any(b), at).item<int>() == 1);
  CHECK(evaluate(damo::all(b), at).item<int>() == 0);
  CHECK(evaluate(sum(eq(i, 4)), at).item<int>() == 1);
}

TEST_CASE("reductions: of nothing they are what the identity is") {
  const Array empty(float64, {2, 0});
  check_close(at_point(empty, [](const Var& x) { return sum(x, 1); }), test::vector({0, 0}), 0);
  check_close(at_point(empty, [](const Var& x) { return prod(x, 1); }), test::vector({1, 1}), 0);
  check_close(at_point(empty, [](const Var& x) { return damo::all(x, 1); }), test::vector({1, 1}),
              0);
  check_close(at_point(empty, [](const Var& x) { return mean(x); }), test::number(not_a_number), 0);
  check_close(at_point(empty, [](const Var& x) { return logsumexp(x, 1); }),
              test::vector({-inf, -inf}), 0);
  const std::string text =
      error_of<ShapeError>([&] { at_point(empty, [](const Var& x) { return max(x, 1); }); });
  CHECK(contains(text, "no elements to choose from in shape (2, 0)"));
  CHECK(contains(text, "reduce_test.cpp:"));
}

TEST_CASE("reductions: an axis that is not there or is named twice is an error") {
  const Var x = matrix("x");
  CHECK(
      contains(error_of<ShapeError>([&] { sum(x, 2); }), "no axis 2 in a tensor of 2 dimensions"));
  CHECK(contains(error_of<ShapeError>([&] { sum(x, {1, -1}); }), "named twice"));
  CHECK_THROWS_AS(cumsum(x, 2), ShapeError);
}

TEST_CASE("max and min and argmax: NaN wins") {
  const Array some = test::vector({1, not_a_number, 3});
  check_close(at_point(some, [](const Var& x) { return max(x); }), test::number(not_a_number), 0);
  check_close(at_point(some, [](const Var& x) { return min(x); }), test::number(not_a_number), 0);
  check_close(at_point(some, [](const Var& x) { return argmax(x); }), test::number(1), 0);
}

TEST_CASE("max: the gradient is shared by the elements that equal it") {
  const Array ties = test::vector({2, 5, 5, 1});
  check_close(at_point(ties, [](const Var& x) { return grad(3 * max(x), x); }),
              test::vector({0, 1.5, 1.5, 0}), 0);
  check_close(at_point(ties, [](const Var& x) { return grad(min(x), x); }),
              test::vector({0, 0, 0, 1}), 0);
  const double third = 1 / 3.0;
  const auto of_norm = [](const Var& x) { return grad(norm(x, {.ord = inf}), x); };
  check_close(at_point(test::vector({2, -2, 1, 2}), of_norm),
              test::vector({third, -third, 0, third}), 1e-15);
  const auto nan_wins = [](const Var& x) { return grad(max(x), x); };
  check_close(at_point(test::vector({not_a_number, 1}), nan_wins), test::vector({0, 0}), 0);
}

TEST_CASE("max and min: what moves all elements alike moves them by as much, in both modes") {
  std::mt19937 rng(31);
  for (int round = 0; round < 60; ++round) {
    Array at(float64, {2, 3, 4});
    for (int i = 0; i < 24; ++i) at.data<double>()[i] = static_cast<double>(rng() % 3);
    const Axes axes = round % 3 == 0 ? Axes{} : round % 3 == 1 ? Axes{1} : Axes{0, 2};
    const bool keepdims = round % 2 == 0;
    for (const bool largest : {true, false}) {
      const auto f = [&](const Var& x) {
        return largest ? max(x, axes, {.keepdims = keepdims})
                       : min(x, axes, {.keepdims = keepdims});
      };
      const Array value = at_point(at, f);
      const Array ones = Array::from(std::vector<double>(24, 1.0), {2, 3, 4});
      const Array moved = at_point(at, [&](const Var& x) { return Rop(f(x), x, constant(ones)); });
      for (std::int64_t i = 0; i < value.elements(); ++i)
        CHECK(moved.cast(float64).data<double>()[i] == doctest::Approx(1));
      // Backward is the transpose of forward: w.(J v) = (J' w).v.
      const auto difference = [&](const Var& x) {
        const Var v = sin(arange(24) + 1.0), w = cos(arange(value.elements()) + 2.0);
        const Var forward = sum(ravel(Rop(f(x), x, reshape(v, {2, 3, 4}))) * w);
        const Var backward = grad(sum(ravel(f(x)) * w), x);
        return forward - sum(ravel(backward) * v);
      };
      CHECK(at_point(at, difference).item<double>() == doctest::Approx(0).epsilon(1e-13));
    }
  }
}

TEST_CASE("prod: derivatives are exact where elements are zero") {
  const auto g = [](const Var& x) { return grad(prod(x), x); };
  check_close(at_point(test::vector({2, 0, 5}), g), test::vector({0, 10, 0}), 0);
  check_close(at_point(test::vector({0, 0, 5}), g), test::vector({0, 0, 0}), 0);
  // The second derivative with respect to both zeros is the product of the rest.
  const auto h = [](const Var& x) { return grad(grad(prod(x), x)[0], x); };
  check_close(at_point(test::vector({0, 0, 5, 2}), h), test::vector({0, 10, 0, 0}), 0);
  verify_grad(
      [](const Var& x) {
        return prod(x, {0, 2});
      },
      {test::array({2, 1, 3}, {1, 0, 2, 3, 0, -1})}, {.second_order = true, .forward_mode = true});
}

TEST_CASE("logsumexp: neither overflows nor underflows") {
  const auto f = [](const Var& x) { return logsumexp(x); };
  check_close(at_point(test::vector({1000, 1000}), f), test::number(1000 + std::log(2)), 1e-15);
  check_close(at_point(test::vector({-1000, -1000}), f), test::number(-1000 + std::log(2)), 1e-15);
  check_close(at_point(test::vector({-inf, -inf}), f), test::number(-inf), 0);
  check_close(at_point(test::vector({inf, 1}), f), test::number(inf), 0);
  check_close(at_point(test::vector({not_a_number, 1}), f), test::number(not_a_number), 0);
  check_close(at_point(test::vector({-inf, 2}), f), test::number(2), 0);
  const auto g = [](const Var& x) { return grad(logsumexp(x), x); };
  check_close(at_point(test::vector({1000, 1000, -1000}), g), test::vector({0.5, 0.5, 0}), 1e-15);
  check_close(at_point(test::vector({-inf, 2}), g), test::vector({0, 1}), 0);
}

TEST_CASE("softmax: sums to 1 at every magnitude") {
  const auto f = [](const Var& x) { return softmax(x); };
  check_close(at_point(test::vector({1000, 1000}), f), test::vector({0.5, 0.5}), 0);
  check_close(at_point(test::vector({-1e308, 0}), f), test::vector({0, 1}), 0);
  check_close(at_point(test::vector({inf, 3, inf}), f), test::vector({0.5, 0, 0.5}), 0);
  check_close(at_point(test::vector({-inf, -inf}), f), test::vector({0.5, 0.5}), 0);
  check_close(at_point(test::vector({not_a_number, 0}), f),
              test::vector({not_a_number, not_a_number}), 0);
  CHECK(softmax(lvector("i")).dtype() == floatX());
}

TEST_CASE("log_softmax: is exact in the tails") {
  const auto f = [](const Var& x) { return log_softmax(x); };
  check_close(at_point(test::vector({0, 800}), f), test::vector({-800, 0}), 0);
  check_close(at_point(test::vector({0, 40}), f), test::vector({-40, -std::exp(-40.0)}), 1e-15);
  check_close(at_point(test::vector({-inf, 1}), f), test::vector({-inf, 0}), 0);
  check_close(at_point(test::vector({inf, 1}), f), test::vector({0, -inf}), 0);
}

TEST_CASE("var and std and norm: follow their formulas") {
  const auto variance = [](const Var& x) { return var(x, 1); };
  check_close(at_point(six, variance), test::vector({2.0 / 3, 2.0 / 3}), 1e-15);
  check_close(at_point(six, [](const Var& x) { return var(x, 1, {.ddof = 1}); }),
              test::vector({1, 1}), 1e-15);
  check_close(at_point(six, [](const Var& x) { return damo::std(x, {.keepdims = true}); }),
              test::array({1, 1}, {std::sqrt(35.0 / 12)}), 1e-15);
  check_close(at_point(six, [](const Var& x) { return norm(x); }), test::number(std::sqrt(91)),
              1e-15);
  check_close(at_point(six, [](const Var& x) { return norm(x, 0, {.ord = 1}); }),
              test::vector({5, 7, 9}), 0);
  check_close(at_point(six, [](const Var& x) { return norm(x, {.ord = inf}); }), test::number(6),
              0);
  check_close(at_point(six, [](const Var& x) { return norm(x, 1, {.ord = 3}); }),
              test::vector({std::cbrt(36), std::cbrt(405)}), 1e-14);
  check_close(at_point(six, [](const Var& x) { return norm(x * (x > 2), 1, {.ord = 0}); }),
              test::vector({1, 3}), 0);
  check_close(at_point(six, [](const Var& x) { return norm(x, {.ord = -inf}); }), test::number(1),
              0);
}

TEST_CASE("var and std and norm and mean: gradients are those of finite differences") {
  const VerifyGradOptions all_ways{.second_order = true, .forward_mode = true};
  verify_grad([](const Var& x) { return var(x, 0, {.ddof = 1}); }, {six}, all_ways);
  verify_grad([](const Var& x) { return damo::std(x, 1); }, {six}, all_ways);
  verify_grad([](const Var& x) { return norm(x, 1); }, {six}, all_ways);
  verify_grad([](const Var& x) { return norm(x, {.ord = 3}); }, {six}, all_ways);
  verify_grad([](const Var& x) { return sqr(mean(x, 0)); }, {six}, all_ways);
}

TEST_CASE("cumsum: adds along an axis") {
  check_close(at_point(six, [](const Var& x) { return cumsum(x, 1); }),
              test::array({2, 3}, {1, 3, 6, 4, 9, 15}), 0);
  const Var i = lvector("i");
  const Bindings at{{i, Array::from(std::vector<std::int64_t>{1, 2, 3})}};
  CHECK(evaluate(cumsum(i), at).values<std::int64_t>()[2] == 6);
}

TEST_CASE("logcumsumexp: the logarithm of a running sum, with all derivatives") {
  const VerifyGradOptions all_ways{.second_order = true, .forward_mode = true};
  verify_grad([](const Var& x) { return logcumsumexp(x, 1); }, {six}, all_ways);
  verify_grad([](const Var& x) { return sqr(logcumsumexp(x, 0)) * x; }, {six}, all_ways);
  for (const DType dtype : {float32, float64}) {
    const auto at = [&](std::vector<double> values) { return Array::from(values).cast(dtype); };
    const Var x = vector("x", dtype);
    const Var y = logcumsumexp(x);
    Function f = function({x}, {y, grad(y[-1], x), grad(y[1], x)});
    const Outputs far = f(at({-1000, 1000, 999, 1001, -1000}));
    const double tolerance = dtype == float32 ? 2e-7 : 1e-15;
    check_close(far[0],
                at({-1000, 1000, 1000.3132616875182, 1001.4076059644444, 1001.4076059644444}),
                1e-13);
    const double w = 0.24472847105479764, v = 0.09003057317038046, u = 0.6652409557748219;
    check_close(far[1], at({0, w, v, u, 0}), tolerance);
    check_close(far[2], at({0, 1, 0, 0, 0}), 0);
    // An infinity outweighs all that is finite, and NaN stays.
    const Outputs wild = f(at({-INFINITY, -INFINITY, 3, INFINITY, 2}));
    check_close(wild[0], at({-INFINITY, -INFINITY, 3, INFINITY, INFINITY}), 0);
    check_close(wild[1], at({0, 0, 0, 1, 0}), 0);
    const Array lost = f(at({1, NAN, 2}))[0].cast(float64);
    CHECK((lost.data<double>()[0] == 1 && std::isnan(lost.data<double>()[2])));
  }
  CHECK(evaluate(logcumsumexp(zeros({0, 3}), 0), Bindings{}).elements() == 0);
  CHECK_THROWS_AS(logcumsumexp(vector("x"), 1), ShapeError);
}
