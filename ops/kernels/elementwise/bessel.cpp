#include <cmath>
#include <limits>

#include <damo/ops/kernels/elementwise/bessel.hpp>
#include <damo/ops/kernels/elementwise/numbers.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>

namespace damo {
namespace {

constexpr double bessel_epsilon = std::numeric_limits<double>::epsilon() / 8;

/// The expansion for large x (DLMF 10.40.1).
double by_expansion(double order, double x) {
  const double square = 4 * order * order;
  double term = 1;
  double sum = 1;
  for (int k = 1; k < 60 && std::abs(term) > bessel_epsilon; ++k) {
    const double odd = 2 * k - 1;
    sum += term *= -(square - odd * odd) / (8 * k * x);
  }
  return sum / std::sqrt(two_pi) / std::sqrt(x);
}

/// e^-x (x / 2)^v / Gamma(v + 1) times the power series, whose terms are positive but for the first
/// ones of a negative order.
double by_series(double order, double x) {
  const double quarter = x * x / 4;
  // Growing terms are kept in range by taking out powers of two.
  double term = 1;
  double sum = 1;
  int exponent = 0;
  for (int k = 1; k < 10'000'000; ++k) {
    term *= quarter / (k * (order + k));
    sum += term;
    if (std::abs(term) < bessel_epsilon * std::abs(sum) && k > -order) break;
    if (std::abs(sum) > 0x1p500) {
      term *= 0x1p-500;
      sum *= 0x1p-500;
      exponent += 500;
    }
  }
  if (order > -1 && order < 20 && exponent == 0 && x < 600)
    return std::pow(x / 2, order) / std::tgamma(order + 1) * (sum * std::exp(-x));
  int sign = 1;
  const double log_gamma = ::lgamma_r(order + 1, &sign);
  return sign * sum *
         std::exp(order * std::log(x / 2) - log_gamma - x + exponent * 0.69314718055994530942);
}

double scaled_at(double order, double x) {
  if (x == 0) return order == 0 ? 1 : order > 0 ? 0 : std::numeric_limits<double>::infinity();
  if (std::isinf(x)) return 0;
  return x > 30 && x > order * order / 4 ? by_expansion(order, x) : by_series(order, x);
}

}  // namespace

double bessel_j(double order, double x) {
  if (order != std::floor(order) || std::abs(order) > 1e6)
    return std::numeric_limits<double>::quiet_NaN();
  return ::jn(static_cast<int>(order), x);
}

double scaled_bessel_i(double order, double x) {
  if (std::isnan(x) || !std::isfinite(order)) return std::numeric_limits<double>::quiet_NaN();
  const bool whole = order == std::floor(order);
  if (x < 0 && !whole) return std::numeric_limits<double>::quiet_NaN();
  const double value = scaled_at(whole ? std::abs(order) : order, std::abs(x));
  return x < 0 && std::fmod(order, 2) != 0 ? -value : value;
}

double bessel_i(double order, double x) {
  const double a = std::abs(x);
  if (std::isinf(x)) return x > 0 || std::fmod(order, 2) == 0 ? a : -a;
  if (a > 700) {
    const double half = std::exp(a / 2);
    return scaled_bessel_i(order, x) * half * half;
  }
  return scaled_bessel_i(order, x) * std::exp(a);
}

}  // namespace damo
