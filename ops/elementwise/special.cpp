#include <cmath>

#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>
#include <damo/ops/gradient/altered_gradient.hpp>

namespace damo {
namespace {

using Types = ScalarOp::Types;

DAMO_SCALAR(Sin, (T x), math::sin(x));
DAMO_SCALAR(Cos, (T x), math::cos(x));
DAMO_SCALAR(Tan, (T x), math::tan(x));
DAMO_SCALAR(Arcsin, (T x), std::asin(x));
DAMO_SCALAR(Arccos, (T x), std::acos(x));
DAMO_SCALAR(Arctan, (T x), std::atan(x));
DAMO_SCALAR(Atan2, (T y, T x), math::atan2(y, x));
DAMO_SCALAR(Sinh, (T x), math::sinh(x));
DAMO_SCALAR(Cosh, (T x), math::cosh(x));
DAMO_SCALAR(Erf, (T x), math::erf(x));
DAMO_SCALAR(Erfc, (T x), math::erfc(x));
DAMO_SCALAR(Gammaln, (T x), math::lgamma(x));
DAMO_SCALAR(Digamma, (T x), math::digamma(x));

// Upwards recurrence to x >= 8, then the asymptotic series; reflection for x < 0 (Abramowitz and
// Stegun 6.4).
struct Trigamma {
  template <class T>
  T operator()(T value) const {
    double x = static_cast<double>(value);
    if (x <= 0 && x == std::floor(x)) return static_cast<T>(INFINITY);
    if (x < 0) {
      const double s = 3.14159265358979323846 / std::sin(3.14159265358979323846 * x);
      return static_cast<T>(s * s - static_cast<double>((*this)(1 - x)));
    }
    double sum = 0;
    for (; x < 8; x += 1) sum += 1 / (x * x);
    const double z = 1 / (x * x);
    const double tail =
        1.0 / 6 -
        z * (1.0 / 30 - z * (1.0 / 42 - z * (1.0 / 30 - z * (5.0 / 66 - z * 691.0 / 2730))));
    return static_cast<T>(sum + 1 / x + z / 2 + tail * z / x);
  }
};

// The sum of n! (-1)^(n+1) (x + k)^-(n+1) over k = 0, 1, ...: its terms up to n + 12, the rest by
// Euler and Maclaurin (Abramowitz and Stegun 6.4.10, 23.1.30).
struct Polygamma {
  template <class T>
  T operator()(T order, T value) const {
    const double n = static_cast<double>(order);
    double x = static_cast<double>(value);
    if (!(n >= 0) || n != std::floor(n) || n > 150 || x < -1e6) return static_cast<T>(NAN);
    if (n == 0) return static_cast<T>(math::digamma(x));
    const bool odd = std::fmod(n, 2) == 1;
    if (x <= 0 && x == std::floor(x)) return static_cast<T>(odd ? INFINITY : NAN);
    const double s = n + 1;
    double sum = 0;
    for (; x < n + 12; x += 1) sum += std::pow(x, -s);
    constexpr double bernoulli[] = {1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,
                                    5.0 / 66, -691.0 / 2730, 7.0 / 6,  -3617.0 / 510};
    const double head = std::pow(x, -s);
    sum += head * x / (s - 1) + head / 2;
    double term = head / x;  // x^(-s-2j+1) s (s+1) ... (s+2j-2) / (2j)!
    for (int j = 1; j <= 8; ++j) {
      term *= j == 1 ? s / 2 : (s + 2 * j - 3) * (s + 2 * j - 2) / (2 * j * (2 * j - 1) * x * x);
      sum += bernoulli[j - 1] * term;
    }
    return static_cast<T>((odd ? 1 : -1) * std::tgamma(s) * sum);
  }
};

constexpr double two_over_root_pi = 1.12837916709551257390;

}  // namespace

Var sin(const Arg& x) {
  static const auto op = real_unary(
      "sin", real_loops<Sin, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g * cos(in[0])}; },
      Slope::tame, always({.at_most_one = true}));
  return elementwise(op, {x});
}
Var cos(const Arg& x) {
  static const auto op = real_unary(
      "cos", real_loops<Cos, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {-(g * sin(in[0]))}; },
      Slope::tame, always({.at_most_one = true}));
  return elementwise(op, {x});
}
Var tan(const Arg& x) {
  static const auto op = real_unary(
      "tan", real_loops<Tan, 1>(),
      [](const Vars&, const Var& y, const Var& g) -> Vars { return {g * (1 + sqr(y))}; });
  return elementwise(op, {x});
}
Var arcsin(const Arg& x) {
  static const auto op = real_unary(
      "arcsin", real_loops<Arcsin, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g / sqrt(1 - sqr(in[0]))}; },
      fact_of(of_same_sign));
  return elementwise(op, {x});
}
Var arccos(const Arg& x) {
  static const auto op = real_unary(
      "arccos", real_loops<Arccos, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars {
        return {-(g / sqrt(1 - sqr(in[0])))};
      },
      always({.nonnegative = true}));
  return elementwise(op, {x});
}
Var arctan(const Arg& x) {
  static const auto op = real_unary(
      "arctan", real_loops<Arctan, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g / (1 + sqr(in[0]))}; },
      Slope::tame, fact_of(of_same_sign));
  return elementwise(op, {x});
}
Var atan2(const Arg& y, const Arg& x) {
  static const auto op = define({.name = "atan2",
                                 .arity = 2,
                                 .types = Types::real,
                                 .loops = real_loops<Atan2, 2>(),
                                 .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                                   const Var norm = sqr(in[0]) + sqr(in[1]);
                                   return {g * in[1] / norm, -(g * in[0] / norm)};
                                 }});
  return elementwise(op, {y, x});
}
Var sinh(const Arg& x) {
  static const auto op = real_unary(
      "sinh", real_loops<Sinh, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g * cosh(in[0])}; },
      fact_of(of_same_sign));
  return elementwise(op, {x});
}
Var cosh(const Arg& x) {
  static const auto op = real_unary(
      "cosh", real_loops<Cosh, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g * sinh(in[0])}; },
      always({.nonnegative = true, .positive = true}));
  return elementwise(op, {x});
}
Var erf(const Arg& x) {
  static const auto op = real_unary(
      "erf", real_loops<Erf, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars {
        return {g * two_over_root_pi * exp(-sqr(in[0]))};
      },
      Slope::tame, fact_of([](const Fact& x) -> Fact {
        return {.nonnegative = x.nonnegative, .positive = x.positive, .at_most_one = true};
      }));
  return elementwise(op, {x});
}
Var erfc(const Arg& x) {
  static const auto op = real_unary(
      "erfc", real_loops<Erfc, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars {
        return {-(g * two_over_root_pi * exp(-sqr(in[0])))};
      },
      Slope::tame, always({.nonnegative = true, .positive = true}));
  return elementwise(op, {x});
}
Var gammaln(const Arg& x) {
  static const auto op = real_unary(
      "gammaln", real_loops<Gammaln, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g * digamma(in[0])}; });
  return elementwise(op, {x});
}
Var digamma(const Arg& x) {
  static const auto op = real_unary(
      "digamma", double_loops<Digamma, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g * trigamma(in[0])}; });
  return elementwise(op, {x});
}
Var trigamma(const Arg& x) {
  static const auto op = real_unary(
      "trigamma", double_loops<Trigamma, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g * polygamma(2, in[0])}; },
      always({.nonnegative = true, .positive = true}));
  return elementwise(op, {x});
}
Var polygamma(const Arg& n, const Arg& x) {
  static const auto op = define({.name = "polygamma",
                                 .arity = 2,
                                 .types = Types::real,
                                 .loops = double_loops<Polygamma, 2>(),
                                 .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                                   // What flows to the order ends there in an error.
                                   return {g, g * polygamma(in[0] + 1, in[1])};
                                 }});
  return elementwise(op, {without_derivative("polygamma", n), x});
}

DAMO_OPS(special) {
  using namespace samples;
  ops.sample(unary("sin", sin));
  ops.sample(unary("cos", cos));
  ops.sample(unary("tan", tan, -1, 1));
  ops.sample(unary("arcsin", arcsin, -0.8, 0.8));
  ops.sample(unary("arccos", arccos, -0.8, 0.8));
  ops.sample(unary("arctan", arctan));
  ops.sample(binary("atan2", atan2, {.low = 0.2}));
  ops.sample(unary("sinh", sinh));
  ops.sample(unary("cosh", cosh));
  ops.sample(unary("erf", erf));
  ops.sample(unary("erfc", erfc));
  ops.sample(unary("gammaln", gammaln, 0.5, 3));
  ops.sample(unary("digamma", digamma, 0.5, 3));
  ops.sample(unary("trigamma", trigamma, 0.5, 3));
  ops.sample(binary("polygamma", polygamma, {.low = 1, .high = 4, .dtype = DType::int64},
                    {.low = 0.5, .high = 3}));
}

}  // namespace damo
