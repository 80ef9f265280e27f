#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include <damo/damo.hpp>
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;

namespace {

constexpr auto inf = std::numeric_limits<double>::infinity();
constexpr auto not_a_number = std::numeric_limits<double>::quiet_NaN();

std::vector<Mode> modes() { return {Mode::none(), Mode::fast_compile(), Mode::fast()}; }

bool agrees(double actual, double expected, double epsilon) {
  if (std::isnan(expected)) return std::isnan(actual);
  if (std::isinf(expected) || expected == 0) return actual == expected;
  return std::abs(actual - expected) <= epsilon * std::abs(expected);
}

/// `v` computed in every mode from these arguments has this first element.
void check_value(const Var& v, const std::vector<std::pair<Var, Array>>& at, double expected) {
  std::vector<In> inputs;
  std::vector<Argument> arguments;
  for (const auto& [in, value] : at) {
    inputs.emplace_back(in);
    arguments.emplace_back(value);
  }
  for (const Mode& mode : modes()) {
    auto f = function(inputs, {v}, {.mode = mode, .on_unused_input = Unused::ignore});
    const double actual = values_of(f.call(arguments)[0])[0];
    INFO(pprint(v), " in mode ", mode.text(), ": ", actual, ", expected ", expected);
    CHECK(agrees(actual, expected, v.dtype() == DType::float32 ? 1e-5 : 1e-13));
  }
}

Array number(double value, DType dtype) { return Array::scalar(value).cast(dtype); }
Array whole(std::int64_t value) { return Array::scalar(value); }

/// `f` of a scalar of each float dtype.
void check_at(double x, const std::function<Var(const Var&)>& f, double expected,
              std::vector<DType> dtypes = {DType::float32, DType::float64}) {
  for (const DType dtype : dtypes) {
    const Var v = scalar("x", dtype);
    check_value(f(v), {{v, number(x, dtype)}}, expected);
  }
}
void check_at(const std::vector<double>& x, const std::function<Var(const Var&)>& f,
              double expected, std::vector<DType> dtypes = {DType::float32, DType::float64}) {
  for (const DType dtype : dtypes) {
    const Var v = vector("x", dtype);
    check_value(f(v), {{v, array_of(x, dtype)}}, expected);
  }
}

}  // namespace

TEST_CASE("rules: a small constant beside 1 is not dropped") {
  check_at(
      1, [](const Var& p) { return log(1.0 - p + 1e-7); }, std::log(1e-7));
  check_at(1, [](const Var& p) { return log(1e-7 - p + 1.0); }, std::log(std::exp2(-23)),
           {DType::float32});
  check_at(
      30, [](const Var& x) { return log(1.0 - sqr(tanh(x)) + 1e-6); }, std::log(1e-6));
  check_at(0, [](const Var& x) { return exp(x) - 1.0 + 1e-7; }, 1e-7, {DType::float64});
  check_at(-50, [](const Var& x) { return sigmoid(x) - 1.0 + 1e-15; }, -1 + 1e-15,
           {DType::float64});
  check_at({1, 0},
           [](const Var& p) { return -mean(p * log(p + 1e-7) + (1.0 - p) * log(1.0 - p + 1e-7)); },
           -std::exp2(-23), {DType::float32});
  // An epsilon beside 2 is less than float32 holds of it.
  const auto first = [](const Var& x) { return stack({x, x - 40.0}); };
  check_at(
      40, [&](const Var& x) { return log(2.0 - 2.0 * softmax(first(x))[0] + 1e-7); },
      std::log(1e-7));
  check_at(
      0, [](const Var& x) { return log(1.0 - exp(x) * sigmoid(x + 50.0) + 1e-7); }, std::log(1e-7));
  check_at(
      0, [](const Var& x) { return log(exp(x) * sigmoid(x + 50.0) - 1.0 + 1e-7); }, std::log(1e-7));
  const double above = 1 + std::exp2(-23);
  check_at(
      1, [&](const Var& p) { return log(above - p); }, std::log(std::exp2(-23)));
  check_at(
      -100, [&](const Var& x) { return log(above + exp(x)); }, std::log1p(std::exp2(-23)));
}

