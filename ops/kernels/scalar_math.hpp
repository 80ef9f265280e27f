#pragma once
#include <cmath>
#include <concepts>

#include <damo/ops/kernels/isa.hpp>

namespace damo::math {

template <std::floating_point T>
DAMO_INLINE T exp(T x) {
  return std::exp(x);
}
template <std::floating_point T>
DAMO_INLINE T log(T x) {
  return std::log(x);
}
template <std::floating_point T>
DAMO_INLINE T log1p(T x) {
  return std::log1p(x);
}
template <std::floating_point T>
DAMO_INLINE T expm1(T x) {
  return std::expm1(x);
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
template <std::floating_point T>
DAMO_INLINE T tanh(T x) {
  return std::tanh(x);
}
/// 1 / (1 + exp(-x)).
template <std::floating_point T>
DAMO_INLINE T sigmoid(T x) {
  const T e = math::exp(-std::abs(x));
  return (x < 0 ? e : T{1}) / (1 + e);
}
/// log(1 + exp(x)).
template <std::floating_point T>
DAMO_INLINE T softplus(T x) {
  return (x > 0 ? x : x * 0) + math::log1p(math::exp(-std::abs(x)));
}
/// log(1 - exp(x)); NaN for x > 0.
template <std::floating_point T>
DAMO_INLINE T log1mexp(T x) {
  return x > T(-0.693147180559945309) ? math::log(-math::expm1(x)) : math::log1p(-math::exp(x));
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
/// log |gamma(x)|.
template <std::floating_point T>
DAMO_INLINE T lgamma(T x) {
  int sign = 0;  // std::lgamma writes a global variable instead
  return static_cast<T>(::lgamma_r(static_cast<double>(x), &sign));
}
/// The derivative of lgamma; NaN at 0, -1, -2, ...
template <std::floating_point T>
T digamma(T at) {
  constexpr double pi = 3.14159265358979323846;
  double x = static_cast<double>(at);
  double result = 0;
  if (x <= 0) {
    const double fraction = x - std::floor(x);
    if (fraction == 0) return static_cast<T>(NAN);
    result = -pi / std::tan(pi * fraction);
    x = 1 - x;
  }
  for (; x < 10; x += 1) result -= 1 / x;
  const double y = 1 / (x * x);
  const double tail =
      y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y * (1.0 / 132)))));
  return static_cast<T>(result + std::log(x) - 0.5 / x - tail);
}
template <std::floating_point T>
DAMO_INLINE T pow(T x, T y) {
  return std::pow(x, y);
}
/// To the nearest integer, halves to even.
template <std::floating_point T>
DAMO_INLINE T round(T x) {
  return std::nearbyint(x);
}
template <std::floating_point T>
DAMO_INLINE T trunc(T x) {
  return std::trunc(x);
}
template <std::floating_point T>
DAMO_INLINE T floor(T x) {
  return std::floor(x);
}
template <std::floating_point T>
DAMO_INLINE T ceil(T x) {
  return std::ceil(x);
}
/// -1, 0 or 1; keeps zeros and NaN.
template <std::floating_point T>
DAMO_INLINE T sign(T x) {
  return x > 0 ? T{1} : (x < 0 ? T{-1} : x);
}
/// x log x, 0 at 0.
template <std::floating_point T>
DAMO_INLINE T xlogx(T x) {
  return x == 0 ? T{0} : x * math::log(x);
}
/// x log y, 0 where x is 0 unless y is NaN.
template <std::floating_point T>
DAMO_INLINE T xlogy0(T x, T y) {
  return x == 0 && y == y ? T{0} : x * math::log(y);
}

}  // namespace damo::math
