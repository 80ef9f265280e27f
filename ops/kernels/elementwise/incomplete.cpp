#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <damo/ops/kernels/elementwise/incomplete.hpp>
#include <damo/ops/kernels/elementwise/numbers.hpp>
#include <damo/ops/kernels/elementwise/polygamma.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>

namespace damo {
namespace {

constexpr double half_log_two_pi = 0.91893853320467274178;
constexpr double epsilon = std::numeric_limits<double>::epsilon() / 4;
/// From here on logarithms of gamma are Stirling's with few corrections.
constexpr double large = 10;
constexpr int most_terms = 1'000'000;

/// log(1 + x) - x without cancellation.
double log1p_less(double x) {
  if (std::abs(x) > 0.4) return std::log1p(x) - x;
  const double r = x / (2 + x);  // log(1 + x) = 2 atanh(r)
  const double square = r * r;
  double term = 1;
  double sum = 1.0 / 3;
  for (int k = 5; k < 41; k += 2) sum += (term *= square) / k;
  return r * (2 * square * sum - x);
}

/// p (log r - (r - 1)), where d is r - 1, of which rounding left more.
double deviance(double p, double r, double d) {
  return p * (std::abs(d) > 0.4 ? std::log(r) - d : log1p_less(d));
}

/// log Gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2 for x >= 10.
double stirling_rest(double x) {
  return math::horner(1 / (x * x), 1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188,
                      -691.0 / 360360, 1.0 / 156) /
         x;
}

/// log Gamma(1 + x) for 0 <= x <= 1/2 by its series in zeta(k).
double log_gamma_after_one(double x) {
  if (x > 0.5) return math::lgamma(1 + x);
  static const auto zeta = [] {
    std::array<double, 52> z{};
    for (std::size_t k = 2; k < z.size(); ++k) {
      const auto s = static_cast<double>(k);
      double sum = 0;
      constexpr double end = 50;
      for (double n = end; n >= 1; --n) sum += std::pow(n, -s);
      const double last = std::pow(end, -s);
      const double third = s * (s + 1) * (s + 2) / (end * end * end);
      z[k] = sum + last * (end / (s - 1) - 0.5 + s / end / 12 - third / 720 +
                           third * (s + 3) * (s + 4) / (end * end) / 30240);
    }
    return z;
  }();
  double sum = 0;
  for (std::size_t k = zeta.size() - 1; k >= 2; --k)
    sum = -x * (zeta[k] / static_cast<double>(k) + sum);
  return -x * (0.57721566490153286061 + sum);
}

}  // namespace

double gamma_front(double a, double x) {
  if (a < large) return x > 1000 ? 0 : std::pow(x, a) * std::exp(-x) / std::tgamma(a);
  return std::sqrt(a / two_pi) * std::exp(deviance(a, x / a, (x - a) / a) - stirling_rest(a));
}

namespace {

/// The part below by its power series: for x < a + 1.
double below_by_series(double a, double x) {
  double term = 1 / a;
  double sum = term;
  for (int n = 1; n < most_terms && term > sum * epsilon; ++n) sum += term *= x / (a + n);
  return sum * gamma_front(a, x);
}

/// The part above by its continued fraction (Lentz's method): for x > a + 1.
double above_by_fraction(double a, double x) {
  constexpr double tiny = 1e-300;
  double b = x + 1 - a;
  double c = 1 / tiny;
  double d = 1 / b;
  double h = d;
  for (int i = 1; i < most_terms; ++i) {
    const double step = i * (a - i);
    b += 2;
    d = step * d + b;
    d = 1 / (std::abs(d) < tiny ? tiny : d);
    c = b + step / c;
    if (std::abs(c) < tiny) c = tiny;
    const double factor = d * c;
    h *= factor;
    if (std::abs(factor - 1) < 4 * epsilon) break;
  }
  return h * gamma_front(a, x);
}

/// The part above for small a and x: 1 - P without cancellation.
double above_by_series(double a, double x) {
  const double log_front = a * std::log(x) - log_gamma_after_one(a);
  double term = 1;
  double sum = 0;
  for (int n = 1; n < 200; ++n) {
    term *= -x / n;
    sum += term / (a + n);
    if (std::abs(term) < epsilon * std::abs(sum)) break;
  }
  return -std::expm1(log_front) - a * std::exp(log_front) * sum;
}

/// Around a large a: Temme's uniform expansion (DLMF 8.12). The part above is half of
/// erfc(eta sqrt(a / 2)) plus this; the part below is the other half less it.
struct Uniform {
  double argument;
  double rest;
};
Uniform uniform(double a, double x) {
  const double mu = (x - a) / a;
  const double half_square = -log1p_less(mu);
  const double eta = std::copysign(std::sqrt(2 * half_square), mu);
  const double c0 =
      math::horner(eta, -1.0 / 3, 1.0 / 12, -2.0 / 135, 1.0 / 864, 1.0 / 2835, -139.0 / 777600,
                   1.0 / 25515, -571.0 / 261273600, -281.0 / 151559100);
  const double c1 = math::horner(eta, -1.0 / 540, -1.0 / 288, 1.0 / 378, -77.0 / 77760);
  const double c2 = 25.0 / 6048;
  const double front = std::exp(-a * half_square) / std::sqrt(two_pi * a);
  return {eta * std::sqrt(a / 2), front * (c0 + (c1 + c2 / a) / a)};
}
bool is_uniform(double a, double x) { return a > 1e6 && std::abs(x - a) < 0.05 * a; }

/// What the limits of the range say; nothing inside.
bool at_limit(double a, double x, double& below) {
  if (!(a >= 0) || !(x >= 0) || (a == 0 && x == 0) || (a == inf && x == inf)) {
    below = nan_value;
  } else if (x == 0 || a == inf) {
    below = 0;
  } else if (a == 0 || x == inf) {
    below = 1;
  } else {
    return false;
  }
  return true;
}

}  // namespace

double gamma_below(double a, double x) {
  if (double below = 0; at_limit(a, x, below)) return below;
  if (is_uniform(a, x)) {
    const Uniform u = uniform(a, x);
    return 0.5 * std::erfc(-u.argument) - u.rest;
  }
  return x < a + 1 ? below_by_series(a, x) : 1 - gamma_above(a, x);
}

double gamma_above(double a, double x) {
  if (double below = 0; at_limit(a, x, below)) return 1 - below;
  if (is_uniform(a, x)) {
    const Uniform u = uniform(a, x);
    return 0.5 * std::erfc(u.argument) + u.rest;
  }
  const bool small = x <= 0.5 ? a <= -0.4 / std::log(x) : x <= 1.1 && a <= 0.75 * x;
  if (small) return above_by_series(a, x);
  return x < a + 1 ? 1 - below_by_series(a, x) : above_by_fraction(a, x);
}

double gamma_density(double a, double x) {
  if (!(a > 0) || !(x >= 0) || a == inf) return nan_value;
  if (x == 0) return a < 1 ? inf : a > 1 ? 0 : 1;
  if (x == inf) return 0;
  return gamma_front(a, x) / x;
}

double log_beta(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return nan_value;
  const double p = std::min(a, b);
  const double q = std::max(a, b);
  if (!(p > 0)) {
    if (p == 0) return inf;
    return math::lgamma(a) + math::lgamma(b) - math::lgamma(a + b);
  }
  if (q == inf) return -inf;
  if (p >= large) {
    const double rest = stirling_rest(p) + stirling_rest(q) - stirling_rest(p + q);
    return -0.5 * std::log(q) + half_log_two_pi + rest + (p - 0.5) * std::log(p / (p + q)) +
           q * std::log1p(-p / (p + q));
  }
  if (q >= large) {
    const double rest = stirling_rest(q) - stirling_rest(p + q);
    return math::lgamma(p) + rest + p - p * std::log(p + q) + (q - 0.5) * std::log1p(-p / (p + q));
  }
  if (p < 1e-300) return math::lgamma(p);
  return std::log(std::tgamma(p) / std::tgamma(p + q) * std::tgamma(q));
}

double beta_front(double a, double b, double x, double y) {
  if (std::min(a, b) < large)
    return std::exp(a * std::log(x) + b * (x < 0.5 ? std::log1p(-x) : std::log(y)) -
                    log_beta(a, b));
  const double total = a + b;
  const double away = x <= y ? a - total * x : total * y - b;  // of a / (a + b)
  const double rest = stirling_rest(a) + stirling_rest(b) - stirling_rest(total);
  return std::sqrt(a / total * b / two_pi) * std::exp(deviance(a, x / a * total, -away / a) +
                                                      deviance(b, y / b * total, away / b) - rest);
}

namespace {

/// The continued fraction of the part below (Lentz's method): for x at most about a / (a + b).
double beta_fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300;
  const auto kept = [](double v) { return std::abs(v) < tiny ? tiny : v; };
  double c = 1;
  double d = 1 / kept(1 - (a + b) * x / (a + 1));
  double h = d;
  for (int m = 1; m < most_terms; ++m) {
    const double even = m * (b - m) * x / ((a - 1 + 2 * m) * (a + 2 * m));
    d = 1 / kept(1 + even * d);
    c = kept(1 + even / c);
    h *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 1 + 2 * m));
    d = 1 / kept(1 + odd * d);
    c = kept(1 + odd / c);
    h *= d * c;
    if (std::abs(d * c - 1) < 4 * epsilon) break;
  }
  return h;
}

