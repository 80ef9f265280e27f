#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>
#include <damo/ops/gradient/altered_gradient.hpp>
#include <damo/ops/kernels/elementwise/bessel.hpp>
#include <damo/ops/kernels/elementwise/inverse_erf.hpp>
#include <damo/ops/special/special_functions.hpp>

namespace damo {
namespace {

using Types = ScalarOp::Types;

DAMO_SCALAR(Erfinv, (T y), static_cast<T>(inverse_erf(y)));
DAMO_SCALAR(Erfcinv, (T y), static_cast<T>(inverse_erfc(y)));
DAMO_SCALAR(J0, (T x), static_cast<T>(::j0(x)));
DAMO_SCALAR(J1, (T x), static_cast<T>(::j1(x)));
DAMO_SCALAR(I0, (T x), static_cast<T>(bessel_i(0, x)));
DAMO_SCALAR(I1, (T x), static_cast<T>(bessel_i(1, x)));
DAMO_SCALAR(Ive, (T order, T x), static_cast<T>(scaled_bessel_i(order, x)));

constexpr double half_root_pi = 0.88622692545275801365;

/// y / x where y ~ x / 2 at 0.
Var half_at_zero(const Var& y, const Var& x) {
  const Var zero = eq(x, 0);
  return where(zero, 0.5, y / where(zero, 1.0, x));
}

}  // namespace

Var erfinv(const Arg& y) {
  static const auto op = real_unary(
      "erfinv", double_loops<Erfinv, 1>(),
      [](const Vars&, const Var& x, const Var& g) -> Vars {
        return {g * half_root_pi * exp(sqr(x))};
      },
      fact_of(of_same_sign));
  return elementwise(op, {y});
}
Var erfcinv(const Arg& y) {
  static const auto op = real_unary("erfcinv", double_loops<Erfcinv, 1>(),
                                    [](const Vars&, const Var& x, const Var& g) -> Vars {
                                      return {-(g * half_root_pi * exp(sqr(x)))};
                                    });
  return elementwise(op, {y});
}

Var j0(const Arg& x) {
  static const auto op = real_unary(
      "j0", double_loops<J0, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {-(g * j1(in[0]))}; },
      Slope::tame, always({.at_most_one = true}));
  return elementwise(op, {x});
}
Var j1(const Arg& x) {
  static const auto op = real_unary(
      "j1", double_loops<J1, 1>(),
      [](const Vars& in, const Var& y, const Var& g) -> Vars {
        return {g * (j0(in[0]) - half_at_zero(y, in[0]))};
      },
      Slope::tame, always({.at_most_one = true}));
  return elementwise(op, {x});
}
Var i0(const Arg& x) {
  static const auto op = real_unary(
      "i0", double_loops<I0, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g * i1(in[0])}; },
      always({.nonnegative = true, .positive = true}));
  return elementwise(op, {x});
}
Var i1(const Arg& x) {
  static const auto op = real_unary(
      "i1", double_loops<I1, 1>(),
      [](const Vars& in, const Var& y, const Var& g) -> Vars {
        return {g * (i0(in[0]) - half_at_zero(y, in[0]))};
      },
      fact_of(of_same_sign));
  return elementwise(op, {x});
}
Var ive(const Arg& order, const Arg& x) {
  static const auto op =
      define({.name = "ive",
              .arity = 2,
              .types = Types::real,
              .loops = double_loops<Ive, 2>(),
              .gradient = [](const Vars& in, const Var& y, const Var& g) -> Vars {
                const Var around = ive(in[0] - 1, in[1]) + ive(in[0] + 1, in[1]);
                // What flows to the order ends there in an error.
                return {g, g * (0.5 * around - sign(in[1]) * y)};
              }});
  return elementwise(op, {without_derivative("ive", order), x});
}

DAMO_OPS(special_functions) {
  using namespace samples;
  ops.sample(unary("erfinv", erfinv, -0.9, 0.9));
  ops.sample(unary("erfcinv", erfcinv, 0.1, 1.9));
  ops.sample(unary("j0", j0, -5, 5));
  ops.sample(unary("j1", j1, -5, 5));
  ops.sample(unary("i0", i0));
  ops.sample(unary("i1", i1));
  ops.sample(
      binary("ive", ive, {.low = 0, .high = 4, .dtype = DType::int64}, {.low = 0.3, .high = 3}));
}

}  // namespace damo
