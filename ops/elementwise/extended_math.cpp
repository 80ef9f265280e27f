#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/extended_math.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>

namespace damo {
namespace {

using Types = ScalarOp::Types;

DAMO_SCALAR(Arcsinh, (T x), std::asinh(x));
DAMO_SCALAR(Arccosh, (T x), std::acosh(x));
DAMO_SCALAR(Arctanh, (T x), std::atanh(x));
DAMO_SCALAR(Exp2, (T x), std::exp2(x));
DAMO_SCALAR(Hypot, (T x, T y), std::hypot(x, y));
DAMO_SCALAR(RoundAway, (T x), std::round(x));
DAMO_SCALAR(Xlog1py, (T x, T y), (x == 0 && y == y) ? T(0) : static_cast<T>(x* math::log1p(y)));

constexpr double log_two = 0.69314718055994530942;

}  // namespace

Var arcsinh(const Arg& x) {
  static const auto op = real_unary(
      "arcsinh", real_loops<Arcsinh, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g / hypot(in[0], 1)}; },
      Slope::tame, fact_of(of_same_sign));
  return elementwise(op, {x});
}
Var arccosh(const Arg& x) {
  static const auto op = real_unary(
      "arccosh", real_loops<Arccosh, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars {
        return {g / (sqrt(in[0] - 1) * sqrt(in[0] + 1))};
      },
      always({.nonnegative = true}));
  return elementwise(op, {x});
}
Var arctanh(const Arg& x) {
  static const auto op = real_unary(
      "arctanh", real_loops<Arctanh, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g / one_less_square(in[0])}; },
      fact_of(of_same_sign));
  return elementwise(op, {x});
}
Var exp2(const Arg& x) {
  static const auto op = real_unary(
      "exp2", real_loops<Exp2, 1>(),
      [](const Vars&, const Var& y, const Var& g) -> Vars { return {g * log_two * y}; },
      always({.nonnegative = true, .positive = true}));
  return elementwise(op, {x});
}
Var hypot(const Arg& x, const Arg& y) {
  static const auto op =
      define({.name = "hypot",
              .arity = 2,
              .types = Types::real,
              .loops = real_loops<Hypot, 2>(),
              .gradient = [](const Vars& in, const Var& r, const Var& g) -> Vars {
                const Var at_zero = eq(r, 0);
                const Var length = where(at_zero, 1.0, r);
                return {where(at_zero, 0.0, g * (in[0] / length)),
                        where(at_zero, 0.0, g * (in[1] / length))};
              },
              .slope = Slope::tame,
              .fact = always({.nonnegative = true}),
              .commutative = true});
  return elementwise(op, {x, y});
}
Var xlog1py(const Arg& x, const Arg& y) {
  static const auto op = define(
      {.name = "xlog1py",
       .arity = 2,
       .types = Types::real,
       .loops = real_loops<Xlog1py, 2>(),
       .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
         const Var y = 1 + in[1];
         return {g * log1p(in[1]), where(times_logarithm_counts(in[0], y), g * in[0] / y, 0.0)};
       },
       .counts = [](const Vars& x) -> Vars {
         return {Var{}, times_logarithm_counts(x[0], 1 + x[1])};
       }});
  return elementwise(op, {x, y});
}
Var deg2rad(const Arg& x) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return x * 0.01745329251994329577;
}
Var rad2deg(const Arg& x) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return x * 57.2957795130823208768;
}
Var round_half_away_from_zero(const Arg& x) {
  static const auto op = real_unary(
      "round_half_away_from_zero", real_loops<RoundAway, 1>(),
      [](const Vars&, const Var&, const Var&) -> Vars { return {Arg(0.0).var()}; }, Slope::constant,
      fact_of([](const Fact& x) -> Fact {
        return {.nonnegative = x.nonnegative,
                .at_most_one = x.at_most_one,
                .integer = true,
                .finite = x.finite};
      }));
  return elementwise(op, {x});
}

std::pair<Var, Var> divmod(const Arg& a, const Arg& b) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  return {floor_div(a, b), a % b};
}
Var ceil_intdiv(const Arg& a, const Arg& b) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  for (const Arg* x : {&a, &b}) {
    if (!is_float(x->dtype())) continue;
    throw TypeError(fmt::format("ceil_intdiv: expected integers, got {}, at {}", describe(x->var()),
                                to_string(SiteScope::or_else(a.site()))));
  }
  return floor_div(a, b) + cast(neq(a % b, 0), DType::int64);
}

DAMO_OPS(extended_math) {
  using namespace samples;
  ops.sample(unary("arcsinh", arcsinh));
  ops.sample(unary("arccosh", arccosh, 1.3, 3));
  ops.sample(unary("arctanh", arctanh, -0.8, 0.8));
  ops.sample(unary("exp2", exp2));
  ops.sample(binary("hypot", hypot, {.low = 0.2}));
  ops.sample(binary("xlog1py", xlog1py, {}, {.low = -0.6, .high = 2}));
  ops.sample(step("round_half_away_from_zero", round_half_away_from_zero));
}

}  // namespace damo