TEST_CASE("rules: numbers that the user scaled by hand stay in range") {
  for (const double big : {3e20, 3e-25}) {
    const Var x = vector("x", float32);
    const Var m = scalar("m", float32);
    const auto at =
        std::vector<std::pair<Var, Array>>{{x, array_of({big, big * 4 / 3}, DType::float32)},
                                           {m, number(big * 4 / 3, DType::float32)}};
    check_value(dot(x / m, x / m), at, 1.5625);
    check_value(m * sqrt(dot(x / m, x / m)), at, big * 5 / 3);
    check_value(dot(x / max(x), x / max(x)), {at[0]}, 1.5625);
    check_value(dot(x / sum(x), x / sum(x)), {at[0]}, 25.0 / 49);
    check_value(sum(x / m), at, 1.75);
    check_value(sum(x * (1 / m)), at, 1.75);
    check_value(dot((1 / m) * x, reshape(x, {2, 1}) / m)[0], at, 1.5625);
  }
  const std::vector<double> huge{3e38, 3e38};
  const auto single = std::vector<DType>{DType::float32};
  check_at(
      huge, [](const Var& x) { return sum(0.1 * x); }, 6e37, single);
  check_at(
      huge, [](const Var& x) { return sum(x / 4.0); }, 1.5e38, single);
  check_at(
      huge, [](const Var& x) { return sum(x * 0.5); }, 3e38, single);
  check_at(
      huge, [](const Var& x) { return dot(0.1 * x, ones_like(x)); }, 6e37, single);
  check_at(
      huge, [](const Var& x) { return sum(x / cast(x.shape(0), x.dtype())); }, 3e38, single);
  check_at({1e200, 1e200}, [](const Var& x) { return dot(x / 1e200, x); }, 2e200, {DType::float64});
  check_at(
      1e20, [](const Var& x) { return log(pow(x, -2.0)); }, -2 * std::log(1e20));
  check_at(1e20, [](const Var& x) { return pow(x, -2.0) * 1e40; }, 1.0, {DType::float64});
}

TEST_CASE("rules: a sum divided by what turns out to be 0 stays infinite") {
  const Var x = vector("x", float64);
  const Var v = vector("v", float64);
  const Var d = sum(0 * softplus(x));
  for (const Mode& mode : {Mode::none(), Mode::fast_compile(), Mode::fast()}) {
    Function f = function({x, v}, {(d - v) / d, (sigmoid(x) * d - v) / d}, {.mode = mode});
    const Outputs out = f(std::vector<double>{0}, std::vector<double>{1});
    CHECK(out[0].data<double>()[0] == -INFINITY);
    CHECK(out[1].data<double>()[0] == -INFINITY);
  }
}

TEST_CASE("rules: what a bound keeps from a logarithm stays away from it") {
  const Var x = scalar("x", float64);
  const Var y = scalar("y", float64);
  const Var gap = sigmoid(x) - sigmoid(y);
  const std::vector<std::pair<Var, Array>> at{{x, Array::scalar(-1.0)}, {y, Array::scalar(2.0)}};
  check_value(log(maximum(gap, 1e-6)), at, std::log(1e-6));
  check_value(log(clip(gap, 0.25, 1.0)), at, std::log(0.25));
  check_value(log(maximum(ifelse(x > 0, softplus(x), -softplus(y)), 0.5)), at, std::log(0.5));
  check_value(log1p(maximum(exp(x) - exp(y), -0.5)), at, std::log(0.5));
  check_value(log2(maximum(exp(x) - exp(y), 0.5)), at, -1);
}

TEST_CASE("rules: sums of nothing are 0 whatever would have multiplied them") {
  const Var x = vector("x", float64);
  const Var c = scalar("c", float64);
  const Var n = lscalar("n");
  const Array empty(DType::float64, Shape{0});
  for (const double factor : {inf, not_a_number, 0.0}) {
    const std::vector<std::pair<Var, Array>> at{{x, empty}, {c, number(factor, DType::float64)}};
    check_value(sum(c * x), at, 0);
    check_value(sum(x / c), at, 0);
    check_value(dot(x * c, x), at, 0);
    check_value(sum(broadcast_to(c, {n})), {at[1], {n, whole(0)}}, 0);
  }
  check_value(sum(broadcast_to(c, {n})), {{c, number(2, DType::float64)}, {n, whole(3)}}, 6);
}

TEST_CASE("rules: a negative size is an error although only the sum is asked for") {
  const Var n = lscalar("n");
  for (const Mode& mode : modes()) {
    auto f = function({n}, {sum(ones({n - 4}))}, {.mode = mode});
    CHECK_THROWS_WITH_AS(f(3), doctest::Contains("negative"), ShapeError);
    CHECK(values_of(f(7)[0])[0] == 3);
  }
}

