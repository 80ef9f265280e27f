#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include <damo/ops/kernels/elementwise/implicit.hpp>
#include <damo/ops/kernels/elementwise/incomplete.hpp>
#include <damo/ops/kernels/elementwise/numbers.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>

namespace damo {
namespace {

constexpr std::size_t nodes = 40;

struct Rule {
  std::array<double, nodes> at{}, weight{};
};

/// Gauss-Legendre nodes in (-1, 1), zeros of P_n found by Newton's method.
Rule gauss_legendre() {
  Rule rule;
  for (std::size_t i = 0; i < nodes; ++i) {
    double x = std::cos(3.14159265358979323846 * (static_cast<double>(i) + 0.75) / (nodes + 0.5));
    double slope = 0;
    for (int step = 0; step < 8; ++step) {
      double before = 1, value = x;
      for (std::size_t k = 2; k <= nodes; ++k) {
        const auto n = static_cast<double>(k);
        before = std::exchange(value, ((2 * n - 1) * x * value - (n - 1) * before) / n);
      }
      slope = nodes * (x * value - before) / (x * x - 1);
      x -= value / slope;
    }
    rule.at[i] = x;
    rule.weight[i] = 2 / ((1 - x * x) * slope * slope);
  }
  return rule;
}

/// Of a density p over the real line and a parameter of it, seen from a point w0: log p(w) / p(w0),
/// which is concave, and d log p(w) / d parameter, which only rises or only falls.
struct Sight {
  double log_ratio, score;
};

/// `at(w - w0)` is the sight of w. The density turns around `center`, within about `width`.
template <class At>
class Seen {
 public:
  Seen(double from, double center, double width, bool rising, At at)
      : from_(from), center_(center), width_(width), rising_(rising), at_(std::move(at)) {}

  /// The integral of score * p / p(w0) over what is right of w0, or minus that over what is left,
  /// which is the same: of the two, the one in which the score has one sign and nothing cancels.
  double integral() const {
    const double side = (at_(0).score < 0) == rising_ ? -1 : 1;
    const double start = std::asinh((from_ - center_) / width_);
    const double end = far_end(start, side);
    if (std::abs(end - start) < long_way) return part(start, end);
    const double middle = (start + end) / 2;
    return part(start, middle) + part(middle, end);
  }

 private:
  /// Where densities are so wide, one rule would keep 8 digits.
  static constexpr double long_way = 12;

  double part(double start, double end) const {
    static const Rule rule = gauss_legendre();
    const double half = (end - start) / 2;
    double sum = 0;
    for (std::size_t i = 0; i < nodes; ++i) {
      const double grown = std::exp(start + half * (1 + rule.at[i]));
      const Sight seen = at_(center_ - from_ + width_ * (grown - 1 / grown) / 2);
      sum += rule.weight[i] * (grown + 1 / grown) * seen.score * std::exp(seen.log_ratio);
    }
    return sum * half * width_ / 2;
  }

  /// Points are dense around the center: w = center + width sinh(v).
  double log_ratio(double v) const {
    return at_(center_ - from_ + width_ * std::sinh(v)).log_ratio;
  }

  /// A v on this side of w0 where p has become negligible, but has not long been so.
  double far_end(double start, double side) const {
    constexpr double negligible = -39;
    const bool past = side * start > 0;  // then p falls from w0 on
    const double most = past ? 0 : std::max(0.0, log_ratio(0));
    double near = past ? start : 0;
    double end = near;
    for (double step = 0.5; log_ratio(end) > most + negligible; step *= 1.5)
      end = std::exchange(near, end) + side * step;
    for (int i = 0; i < 60 && !(log_ratio(end) > most + 1.2 * negligible); ++i) {
      const double middle = (near + end) / 2;
      (log_ratio(middle) > most + negligible ? near : end) = middle;
    }
    return end;
  }

  double from_, center_, width_;
  bool rising_;
  At at_;
};

/// log(q + p e^-d) for d >= 0 and q = 1 - p, of which either may be too small to be seen beside 1.
double log_mixture(double p, double q, double d) {
  const double x = p * std::expm1(-d);
  return x > -0.5 ? std::log1p(x) : std::log(q + p * std::exp(-d));
}

/// Of t = z at w0 where w = log(t / (1 - t)): how log t and log(1 - t) change.
struct LogOdds {
  double z;
  std::pair<double, double> operator()(double d) const {
    if (d > 0) {
      const double log_t = -log_mixture(1 - z, z, d);
      return {log_t, log_t - d};
    }
    const double log_rest = -log_mixture(z, 1 - z, -d);
    return {log_rest + d, log_rest};
  }
};

bool in_range(double a, double b, double z) {
  return is_positive_number(a) && is_positive_number(b) && z >= 0 && z <= 1;
}

/// The derivative in a, or in b, of the log odds of a beta draw inside of the range.
double drift_of_beta(double a, double b, double z, bool in_a) {
  const double log_z = std::log(z), log_rest = std::log1p(-z);
  const double at_z = in_a ? log_z : log_rest;
  const double offset = at_z - math::digamma(in_a ? a : b) + math::digamma(a + b);
  const LogOdds change{z};
  const auto at = [=](double d) -> Sight {
    const auto [t, rest] = change(d);
    return {a * t + b * rest, (in_a ? t : rest) + offset};
  };
  const double width = std::min(1.0, std::sqrt(1 / a + 1 / b));
  const double center = std::log(std::max(a, 1.0) / std::max(b, 1.0));
  return Seen(log_z - log_rest, center, width, in_a, at).integral();
}
double implicit_beta(double a, double b, double z, bool in_a) {
  if (!in_range(a, b, z)) return nan_value;
  return z == 0 || z == 1 ? 0 : z * (1 - z) * drift_of_beta(a, b, z, in_a);
}
double beta_below_in(double a, double b, double x, bool in_a) {
  if (!in_range(a, b, x)) return nan_value;
  return x == 0 || x == 1 ? 0 : -beta_front(a, b, x, 1 - x) * drift_of_beta(a, b, x, in_a);
}

/// The derivative in the shape of the logarithm of a gamma draw inside of the range.
double drift_of_gamma(double shape, double z) {
  const double log_z = std::log(z);
  const double offset = log_z - math::digamma(shape);
  // The density of w = log t.
  const auto at = [=](double d) -> Sight { return {shape * d - z * std::expm1(d), d + offset}; };
  const double width = std::min(1.0, 1 / std::sqrt(shape));
  return Seen(log_z, std::log(std::max(shape, 1.0)), width, true, at).integral();
}

}  // namespace

double implicit_gamma(double shape, double z) {
  if (!is_positive_number(shape) || !(z >= 0)) return shape == 0 && z == 0 ? 0 : nan_value;
  return is_positive_number(z) ? z * drift_of_gamma(shape, z) : 0;
}
double gamma_below_in_shape(double shape, double x) {
  if (!is_positive_number(shape) || !(x >= 0)) return nan_value;
  return is_positive_number(x) ? -gamma_front(shape, x) * drift_of_gamma(shape, x) : 0;
}

double implicit_beta_a(double a, double b, double z) { return implicit_beta(a, b, z, true); }
double implicit_beta_b(double a, double b, double z) { return implicit_beta(a, b, z, false); }
double beta_below_in_a(double a, double b, double x) { return beta_below_in(a, b, x, true); }
double beta_below_in_b(double a, double b, double x) { return beta_below_in(a, b, x, false); }

}  // namespace damo
