#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>

#include <damo/ops/kernels/machine/isa.hpp>

// What the elementary functions are made of. Everything is plain arithmetic without branches, so
// that a loop over it vectorises and gives the same bits on every instruction set and at every
// position. Polynomials are minimax fits (Remez) on the intervals named with them.
namespace damo::math {

template <class T>
struct Format;

template <>
struct Format<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa_bits = 23;
  static constexpr Bits bias = 127;
  static constexpr float round_magic = 0x1.8p23F;
  static constexpr float exp_low = -104;  // exp of this and below rounds to 0
  static constexpr float exp_high = 89;   // exp of this and above rounds to infinity
  static constexpr float log2_e = 1.44269504F;
  // Products of ln2_high with exponents are exact.
  static constexpr float ln2_high = 0.693145751953125F;
  static constexpr float ln2_low = 1.428606765330187e-6F;
};

template <>
struct Format<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa_bits = 52;
  static constexpr Bits bias = 1023;
  static constexpr double round_magic = 0x1.8p52;
  static constexpr double exp_low = -746;
  static constexpr double exp_high = 710;
  static constexpr double log2_e = 1.4426950408889634;
  static constexpr double ln2_high = 0.69314718056011770386;
  static constexpr double ln2_low = -1.7239444525614834793e-13;
};

template <class T>
DAMO_INLINE auto to_bits(T x) {
  return std::bit_cast<typename Format<T>::Bits>(x);
}
template <class T>
DAMO_INLINE T from_bits(typename Format<T>::Bits bits) {
  return std::bit_cast<T>(bits);
}
template <class T>
inline constexpr typename Format<T>::Bits sign_bit =
    typename Format<T>::Bits{1} << (sizeof(T) * 8 - 1);

template <class T>
DAMO_INLINE T abs(T x) {
  return from_bits<T>(to_bits(x) & ~sign_bit<T>);
}
/// The magnitude of `x`, which is not negative, under the sign of `sign`.
template <class T>
DAMO_INLINE T with_sign(T x, T sign) {
  return from_bits<T>(to_bits(x) | (to_bits(sign) & sign_bit<T>));
}

template <class T>
DAMO_INLINE T horner(T, T c) {
  return c;
}
template <class T, class... More>
DAMO_INLINE T horner(T x, T c, More... more) {
  return c + x * horner(x, more...);
}

/// A value and the part of it that its rounding lost.
template <class T>
struct Pair {
  T high;
  T low;
};

/// a + b exactly, where |a| >= |b|.
template <class T>
DAMO_INLINE Pair<T> fast_two_sum(T a, T b) {
  const T sum = a + b;
  return {sum, b - (sum - a)};
}
/// a + b exactly.
template <class T>
DAMO_INLINE Pair<T> two_sum(T a, T b) {
  const T sum = a + b;
  const T shadow = sum - a;
  return {sum, (a - (sum - shadow)) + (b - shadow)};
}

/// exp(x) = 2^n (1 + r + q), |r| <= ln2 / 2, q = exp(r) - 1 - r with the rounding error of r.
template <class T>
struct ExpParts {
  T r;
  T q;
  typename Format<T>::Bits n;  // two's complement
};

/// (exp(r) - 1 - r) / r^2 on [-0.35, 0.35].
template <class T>
struct ExpTail;
template <>
struct ExpTail<float> {
  static constexpr float coefficients[] = {0.5F, 0.1666651219F, 0.04166618735F, 0.008369598538F,
                                           0.001395169296F};
};
template <>
struct ExpTail<double> {
  static constexpr double coefficients[] = {0.500000000000000555,     0.166666666666666935,
                                            0.041666666666561443,     0.00833333333330977047,
                                            0.0013888888937810184,    0.000198412699135512745,
                                            0.0000248014973929134457, 2.75572186148408371e-6,
                                            2.76291818450616312e-7,   2.51173934217223739e-8};
};
template <class T, std::size_t... I>
DAMO_INLINE T exp_tail(T r, std::index_sequence<I...>) {
  return horner(r, ExpTail<T>::coefficients[I]...);
}
template <class T>
DAMO_INLINE T exp_tail(T r) {
  return exp_tail(r, std::make_index_sequence<std::size(ExpTail<T>::coefficients)>());
}

