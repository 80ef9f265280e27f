#include <cmath>

#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>
#include <damo/ops/elementwise/scaled_math.hpp>

namespace damo {
namespace {

/// exp(x^2) erfc(x) in double: the product where both exist, with the rounding error of x^2 put
/// back, and the asymptotic series where erfc underflows (Abramowitz and Stegun 7.1.23).
double scaled_erfc(double x) {
  if (x < 26) {
    const double square = x * x;
    const double lost = std::fma(x, x, -square);
    const double product = std::exp(square) * std::erfc(x);
    return product + product * lost;
  }
  const double z = -0.5 / (x * x);
  double term = 1;
  double sum = 1;
  for (int k = 1; k < 16; k += 2) sum += term *= k * z;
  return sum * 0.56418958354775628695 / x;
}

struct Erfcx {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(scaled_erfc(static_cast<double>(x)));
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

constexpr double two_over_root_pi = 1.12837916709551257390;
constexpr double root_of_two_over_pi = 0.79788456080286535588;
constexpr double half_root = 0.70710678118654752440;

}  // namespace

Var erfcx(const Arg& x) {
  static const auto op = real_unary(
      "erfcx", double_loops<Erfcx, 1>(),
      [](const Vars& in, const Var& y, const Var& g) -> Vars {
        return {g * (2 * in[0] * y - two_over_root_pi)};
      },
      always({.nonnegative = true, .positive = true}));
  return elementwise(op, {x});
}
Var log_erfc(const Arg& x) {
  static const auto op = real_unary("log_erfc", double_loops<LogErfc, 1>(),
                                    [](const Vars& in, const Var&, const Var& g) -> Vars {
                                      return {g * -two_over_root_pi / erfcx(in[0])};
                                    });
  return elementwise(op, {x});
}
Var log_ndtr(const Arg& x) {
  static const auto op = real_unary("log_ndtr", double_loops<LogNdtr, 1>(),
                                    [](const Vars& in, const Var&, const Var& g) -> Vars {
                                      return {g * root_of_two_over_pi / erfcx(in[0] * -half_root)};
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
  ops.sample(unary("log_erfc", log_erfc));
  ops.sample(unary("log_ndtr", log_ndtr));
  ops.sample(unary("log_cosh", log_cosh));
  ops.sample(unary("sech_squared", sech_squared));
}

}  // namespace damo