/// The part below for a b next to 0, of which the part above takes almost all: 1 minus the power
/// series of the part above, for 1 - x at most about 1 / (a + 2).
double beta_below_small_b(double a, double b, double y) {
  double term = 1;
  double sum = 0;
  for (int n = 1; n < most_terms; ++n) {
    term *= (n - a) * y / n;
    sum += term / (b + n);
    if (std::abs(term) <= epsilon * std::abs(sum)) break;
  }
  // log(b B(a, b)), by the series of log Gamma(1 + a + b) in b.
  const double step =
      b * (math::digamma(1 + a) +
           b / 2 * (trigamma(1 + a) + b / 3 * (polygamma(2, 1 + a) + b / 4 * polygamma(3, 1 + a))));
  const double log_b_beta = log_gamma_after_one(b) + std::log1p(b / a) - step;
  return -std::expm1(b * std::log(y) - log_b_beta + std::log1p(b * sum));
}

}  // namespace

double beta_below(double a, double b, double x) {
  if (!is_positive_number(a) || !is_positive_number(b) || !(x >= 0) || !(x <= 1)) return nan_value;
  if (x == 0 || x == 1) return x;
  const double y = 1 - x;
  if (b < 1e-3 && x > (a + 1) / (a + b + 2)) return beta_below_small_b(a, b, y);
  const double front = beta_front(a, b, x, y);
  if (x <= (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, y) / b;
}

double beta_density(double a, double b, double x) {
  if (!is_positive_number(a) || !is_positive_number(b) || !(x >= 0) || !(x <= 1)) return nan_value;
  if (x == 0) return a < 1 ? inf : a > 1 ? 0 : b;
  if (x == 1) return b < 1 ? inf : b > 1 ? 0 : a;
  return beta_front(a, b, x, 1 - x) / x / (1 - x);
}

}  // namespace damo
