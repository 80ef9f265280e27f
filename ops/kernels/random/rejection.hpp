#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

// Counts with a large mean, by acceptance and rejection of uniform numbers. `next()` gives the next
// one, in [0, 1). The order of the arithmetic is that of NumPy, for the same bits.
namespace damo {

/// log Gamma(x) by Stirling's series, shifted upwards below 7.
inline double stirling_log_gamma(double x) {
  constexpr double series[] = {
      8.333333333333333e-02, -2.777777777777778e-03, 7.936507936507937e-04, -5.952380952380952e-04,
      8.417508417508418e-04, -1.917526917526918e-03, 6.410256410256410e-03, -2.955065359477124e-02,
      1.796443723688307e-01, -1.39243221690590e+00};
  if (x == 1 || x == 2) return 0;
  const auto shift = x < 7 ? static_cast<std::int64_t>(7 - x) : 0;
  double y = x + static_cast<double>(shift);
  const double inverse_square = (1 / y) * (1 / y);
  double sum = series[9];
  for (int k = 8; k >= 0; --k) sum = sum * inverse_square + series[k];
  constexpr double log_2_pi = 1.8378770664093453;
  double value = sum / y + 0.5 * log_2_pi + (y - 0.5) * std::log(y) - y;
  for (std::int64_t k = 0; k < shift; ++k) {
    value -= std::log(y - 1);
    y -= 1;
  }
  return value;
}

/// Poisson with a rate of at least 10: transformed rejection (Hoermann 1993, PTRS).
template <class Next>
double poisson_by_rejection(Next&& next, double rate) {
  const double b = 0.931 + 2.53 * std::sqrt(rate);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double inner = 0.9277 - 3.6224 / (b - 2);
  const double log_rate = std::log(rate);
  for (;;) {
    const double u = next() - 0.5;
    const double v = next();
    const double edge = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / edge + b) * u + rate + 0.43);
    if (edge >= 0.07 && v <= inner) return k;
    if (k < 0 || (edge < 0.013 && v > edge)) continue;
    const double hat = std::log(v) + std::log(inverse_alpha) - std::log(a / (edge * edge) + b);
    if (hat <= -rate + k * log_rate - stirling_log_gamma(k + 1)) return k;
  }
}

/// Binomial with p of at most 1/2 and n p above 30: Kachitvichyanukul and Schmeiser, "Binomial
/// random variate generation", 1988 (BTPE): a triangle, two parallelograms and exponential tails
/// over the distribution.
class BinomialByRejection {
 public:
  BinomialByRejection(double n, double p) : n_(n), r_(p), q_(1 - p), nrq_(n * p * q_) {
    const double fm = n * r_ + r_;
    m_ = std::floor(fm);
    p1_ = std::floor(2.195 * std::sqrt(nrq_) - 4.6 * q_) + 0.5;
    xm_ = m_ + 0.5;
    left_ = xm_ - p1_;
    right_ = xm_ + p1_;
    c_ = 0.134 + 20.5 / (15.3 + m_);
    double a = (fm - left_) / (fm - left_ * r_);
    rate_left_ = a * (1 + a / 2);
    a = (right_ - fm) / (right_ * q_);
    rate_right_ = a * (1 + a / 2);
    p2_ = p1_ * (1 + 2 * c_);
    p3_ = p2_ + c_ / rate_left_;
    p4_ = p3_ + c_ / rate_right_;
  }

  template <class Next>
  double operator()(Next&& next) const {
    for (;;) {
      const double u = next() * p4_;
      double v = next();
      if (u <= p1_) return std::floor(xm_ - p1_ * v + u);
      double y = 0;
      if (u <= p2_) {
        const double x = left_ + (u - p1_) / c_;
        v = v * c_ + 1 - std::abs(m_ - x + 0.5) / p1_;
        if (v > 1) continue;
        y = std::floor(x);
      } else if (u <= p3_) {
        y = std::floor(left_ + std::log(v) / rate_left_);
        if (y < 0 || v == 0) continue;
        v = v * (u - p2_) * rate_left_;
      } else {
        y = std::floor(right_ - std::log(v) / rate_right_);
        if (y > n_ || v == 0) continue;
        v = v * (u - p3_) * rate_right_;
      }
      if (accepted(y, v)) return y;
    }
  }

 private:
  bool accepted(double y, double v) const {
    const double k = std::abs(y - m_);
    if (k <= 20 || k >= nrq_ / 2 - 1) return v <= ratio(y);
    const double rho = (k / nrq_) * ((k * (k / 3 + 0.625) + 0.16666666666666666) / nrq_ + 0.5);
    const double t = -k * k / (2 * nrq_);
    const double log_v = std::log(v);
    if (log_v < t - rho) return true;
    return log_v <= t + rho && log_v <= log_ratio(y);
  }
  /// The probability of y over that of the mode, factor by factor.
  double ratio(double y) const {
    const double s = r_ / q_;
    const double a = s * (n_ + 1);
    double f = 1;
    for (double i = m_ + 1; i <= y; ++i) f *= a / i - s;
    for (double i = y + 1; i <= m_; ++i) f /= a / i - s;
    return f;
  }
  /// Its logarithm by Stirling's series.
  double log_ratio(double y) const {
    const double x = y + 1;
    const double f = m_ + 1;
    const double z = n_ + 1 - m_;
    const double w = n_ - y + 1;
    return xm_ * std::log(f / x) + (n_ - m_ + 0.5) * std::log(z / w) +
           (y - m_) * std::log(w * r_ / (x * q_)) + correction(f) + correction(z) + correction(x) +
           correction(w);
  }
  static double correction(double x) {
    const double s = x * x;
    return (13680. - (462. - (132. - (99. - 140. / s) / s) / s) / s) / x / 166320.;
  }

  double n_, r_, q_, nrq_;
  double m_ = 0, p1_ = 0, xm_ = 0, left_ = 0, right_ = 0, c_ = 0;
  double rate_left_ = 0, rate_right_ = 0, p2_ = 0, p3_ = 0, p4_ = 0;
};

}  // namespace damo