TEST_CASE("rules: NaN and infinity go through what a condition decides") {
  const auto dtypes = std::vector<DType>{DType::float32, DType::float64};
  for (const DType dtype : dtypes) {
    const Var a = scalar("a", dtype);
    const Var b = scalar("b", dtype);
    const auto at = [&](double x, double y) {
      return std::vector<std::pair<Var, Array>>{{a, number(x, dtype)}, {b, number(y, dtype)}};
    };
    check_value(where(a >= b, a, maximum(a, b)), at(not_a_number, 1), not_a_number);
    check_value(where(a >= b, a, maximum(a, b)), at(1, not_a_number), not_a_number);
    check_value(where(a <= b, 0.0, minimum(a, b)), at(not_a_number, 1), not_a_number);
    check_value(where(a <= b, 0.0, minimum(a, b)), at(3, 1), 1);
    check_value(exp(a) - exp(b) - 1, at(40, 40), -1);
    check_value(exp(a) + b - 1, at(0, 5), 5);
  }
  check_at(
      inf, [](const Var& x) { return where(isnan(x * 0), 7.0, 1.0); }, 7);
  check_at(
      0, [](const Var& x) { return where(isnan(0 / x), 7.0, 1.0); }, 7);
  check_at(
      not_a_number, [](const Var& x) { return 0 * sqr(x); }, not_a_number);
  check_at(
      0.3, [](const Var& x) { return 1 - clip(sigmoid(x), 0.9, 0.1); }, 0.9);
  check_at(
      not_a_number, [](const Var& x) { return xlogy0(0.0, sigmoid(x)); }, not_a_number);
  check_at(
      2, [](const Var& x) { return xlogy0(0.0, 1 - exp(x)); }, 0);
  check_at(
      2, [](const Var& x) { return sigmoid(log(x / (1 - x))); }, not_a_number);
  check_at(
      -0.5, [](const Var& x) { return sigmoid(log(x / (1 - x))); }, not_a_number);
  check_at(
      0.25, [](const Var& x) { return sigmoid(log(x / (1 - x))); }, 0.25);
  check_at(
      0.0, [](const Var& x) { return grad(log1mexp(x), x); }, -inf);
  check_at(
      -0.0, [](const Var& x) { return grad(log1mexp(x), x); }, -inf);
}

TEST_CASE("rules: what a user rounds on purpose stays rounded") {
  check_at(0.3, [](const Var& x) { return (x + 12582912.0) - 12582912.0; }, 0, {DType::float32});
  check_at(0.7, [](const Var& x) { return (x + 6755399441055744.0) - 6755399441055744.0; }, 1,
           {DType::float64});
  check_at(0.3, [](const Var& x) { return 4194304.0 - (4194304.0 - x); }, 0.25, {DType::float32});
  const Var x = scalar("x", float64);
  const Var r = cast(cast(x, float32), float64);
  const double rounded = static_cast<double>(0.1F);
  const double truth = 1 / (1 + std::exp(rounded));
  const std::vector<std::pair<Var, Array>> at{{x, number(0.1, DType::float64)}};
  check_value(sigmoid(-r), at, truth);
  check_value(1 - sigmoid(r), at, truth);
  check_value(log(1 + exp(r)), at, std::log1p(std::exp(rounded)));
  check_value(r - 0.1, at, rounded - 0.1);
  check_value(log(exp(cast(x, float32))), at, 0.1F);
  CHECK(rewritten(1 - sigmoid(cast(x, float32))).inputs()[0].dtype() == float32);
}

TEST_CASE("rules: whole numbers are compared and converted as such") {
  const auto flag = [](const Var& c) { return where(c, 1.0, 0.0); };
  const long big = 9007199254740993;
  check_value(flag(eq(Arg(big), Arg(big - 1))), {}, 0);
  check_value(flag(Arg(big - 1) < Arg(big)), {}, 1);
  check_value(flag(neq(Arg(big), Arg(big - 1))), {}, 1);
  const Var n = lscalar("n");
  check_value(flag(eq(n - (big - 1), n - big)), {{n, whole(5)}}, 0);
  check_value(flag(eq(n + big, n + (big - 1))), {{n, whole(5)}}, 0);
  // Halfway between two float32s once it is rounded to float64, above before.
  const std::int64_t twice_rounded = (std::int64_t{1} << 54) + (std::int64_t{1} << 30) + 1;
  check_value(cast(cast(n, float64), float32), {{n, whole(twice_rounded)}}, std::exp2(54));
  check_value(cast(cast(16777217L, float32), float64) - 16777216.0, {}, 0);
  // 3037000500 squared is beyond an int64 and comes out negative.
  const Var square = sqr(n);
  check_value(flag(square < 0L), {{n, whole(3037000500)}}, 1);
  check_value(flag(abs(square) < 0L), {{n, whole(3037000500)}}, 0);
}

TEST_CASE("rules: a product divided by what has no finite reciprocal is divided") {
  const Var a = matrix("a", float64), c = matrix("c", float64), s = scalar("s", float64);
  const Array zero = Array::from(std::vector<double>{0}, Shape{1, 1});
  for (const double tiny : {5e-324, -5e-324}) {
    check_value(dot(a, a) / s + c, {{a, zero}, {c, zero}, {s, Array::scalar(tiny)}}, 0);
    check_value(dot(a, a) / tiny + c, {{a, zero}, {c, zero}}, 0);
  }
}
