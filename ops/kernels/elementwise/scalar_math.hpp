#pragma once
#include <cmath>
#include <concepts>
#include <limits>

#include <damo/ops/kernels/elementwise/scalar_core.hpp>
#include <damo/ops/kernels/elementwise/wide_math.hpp>

// Elementary functions for loops that vectorise. NaN in, NaN out; right at zeros, infinities and
// subnormal numbers. exp, log, log1p, expm1, tanh, sigmoid, softplus and log1mexp are within 2 ulp.
namespace damo::math {

template <std::floating_point T>
DAMO_INLINE T exp(T x) {
  const ExpParts<T> p = exp_parts(x);
  const Pair<T> one_plus_r = fast_two_sum(T{1}, p.r);
  return Scale<T>(p.n)(one_plus_r.high + (one_plus_r.low + p.q));
}

template <std::floating_point T>
DAMO_INLINE T log(T x) {
  return log_any(x, T{0});
}

template <std::floating_point T>
DAMO_INLINE T log1p(T x) {
  const Pair<T> sum = two_sum(T{1}, x);
  const bool plain = sum.high == 0 || !(sum.high < std::numeric_limits<T>::infinity());
  const T r = log_any(sum.high, plain ? T{0} : sum.low / sum.high);
  return x == 0 ? x : r;
}

template <std::floating_point T>
DAMO_INLINE T expm1(T x) {
  // 2^n (r + q) + 2^n - 1, all halved: 2^128 is no float but exp(88.7) is.
  const ExpParts<T> p = exp_parts(x);
  // Below this the result is -1; the power stays normal.
  constexpr T lowest = -T(Format<T>::mantissa_bits) - 4;
  const auto n = x < lowest ? static_cast<typename Format<T>::Bits>(lowest * 2) : p.n;
  const T half = power_of_two<T>(n - 1);
  const Pair<T> sum = two_sum(half - T(0.5), half * p.r);
  const T r = (sum.high + (sum.low + half * p.q)) * 2;
  const T above = x > Format<T>::exp_high ? std::numeric_limits<T>::infinity() : r;
  const T result = x < lowest ? T{-1} : above;
  return math::abs(x) < std::numeric_limits<T>::epsilon() / 4 ? x : result;
}

template <std::floating_point T>
DAMO_INLINE T log2(T x) {
  return std::log2(x);
}
template <std::floating_point T>
DAMO_INLINE T log10(T x) {
  return std::log10(x);
}
template <std::floating_point T>
DAMO_INLINE T sqrt(T x) {
  return std::sqrt(x);
}

/// (tanh(x) / x - 1) / x^2 as a function of x^2, |x| <= 0.625.
DAMO_INLINE float tanh_tail(float z) {
  return horner(z, -0.3333328068F, 0.1333142519F, -0.05373760685F, 0.0206303969F, -0.005693502724F);
}
DAMO_INLINE double tanh_tail(double z) {
  return horner(z, -0.333333333333333204, 0.133333333333303689, -0.053968253966285587,
                0.0218694884728862539, -0.00886323435641170852, 0.00359211427288844446,
                -0.00145572691152454276, 0.000589453191547907184, -0.00023700934499696106,
                0.0000915447847666240835, -0.0000301652064006809162, 6.02956527324242376e-6);
}

template <std::floating_point T>
DAMO_INLINE T tanh(T x) {
  const T a = math::abs(x);
  const T z = a * a;
  const T small = a + a * z * tanh_tail(z);
  const T large = 1 - 2 / (math::exp(a + a) + 1);
  return with_sign(a < T(0.625) ? small : large, x);
}

/// 1 / (1 + exp(-x)).
template <std::floating_point T>
DAMO_INLINE T sigmoid(T x) {
  const Pair<T> e = exp_pair(-math::abs(x));
  const T d = 1 + e.high;
  const T d_low = (e.high - (d - 1)) + e.low;
  const bool negative = x < 0;
  const T n = negative ? e.high : T{1};
  const T n_low = negative ? e.low : T{0};
  const T q = n / d;
  // The rounding errors of e and d, to first order; the line is 1 / d within 4% on [1, 2].
  return q + (n_low - q * d_low) * (T(1.457) - T(0.5) * d);
}

/// log(1 + exp(x)).
template <std::floating_point T>
DAMO_INLINE T softplus(T x) {
  const Pair<T> e = exp_pair(-math::abs(x));
  const T w = 1 + e.high;
  const T w_low = (e.high - (w - 1)) + e.low;
  // w_low / w, by a cubic that is 1 / (1 + e) within 2%, and exact at 0 where w_low counts most.
  const T h = e.high;
  const T correction = w_low * (1 - h * (1 - h * (T(0.75) - T(0.25) * h)));
  return (x > 0 ? x : T{0}) + log_core(w, T{0}, correction);
}

/// log(1 - exp(x)); -inf at 0, NaN above.
template <std::floating_point T>
DAMO_INLINE T log1mexp(T x) {
  const Pair<T> e = exp_pair(x);
  const T u = 1 - e.high;
  const T u_low = ((1 - u) - e.high) - e.low;
  const bool near_zero = x > T(-0.69314718055994530942);
  return log_any(near_zero ? -math::expm1(x) : u, near_zero ? T{0} : u_low / u);
}

/// (sin(2 pi x) / x - 2 pi) / x^2 as a function of x^2, |x| <= 1/4.
DAMO_INLINE float sin_turns_tail(float z) {
  return horner(z, -41.34170151F, 81.60523224F, -76.70461273F, 42.01543427F, -14.42811203F);
}
DAMO_INLINE double sin_turns_tail(double z) {
  return horner(z, -41.341702240399762, 81.6052492760750567, -76.7058597530610058,
                42.0586939448494377, -15.0946425735876151, 3.81995245741615896,
                -0.71811926020622141, 0.104185851138388949, -0.0116925280469628405);
}

/// cos(2 pi x) for x in [0, 1].
template <std::floating_point T>
DAMO_INLINE T cos_turns(T x) {
  const T w = math::abs(x - T(0.5)) - T(0.25);
  const T z = w * w;
  return w * T(6.283185307179586232) + w * z * sin_turns_tail(z);
}

template <std::floating_point T>
DAMO_INLINE T sin(T x) {
  return std::sin(x);
}
template <std::floating_point T>
DAMO_INLINE T cos(T x) {
  return std::cos(x);
}
template <std::floating_point T>
DAMO_INLINE T tan(T x) {
  return std::tan(x);
}
template <std::floating_point T>
DAMO_INLINE T sinh(T x) {
  return std::sinh(x);
}
template <std::floating_point T>
DAMO_INLINE T cosh(T x) {
  return std::cosh(x);
}
template <std::floating_point T>
DAMO_INLINE T atan2(T y, T x) {
  return std::atan2(y, x);
}
template <std::floating_point T>
DAMO_INLINE T erf(T x) {
  return std::erf(x);
}
template <std::floating_point T>
DAMO_INLINE T erfc(T x) {
  return std::erfc(x);
}
template <std::floating_point T>
DAMO_INLINE T pow(T x, T y) {
  return std::pow(x, y);
}
/// log |gamma(x)|.
template <std::floating_point T>
DAMO_INLINE T lgamma(T x) {
  int sign = 0;  // std::lgamma writes a global variable instead
  return static_cast<T>(::lgamma_r(static_cast<double>(x), &sign));
}

/// The derivative of lgamma; infinite at 0, NaN at -1, -2, ... and -inf.
template <std::floating_point T>
T digamma(T at) {
  constexpr double pi = 3.14159265358979323846;
  double x = static_cast<double>(at);
  double result = 0;
  if (x <= 0) {
    if (x == 0) return std::copysign(std::numeric_limits<T>::infinity(), -at);
    const double fraction = x - std::nearbyint(x);  // exact, small next to a pole
    if (!(std::abs(fraction) > 0)) return std::numeric_limits<T>::quiet_NaN();
    result = -pi / std::tan(pi * fraction);
    x = 1 - x;
  }
  for (; x < 10; x += 1) result -= 1 / x;
  // The asymptotic series in Bernoulli numbers; its next term is below 1e-16 for x >= 10.
  const double tail = horner(1 / (x * x), 1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132,
                             -691.0 / 32760, 1.0 / 12);
  return static_cast<T>(result + (std::log(x) - 0.5 / x - tail / (x * x)));
}

/// To the nearest integer, halves to even.
template <std::floating_point T>
DAMO_INLINE T round(T x) {
  constexpr T whole = T{1} / std::numeric_limits<T>::epsilon();  // from here all are integers
  const T a = math::abs(x);
  const T rounded = (a + whole) - whole;
  return with_sign(a < whole ? rounded : a, x);
}
template <std::floating_point T>
DAMO_INLINE T trunc(T x) {
  const T a = math::abs(x);
  const T rounded = math::round(a);
  return with_sign(rounded > a ? rounded - 1 : rounded, x);
}
template <std::floating_point T>
DAMO_INLINE T floor(T x) {
  const T rounded = math::round(x);
  return rounded > x ? rounded - 1 : rounded;
}
template <std::floating_point T>
DAMO_INLINE T ceil(T x) {
  return -math::floor(-x);
}
/// -1, 0 or 1; keeps NaN.
template <std::floating_point T>
DAMO_INLINE T sign(T x) {
  return x > 0 ? T{1} : (x < 0 ? T{-1} : x + T{0});  // -0 + 0 is 0
}
/// x log x, 0 at 0.
template <std::floating_point T>
DAMO_INLINE T xlogx(T x) {
  const T r = x * math::log(x);
  return x == 0 ? T{0} : r;
}
/// x log y, 0 where x is 0 unless y is NaN.
template <std::floating_point T>
DAMO_INLINE T xlogy0(T x, T y) {
  const T r = x * math::log(y);
  return x == 0 && y == y ? T{0} : r;
}

}  // namespace damo::math
