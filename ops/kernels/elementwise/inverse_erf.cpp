#include <cmath>
#include <limits>

#include <damo/ops/kernels/elementwise/inverse_erf.hpp>

namespace damo {
namespace {

constexpr double half_root_pi = 0.88622692545275801365;

/// A start within some percent (Winitzki): of erf(x) = y, given log(1 - y^2).
double start(double log_rest) {
  constexpr double a = 0.147;
  const double b = 2 / (3.14159265358979323846 * a) + log_rest / 2;
  return std::sqrt(std::sqrt(b * b - log_rest / a) - b);
}

/// The x > 0 whose erfc is a q of at most 1/2. Newton's method on log(erfc), which is nearly a
/// parabola, with Halley's correction.
double from_tail(double q) {
  double x = start(std::log(q * (2 - q)));
  const double log_q = std::log(q);
  for (int i = 0; i < 4; ++i) {
    // Where erfc is subnormal or 0 the expansion of it holds.
    double log_value = 0;
    double ratio = 0;  // erfc(x) / its slope
    if (x < 25) {
      const double value = std::erfc(x);
      log_value = std::log(value);
      ratio = -value * half_root_pi * std::exp(x * x);
    } else {
      const double z = 1 / (2 * x * x);
      const double series = 1 - z * (1 - 3 * z * (1 - 5 * z * (1 - 7 * z)));
      log_value = std::log(series / (x * 2 * half_root_pi)) - x * x;
      ratio = -series / (2 * x);
    }
    x -= (log_value - log_q) * ratio;
  }
  return x;
}

/// The x >= 0 whose erf is a y of at most 1/2.
double from_center(double y) {
  double x = y * half_root_pi;
  for (int i = 0; i < 5; ++i) {
    const double step = (std::erf(x) - y) * half_root_pi * std::exp(x * x);
    x -= step / (1 + x * step);
  }
  return x;
}

}  // namespace

double inverse_erf(double y) {
  const double a = std::abs(y);
  if (!(a <= 1)) return std::numeric_limits<double>::quiet_NaN();
  if (a == 1) return std::copysign(std::numeric_limits<double>::infinity(), y);
  if (a < 1e-150) return y * half_root_pi;
  return std::copysign(a <= 0.5 ? from_center(a) : from_tail(1 - a), y);
}

double inverse_erfc(double y) {
  if (!(y >= 0) || !(y <= 2)) return std::numeric_limits<double>::quiet_NaN();
  if (y == 0) return std::numeric_limits<double>::infinity();
  if (y > 0.5) return -inverse_erf(y - 1);
  return from_tail(y);
}

}  // namespace damo
