#include <cmath>

#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/extended_math.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>
#include <damo/ops/gradient/altered_gradient.hpp>
#include <damo/ops/kernels/elementwise/polygamma.hpp>

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

DAMO_SCALAR(Trigamma, (T x), static_cast<T>(trigamma(static_cast<double>(x))));
DAMO_SCALAR(Polygamma, (T n, T x),
            static_cast<T>(polygamma(static_cast<double>(n), static_cast<double>(x))));

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
      [](const Vars& in, const Var&, const Var& g) -> Vars {
        return {g / sqrt(one_less_square(in[0]))};
      },
      fact_of(of_same_sign));
  return elementwise(op, {x});
}
Var arccos(const Arg& x) {
  static const auto op = real_unary(
      "arccos", real_loops<Arccos, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars {
        return {-(g / sqrt(one_less_square(in[0])))};
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
                                   // Squares would leave the range where neither is large.
                                   const Var norm = hypot(in[0], in[1]);
                                   return {g * (in[1] / norm) / norm, -(g * (in[0] / norm) / norm)};
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
