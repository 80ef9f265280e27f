#include <algorithm>
#include <cmath>
#include <limits>

#include <damo/ops/kernels/elementwise/numbers.hpp>
#include <damo/ops/kernels/elementwise/polygamma.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>

namespace damo {
namespace {

constexpr double pi = 3.14159265358979323846;

/// The sum of (1 + k / y)^-s over k = 0, 1, ... by Euler and Maclaurin, for y >= s + 11 (Abramowitz
/// and Stegun 6.4.10, 23.1.30).
double scaled_tail(double s, double y) {
  constexpr double bernoulli[] = {1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,
                                  5.0 / 66, -691.0 / 2730, 7.0 / 6,  -3617.0 / 510};
  double sum = y / (s - 1) + 0.5;
  double term = s / (2 * y);  // y^(-2j+1) s (s+1) ... (s+2j-2) / (2j)!
  for (int j = 1; j <= 8; ++j) {
    if (j > 1) term *= (s + 2 * j - 3) / y * ((s + 2 * j - 2) / y) / (2 * j * (2 * j - 1));
    sum += bernoulli[j - 1] * term;
  }
  return sum;
}

/// The sum of (base / (y + k))^s over k = 0, 1, ..., below `end` terms.
double scaled_sum(double s, double y, double base, double end) {
  const auto scaled = [&](double at) { return std::pow(base / at, s); };
  const double reach = s + 11;
  double sum = 0;
  double k = 0;
  for (; k < end && y + k < reach; ++k) {
    const double term = scaled(y + k);
    sum += term;
    if (term < 1e-19 * sum) return sum;  // and so are all that follow together
  }
  if (k < end) sum += scaled(y + k) * scaled_tail(s, y + k);
  if (k < end && end < inf) sum -= scaled(y + end) * scaled_tail(s, y + end);
  return sum;
}

/// The sum of (base / (after + k))^s - (base / (before + k))^s over k = 0, 1, ..., the latter below
/// `end` terms, where `base` is the smaller of the two: each as far as they differ, as next to 1/2
/// most of them cancels.
double scaled_difference(double s, double after, double before, double base, double end) {
  const double reach = s + 11;
  const double gap = 2 * std::abs(0.5 - before);  // which `after` is rounded too much for
  double sum = 0;
  double k = 0;
  for (double term = 1; k < end && k < reach && term >= 1e-19 * sum; ++k) {
    const double at = base + k;
    sum += term = std::pow(base / at, s) * -std::expm1(-s * std::log1p(gap / at));
  }
  if (base == before) sum = -sum;
  const double above = scaled_sum(s, after + k, base, inf);
  return k < end ? sum + (above - scaled_sum(s, before + k, base, end - k)) : sum + above;
}

/// Gamma(s) base^-s sum, where none of the factors need be in range.
double times_gamma(double s, double base, double sum) {
  const double power = std::pow(base, -s);
  if (s < 171 && power > 1e-290 && power < 1e300) return std::tgamma(s) * power * sum;
  const double size = std::exp(math::lgamma(s) - s * std::log(base) + std::log(std::abs(sum)));
  return std::copysign(size, sum);
}

}  // namespace

// Upwards recurrence to x >= 10, then the asymptotic series; reflection for x < 0 (Abramowitz and
// Stegun 6.4).
double trigamma(double x) {
  if (x <= 0 && x == std::floor(x)) return inf;
  if (x < 0) {
    const double s = pi / std::sin(pi * (x - std::round(x)));
    return s * s - trigamma(1 - x);
  }
  double sum = 0;
  for (; x < 10; x += 1) sum += 1 / (x * x);
  const double z = 1 / (x * x);
  const double tail =
      1.0 / 6 -
      z * (1.0 / 30 -
           z * (1.0 / 42 -
                z * (1.0 / 30 -
                     z * (5.0 / 66 - z * (691.0 / 2730 - z * (7.0 / 6 - z * 3617.0 / 510))))));
  return sum + 1 / x + z / 2 + tail * z / x;
}

// n! (-1)^(n+1) times the sum of (x + k)^-(n+1) over k = 0, 1, ..., each term beside that of the
// smallest |x + k|; for x < 0 those before 0 and those after it are sums of their own.
double polygamma(double n, double x) {
  if (!(n >= 0) || n != std::floor(n) || n == inf || std::isnan(x) || x == -inf) return nan_value;
  if (n == 0) return math::digamma(x);
  const bool odd = std::fmod(n, 2) == 1;
  if (x == 0) return odd ? inf : std::copysign(inf, -x);
  if (x < 0 && x == std::floor(x)) return odd ? inf : nan_value;
  const double s = n + 1;
  const double sign = odd ? 1 : -1;
  if (x == inf) return sign * 0.0;
  if (x > 0) return sign * times_gamma(s, x, scaled_sum(s, x, x, inf));
  const double steps = std::floor(-x);
  const double before = -(x + steps);  // in (0, 1)
  const double after = 1 - before;
  const double base = std::min(before, after);
  if (odd)
    return times_gamma(s, base,
                       scaled_sum(s, after, base, inf) + scaled_sum(s, before, base, steps + 1));
  if (before == 0.5) {  // what is left are the terms above that have no partner
    const double first = after + steps + 1;
    return -times_gamma(s, first, scaled_sum(s, first, first, inf));
  }
  return -times_gamma(s, base, scaled_difference(s, after, before, base, steps + 1));
}

// n! (-1)^(n+1) times the sum of (x + k)^-s - (x + h + k)^-s, s = n + 1, each term as far as they
// differ; the tail by Euler and Maclaurin, as that of `scaled_tail`.
double polygamma_difference(double n, double x, double h) {
  if (h < 0 && x + h > 0) return -polygamma_difference(n, x + h, -h);
  if (!(n >= 0) || n != std::floor(n) || n > 100 || !(x > 0) || !(h > 0) || h == inf || x == inf) {
    if (x == inf && std::isfinite(h)) return 0;
    return h == 0 && std::isfinite(x) ? 0.0 : polygamma(n, x) - polygamma(n, x + h);
  }
  const double s = n + 1, base = x;
  double sum = 0;
  // (base / at)^p - (base / (at + h))^p, over base^(p - s).
  const auto part = [&](double at, double p) {
    return std::pow(base / at, s) * std::pow(at, s - p) * -std::expm1(-p * std::log1p(h / at));
  };
  for (; x < s + 11; x += 1) sum += part(x, s);
  constexpr double bernoulli[] = {1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,
                                  5.0 / 66, -691.0 / 2730, 7.0 / 6,  -3617.0 / 510};
  sum += s == 1 ? base * std::log1p(h / x) : part(x, s - 1) / (s - 1);
  sum += part(x, s) / 2;
  double factor = s / 2;  // s (s + 1) ... (s + 2j - 2) / (2j)!
  for (int j = 1; j <= 8; ++j) {
    if (j > 1) factor *= (s + 2 * j - 3) * (s + 2 * j - 2) / (2 * j * (2 * j - 1));
    sum += bernoulli[j - 1] * factor * part(x, s + 2 * j - 1);
  }
  return (std::fmod(n, 2) == 1 ? 1 : -1) * times_gamma(s, base, sum);
}

}  // namespace damo