template <class T>
DAMO_INLINE ExpParts<T> exp_parts(T x) {
  using F = Format<T>;
  T y = x > F::exp_high ? F::exp_high : x;
  y = y < F::exp_low ? F::exp_low : y;
  const T z = y * F::log2_e + F::round_magic;
  const T n = z - F::round_magic;
  const T rough = y - n * F::ln2_high;
  const T correction = n * F::ln2_low;
  const T r = rough - correction;
  const T r_low = (rough - r) - correction;
  return {r, r_low + r * r * exp_tail(r), to_bits(z) - to_bits(F::round_magic)};
}

/// 2^n for normal results.
template <class T>
DAMO_INLINE T power_of_two(typename Format<T>::Bits n) {
  return from_bits<T>((n + Format<T>::bias) << Format<T>::mantissa_bits);
}

/// x 2^n with one rounding where the result is subnormal: by two factors, each of which is normal.
template <class T>
struct Scale {
  T first;
  T second;
  DAMO_INLINE explicit Scale(typename Format<T>::Bits n) {
    const auto half = ((n + 2 * Format<T>::bias) >> 1) - Format<T>::bias;
    first = power_of_two<T>(half);
    second = power_of_two<T>(n - half);
  }
  DAMO_INLINE T operator()(T x) const { return x * first * second; }
};

/// exp(x) and what its rounding lost.
template <class T>
DAMO_INLINE Pair<T> exp_pair(T x) {
  const ExpParts<T> p = exp_parts(x);
  const Scale<T> scale(p.n);
  const Pair<T> one_plus_r = fast_two_sum(T{1}, p.r);
  const Pair<T> sum = fast_two_sum(one_plus_r.high, one_plus_r.low + p.q);
  return {scale(sum.high), scale(sum.low)};
}

/// log(1 + f) - f, plus a small `extra`, for 1 + f in [sqrt(1/2), sqrt(2)].
DAMO_INLINE float log_tail(float f, float extra) {
  const float p =
      horner(f, 0.3333332241F, -0.2499999106F, 0.2000152469F, -0.166686669F, 0.142302677F,
             -0.123991169F, 0.1181077212F, -0.1168958619F, 0.06927523762F);
  const float f2 = f * f;
  return (f * f2 * p + extra) - 0.5F * f2;
}
DAMO_INLINE double log_tail(double f, double extra) {
  // log(1 + f) = 2 atanh(s) = f - f^2 / 2 + s (f^2 / 2 + R(s^2)) with s = f / (2 + f).
  const double s = f / (2 + f);
  const double z = s * s;
  const double r = z * horner(z, 0.666666666666667851, 0.3999999999972913, 0.285714286810002438,
                              0.222222042538956471, 0.181832932127543451, 0.153205035489515196,
                              0.147352948394889161);
  const double half = 0.5 * f * f;
  return (s * (half + r) + extra) - half;
}

/// log(x) + extra for a normal positive x and an `extra` below the rounding error of x; `exponent`
/// is added to that of x.
template <class T>
DAMO_INLINE T log_core(T x, T exponent, T extra) {
  using F = Format<T>;
  using Bits = typename F::Bits;
  constexpr T root_half = T(0.70710678118654752440);
  constexpr Bits base = F::bias << F::mantissa_bits;
  constexpr Bits mask = (Bits{1} << F::mantissa_bits) - 1;
  constexpr T magic = F::round_magic - T(F::round_magic) / 3;  // 2^mantissa_bits
  const Bits shifted = to_bits(x) - std::bit_cast<Bits>(root_half) + base;
  const T m = from_bits<T>((shifted & mask) + std::bit_cast<Bits>(root_half));
  // An integer below 2^mantissa_bits becomes floating point by standing in the mantissa.
  const T biased = from_bits<T>((shifted >> F::mantissa_bits) | std::bit_cast<Bits>(magic)) - magic;
  const T k = (biased - T(F::bias)) + exponent;
  const T f = m - 1;
  const T tail = log_tail(f, k * F::ln2_low + extra);
  return k * F::ln2_high + (f + tail);
}

/// log(x) + extra for any x.
template <class T>
DAMO_INLINE T log_any(T x, T extra) {
  using Limits = std::numeric_limits<T>;
  constexpr T lift = T(Format<T>::mantissa_bits + 2);
  const bool tiny = x < Limits::min();
  const T scaled = tiny ? x * power_of_two<T>(Format<T>::mantissa_bits + 2) : x;
  const T finite = log_core(scaled, tiny ? -lift : T{0}, extra);
  const T upper = x < Limits::infinity() ? finite : x;
  const T lower = x == 0 ? -Limits::infinity() : Limits::quiet_NaN();
  return x > 0 ? upper : (x == x ? lower : x);
}

}  // namespace damo::math
