#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include <damo/ops/kernels/random/rejection.hpp>

// Samplers of one number that are the same for all generators; `next()` gives a uniform number in
// [0, 1). The order of the arithmetic is that of NumPy's legacy RandomState, for the same bits.
namespace damo {

/// The number of the first success, p in (0, 1].
template <class Next>
double sample_geometric(Next&& next, double p) {
  if (p < 1.0 / 3) return std::max(1.0, std::ceil(std::log(1 - next()) / std::log(1 - p)));
  double sum = p;
  double term = p;
  const double q = 1 - p;
  const double u = next();
  double trials = 1;
  while (u > sum && term > 0) {
    term *= q;
    sum += term;
    ++trials;
  }
  return trials;
}

/// How many of `sample` taken from good + bad are good: taken one by one.
template <class Next>
std::int64_t hypergeometric_by_taking(Next&& next, std::int64_t good, std::int64_t bad,
                                      std::int64_t sample) {
  const std::int64_t rest = bad + good - sample;
  const auto fewer = static_cast<double>(std::min(bad, good));
  double left = fewer;
  std::int64_t k = sample;
  while (left > 0) {
    const double u = next();
    left -= static_cast<double>(
        static_cast<std::int64_t>(std::floor(u + left / static_cast<double>(rest + k))));
    if (--k == 0) break;
  }
  const auto taken = static_cast<std::int64_t>(fewer - left);
  return good > bad ? sample - taken : taken;
}

/// The same for many, by a ratio of uniform numbers (Stadlober 1989, HRUA).
template <class Next>
std::int64_t hypergeometric_by_ratio(Next&& next, std::int64_t good, std::int64_t bad,
                                     std::int64_t sample) {
  const auto fewer = static_cast<double>(std::min(good, bad));
  const auto more = static_cast<double>(std::max(good, bad));
  const double population = fewer + more;
  const double m = std::min(static_cast<double>(sample), population - static_cast<double>(sample));
  const double p = fewer / population;
  const double center = m * p + 0.5;
  const double spread = std::sqrt(
      (population - m) * static_cast<double>(sample) * p * (1 - p) / (population - 1) + 0.5);
  const double width = 1.7155277699214135 * spread + 0.8989161620588988;
  const double mode = std::floor((m + 1) * (fewer + 1) / (population + 2));
  const auto log_ways = [&](double z) {
    return stirling_log_gamma(z + 1) + stirling_log_gamma(fewer - z + 1) +
           stirling_log_gamma(m - z + 1) + stirling_log_gamma(more - m + z + 1);
  };
  const double most = log_ways(mode);
  const double end = std::min(std::min(m, fewer) + 1, std::floor(center + 16 * spread));
  double z = 0;
  for (;;) {
    const double x = next();
    const double y = next();
    const double w = center + width * (y - 0.5) / x;
    if (!(w >= 0) || w >= end) continue;
    z = std::floor(w);
    const double t = most - log_ways(z);
    if (x * (4 - x) - 3 <= t) break;
    if (x * (x - t) >= 1) continue;
    if (2 * std::log(x) <= t) break;
  }
  if (good > bad) z = m - z;
  if (m < static_cast<double>(sample)) z = static_cast<double>(good) - z;
  return static_cast<std::int64_t>(z);
}
template <class Next>
std::int64_t sample_hypergeometric(Next&& next, std::int64_t good, std::int64_t bad,
                                   std::int64_t sample) {
  if (sample == 0) return 0;
  return sample > 10 ? hypergeometric_by_ratio(next, good, bad, sample)
                     : hypergeometric_by_taking(next, good, bad, sample);
}

/// What `sample_von_mises` needs beside kappa.
inline double von_mises_envelope(double kappa) {
  if (kappa < 1e-5) return 1 / kappa + kappa;
  const double r = 1 + std::sqrt(1 + 4 * kappa * kappa);
  const double rho = (r - std::sqrt(2 * r)) / (2 * kappa);
  return (1 + rho * rho) / (2 * rho);
}
/// An angle around 0 (Best and Fisher 1979), kappa of at least 1e-8.
template <class Next>
double sample_von_mises(Next&& next, double kappa, double s) {
  constexpr double pi = 3.14159265358979323846;
  double w = 0;
  for (;;) {
    const double u = next();
    const double z = std::cos(pi * u);
    w = (1 + s * z) / (s + z);
    const double y = kappa * (s - w);
    const double v = next();
    if (y * (2 - y) - v >= 0 || std::log(y / v) + 1 - y >= 0) break;
  }
  const double angle = std::acos(w);
  return next() < 0.5 ? -angle : angle;
}

/// The first passage of a Brownian motion with drift, from a standard normal number and a uniform
/// one (Michael, Schucany and Haas 1976).
template <class Next>
double sample_wald(Next&& next, double normal, double mean, double scale) {
  const double y = mean * normal * normal;
  const double x = mean + mean / (2 * scale) * (y - std::sqrt(4 * scale * y + y * y));
  return next() <= mean / (mean + x) ? x : mean * mean / x;
}

}  // namespace damo
