#include <cmath>

#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>
#include <damo/ops/elementwise/scaled_math.hpp>
#include <damo/ops/gradient/altered_gradient.hpp>
#include <damo/ops/kernels/elementwise/scaled_erfc.hpp>

namespace damo {
namespace {

struct Erfcx {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(scaled_erfc(static_cast<double>(x)));
  }
};

struct ErfcxDerivative {
  template <class T>
  T operator()(T n, T x) const {
    return static_cast<T>(scaled_erfc_derivative(static_cast<double>(n), static_cast<double>(x)));
  }
};

struct LogErfc {
  template <class T>
  T operator()(T at) const {
    const auto x = static_cast<double>(at);
    if (x < 0.5) return static_cast<T>(std::log1p(-std::erf(x)));
    return static_cast<T>(std::log(scaled_erfc(x)) - x * x);
  }
};

struct LogNdtr {
  template <class T>
  T operator()(T at) const {
    const auto x = static_cast<double>(at);
    const double y = x * 0.70710678118654752440;
    if (x < -1) return static_cast<T>(std::log(scaled_erfc(-y) / 2) - x * x / 2);
    return static_cast<T>(std::log1p(std::erfc(y) / -2));
  }
};

struct LogCosh {
  template <class T>
  DAMO_INLINE T operator()(T x) const {
    const T a = math::abs(x);
    const T s = math::expm1(a);
    // cosh(a) - 1 = (e^a - 1)^2 / (2 e^a)
    const T small = math::log1p(s * s / (2 * (1 + s)));
    const T large = a + (math::log1p(math::exp(-2 * a)) - T(0.693147180559945309417232121458L));
    return a < T(1) ? small : large;
  }
};

/// 1 / cosh(x)^2, the slope of tanh. Up to 2 it has the bits of 1 - tanh(x)^2, so that a loop that
/// knows tanh(x) only goes the same way as one written out.
struct SechSquared {
  template <class T>
  DAMO_INLINE T operator()(T x) const {
    const T a = math::abs(x);
    const T y = math::tanh(x);
    const T e = math::exp(-2 * a);
    return a < T(2) ? 1 - y * y : 4 * e / ((1 + e) * (1 + e));
  }
};

constexpr double half_root = 0.70710678118654752440;

/// The n-th derivative of erfcx.
Var erfcx_derivative(const Arg& n, const Arg& x) {
  static const auto op = define({.name = "erfcx_derivative",
                                 .arity = 2,
                                 .types = ScalarOp::Types::real,
                                 .loops = double_loops<ErfcxDerivative, 2>(),
                                 .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                                   // What flows to the order ends there in an error.
                                   return {g, g * erfcx_derivative(in[0] + 1, in[1])};
                                 }});
  return elementwise(op, {without_derivative("erfcx_derivative", n), x});
}

/// The slope of log(erfc(x)), of which erfc is 0 above, and erfcx infinite below.
Var log_erfc_slope(const Var& x) {
  return where(x > 0, -two_over_root_pi / erfcx(x), -two_over_root_pi * exp(-sqr(x)) / erfc(x));
}

}  // namespace

Var erfcx(const Arg& x) {
  static const auto op = real_unary(
      "erfcx", double_loops<Erfcx, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars {
        return {g * erfcx_derivative(1, in[0])};
      },
      always({.nonnegative = true, .positive = true}));
  return elementwise(op, {x});
}
Var log_erfc(const Arg& x) {
  static const auto op = real_unary(
      "log_erfc", double_loops<LogErfc, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g * log_erfc_slope(in[0])}; });
  return elementwise(op, {x});
}
Var log_ndtr(const Arg& x) {
  static const auto op = real_unary("log_ndtr", double_loops<LogNdtr, 1>(),
                                    [](const Vars& in, const Var&, const Var& g) -> Vars {
                                      return {g * -half_root * log_erfc_slope(in[0] * -half_root)};
                                    });
  return elementwise(op, {x});
}
Var log_cosh(const Arg& x) {
  static const auto op = real_unary(
      "log_cosh", real_loops<LogCosh, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g * tanh(in[0])}; },
      Slope::tame, always({.nonnegative = true}));
  return elementwise(op, {x});
}
Var sech_squared(const Arg& x) {
  static const auto op = real_unary(
      "sech_squared", real_loops<SechSquared, 1>(),
      [](const Vars& in, const Var& y, const Var& g) -> Vars { return {g * -2 * y * tanh(in[0])}; },
      Slope::tame, always({.nonnegative = true, .at_most_one = true}));
  return elementwise(op, {x});
}

DAMO_OPS(scaled_math) {
  using samples::unary;
  ops.sample(unary("erfcx", erfcx));
  ops.sample(samples::binary("erfcx_derivative", erfcx_derivative,
                             {.low = 1, .high = 4, .dtype = DType::int64}, {.low = -2, .high = 4}));
  ops.sample(unary("log_erfc", log_erfc));
  ops.sample(unary("log_ndtr", log_ndtr));
  ops.sample(unary("log_cosh", log_cosh));
  ops.sample(unary("sech_squared", sech_squared));
}

}  // namespace damo
