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
DAMO_SCALAR(Jn, (T order, T x), static_cast<T>(bessel_j(order, x)));
DAMO_SCALAR(In, (T order, T x), static_cast<T>(bessel_i(order, x)));
DAMO_SCALAR(Ive, (T order, T x), static_cast<T>(scaled_bessel_i(order, x)));

constexpr double half_root_pi = 0.88622692545275801365;

using Bessel = Var (*)(const Arg& order, const Arg& x);
/// Half the order below and half the one above, of one sign or the other: as the slope of the order
/// between. (That of order 1 is also J0(x) - J1(x) / x, which loses its digits next to 0.)
template <Bessel of, int sign>
Vars neighbours(const Vars& in, const Var&, const Var& g) {
  // What flows to the order ends there in an error.
  return {g, g * 0.5 * (of(in[0] - 1, in[1]) + sign * of(in[0] + 1, in[1]))};
}
Var jn(const Arg& order, const Arg& x) {
  static const auto op = define({.name = "jn",
                                 .arity = 2,
                                 .types = Types::real,
                                 .loops = double_loops<Jn, 2>(),
                                 .gradient = neighbours<jn, -1>,
                                 .fact = always({.at_most_one = true})});
  return elementwise(op, {without_derivative("jn", order), x});
}
Var in(const Arg& order, const Arg& x) {
  static const auto op = define({.name = "in",
                                 .arity = 2,
                                 .types = Types::real,
                                 .loops = double_loops<In, 2>(),
                                 .gradient = neighbours<in, 1>});
  return elementwise(op, {without_derivative("in", order), x});
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
      [](const Vars& x, const Var&, const Var& g) -> Vars {
        return {g * 0.5 * (j0(x[0]) - jn(2, x[0]))};
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
      [](const Vars& x, const Var&, const Var& g) -> Vars {
        return {g * 0.5 * (i0(x[0]) + in(2, x[0]))};
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
  const OpInput order{.low = 0, .high = 4, .dtype = DType::int64};
  ops.sample(binary("jn", jn, order, {.low = -5, .high = 5}));
  ops.sample(binary("in", in, order, {.low = -5, .high = 5}));
  ops.sample(binary("ive", ive, order, {.low = 0.3, .high = 3}));
}

}  // namespace damo
