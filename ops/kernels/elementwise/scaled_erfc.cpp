#include <cmath>
#include <limits>

#include <damo/ops/kernels/elementwise/scaled_erfc.hpp>

namespace damo {

// The product where both factors exist, with the rounding error of x^2 put back, and the asymptotic
// series where erfc underflows (Abramowitz and Stegun 7.1.23).
double scaled_erfc(double x) {
  if (x < 26) {
    const double square = x * x;
    const double product = std::exp(square) * std::erfc(x);
    return std::isinf(product) ? product : product + product * std::fma(x, x, -square);
  }
  const double z = -0.5 / (x * x);
  double term = 1;
  double sum = 1;
  for (int k = 1; k < 16; k += 2) sum += term *= k * z;
  return sum * 0.56418958354775628695 / x;
}

// The derivatives, up to their signs and 2^n n!, are the repeated integrals of erfc times exp(x^2)
// (Abramowitz and Stegun 7.2): y_n = 2 x y_(n-1) + 2 (n - 1) y_(n-2). Going up, this loses digits
// for large x only; there ratios of neighbours are found going down (Gautschi 1961).
double scaled_erfc_derivative(double n, double x) {
  if (!(n >= 0) || n != std::floor(n) || std::isinf(n))
    return std::numeric_limits<double>::quiet_NaN();
  const double value = scaled_erfc(x);
  if (n == 0) return value;
  if (x < 1) {
    double before = value;
    double at = 2 * x * value - 1.12837916709551257390;
    for (double k = 2; k <= n; ++k) {
      const double next = 2 * x * at + 2 * (k - 1) * before;
      before = at;
      at = next;
    }
    return at;
  }
  const double most = n + std::floor(20 + 200 / (x * x));
  double ratio = 2 * (most + 1) / (x + std::sqrt(x * x + 2 * (most + 1)));
  double result = value;
  for (double k = most; k >= 1; --k) {
    ratio = 2 * k / (2 * x + ratio);
    if (k <= n) result *= -ratio;
  }
  return result;
}

}  // namespace damo
