#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <damo/ops/kernels/elementwise/scaled_erfc.hpp>
#include <damo/ops/kernels/random/rejection.hpp>
#include <damo/ops/kernels/random/samplers.hpp>

namespace damo {
namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
/// Means above it are left to rejection: inversion takes time in proportion to the deviation.
constexpr double large_mean = 1000;

/// The count at which the running sum of probabilities, taken outwards from `mode`, passes u.
/// `down(k)` and `up(k)` are the ratios p(k-1)/p(k) and p(k+1)/p(k).
template <class Down, class Up>
double invert_from_mode(double u, double mode, double p_mode, double most, Down&& down, Up&& up) {
  double low = mode;
  double high = mode;
  double p_low = p_mode;
  double p_high = p_mode;
  double sum = p_mode;
  if (u < sum) return mode;
  while (low > 0 || high < most) {
    const double before = sum;
    if (low > 0) {
      p_low *= down(low);
      low -= 1;
      sum += p_low;
      if (u < sum) return low;
    }
    if (high < most) {
      p_high *= up(high);
      high += 1;
      sum += p_high;
      if (u < sum) return high;
    }
    if (sum == before) break;  // what is left is below rounding
  }
  return mode;
}

double standard_normal(ElementUniforms& u) {
  const double a = 1 - u.next();
  return std::sqrt(-2 * std::log(a)) * std::cos(6.283185307179586 * u.next());
}

/// Gamma of a shape of at least 1 (Marsaglia and Tsang 2000).
double large_gamma(ElementUniforms& u, double shape) {
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = standard_normal(u);
    const double v = std::pow(1 + c * x, 3);
    if (v <= 0) continue;
    if (std::log(1 - u.next()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

/// The logarithm of a gamma draw: gamma(a) = gamma(a + 1) U^(1/a), which may be too small itself.
double log_gamma_draw(ElementUniforms& u, double shape) {
  if (shape >= 1) return std::log(large_gamma(u, shape));
  const double larger = std::log(large_gamma(u, shape + 1));
  return larger + std::log(1 - u.next()) / shape;
}

constexpr double root_half = 0.7071067811865476;
double normal_cdf(double x) { return 0.5 * std::erfc(-x * root_half); }

/// The probability of a standard normal above x over its density there, but for a factor.
double mills(double x) { return scaled_erfc(x * root_half); }

/// The d for which the part `above` of the probability above `low` lies above low + d, where it is
/// too small for a number: its logarithm is concave, and Newton's steps come to it from one side.
double far_step(double low, double above) {
  const double e = -std::log(above);
  double d = 2 * e / (low + std::sqrt(low * low + 2 * e));
  for (int i = 0; i < 20; ++i) {
    const double m = mills(low + d);
    const double off = d * (low + d / 2) + std::log(mills(low) / m) - e;
    // The slope is the density over the probability.
    const double step = off * m * 1.2533141373155003;
    d = std::max(d - step, 0.0);
    if (std::abs(step) < 1e-16 * low) break;
  }
  return d;
}

/// Between bounds above which there is no probability that is a number.
double far_normal(double u, double low, double high) {
  const double beyond =
      std::isinf(high) ? 0 : std::exp((low - high) / 2 * (low + high)) * (mills(high) / mills(low));
  // The part above is u of what is between, and what is beyond.
  return std::clamp(low + far_step(low, u + (1 - u) * beyond), low, high);
}

}  // namespace

double ElementUniforms::next() {
  double value = 0;
  uniform(key_, element_, 1, &value);
  key_.draw += std::uint64_t{1} << 40U;
  return value;
}

double sample_binomial(ElementUniforms& u, double n, double p) {
  if (!(n >= 0) || std::isinf(n) || !(p >= 0) || !(p <= 1)) return nan_value;
  if (p == 0) return 0;
  if (p == 1) return n;
  if (n * std::min(p, 1 - p) > large_mean) {
    const double rare = BinomialByRejection(n, std::min(p, 1 - p))([&u] { return u.next(); });
    return p <= 0.5 ? rare : n - rare;
  }
  const double odds = p / (1 - p);
  const double mode = std::min(std::floor((n + 1) * p), n);
  const double p_mode =
      std::exp(std::lgamma(n + 1) - std::lgamma(mode + 1) - std::lgamma(n - mode + 1) +
               mode * std::log(p) + (n - mode) * std::log1p(-p));
  return invert_from_mode(
      u.next(), mode, p_mode, n, [&](double k) { return k / ((n - k + 1) * odds); },
      [&](double k) { return (n - k) / (k + 1) * odds; });
}

double sample_poisson(ElementUniforms& u, double rate) {
  if (!(rate >= 0) || rate > 9.2e18) return nan_value;  // int64 holds the counts
  if (rate > large_mean) return poisson_by_rejection([&u] { return u.next(); }, rate);
  const double mode = std::floor(rate);
  const double p_mode =
      rate == 0 ? 1 : std::exp(mode * std::log(rate) - rate - std::lgamma(mode + 1));
  return invert_from_mode(
      u.next(), mode, p_mode, std::numeric_limits<double>::infinity(),
      [&](double k) { return k / rate; }, [&](double k) { return rate / (k + 1); });
}

double sample_gamma(ElementUniforms& u, double shape) {
  if (!(shape > 0) || std::isinf(shape)) return nan_value;
  return shape < 1 ? std::exp(log_gamma_draw(u, shape)) : large_gamma(u, shape);
}

double sample_beta(ElementUniforms& u, double a, double b) {
  if (!(a > 0) || !(b > 0)) return nan_value;
  const double x = log_gamma_draw(u, a);
  const double y = log_gamma_draw(u, b);
  return 1 / (1 + std::exp(y - x));
}

double sample_truncated_normal(ElementUniforms& u, double low, double high) {
  if (!(low < high)) return nan_value;
  // In the upper tail the distribution function is 1 to rounding: work with its mirror image.
  if (low > 0) return -sample_truncated_normal(u, -high, -low);
  const double a = normal_cdf(low);
  const double b = normal_cdf(high);
  const double part = std::max(u.next(), 0x1p-54);  // nothing is at an infinite bound
  if (b < 1e-300) return -far_normal(part, -high, -low);
  return std::clamp(normal_quantile(a + part * (b - a)), low, high);
}

double normal_quantile(double p) {
  if (!(p > 0)) return p == 0 ? -std::numeric_limits<double>::infinity() : nan_value;
  if (p >= 1) return p == 1 ? std::numeric_limits<double>::infinity() : nan_value;
  if (p > 0.5) return -normal_quantile(1 - p);
  constexpr double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                          1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                          6.680131188771972e+01, -1.328068155288572e+01};
  constexpr double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                          -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                          3.754408661907416e+00};
  double x = 0;
  if (p < 0.02425) {
    const double q = std::sqrt(-2 * std::log(p));
    x = (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
        ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
  } else {
    const double q = p - 0.5;
    const double r = q * q;
    x = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
        (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
  }
  const double e = normal_cdf(x) - p;
  const double step = e * 2.5066282746310002 * std::exp(x * x / 2);
  return std::isfinite(step) ? x - step / (1 + x * step / 2) : x;
}

std::int64_t class_at(std::span<const double> weights, double target) {
  double sum = 0;
  std::size_t last = 0;  // rounding may leave the whole sum just below the target
  for (std::size_t i = 0; i < weights.size(); ++i) {
    sum += weights[i];
    if (weights[i] > 0) last = i;
    if (target < sum) return static_cast<std::int64_t>(i);
  }
  return static_cast<std::int64_t>(last);
}

void sample_permutation(const PhiloxKey& key, std::int64_t n, std::int64_t* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = i;
  for (std::int64_t i = n - 1; i > 0; --i) {
    double u = 0;
    uniform(key, i, 1, &u);
    std::swap(out[i], out[static_cast<std::int64_t>(u * static_cast<double>(i + 1))]);
  }
}

bool sample_multinomial(const PhiloxKey& key, std::int64_t first, double n,
                        std::span<const double> weights, double* counts) {
  double rest = 0;
  for (const double w : weights) {
    if (!(w >= 0)) return false;
    rest += w;
  }
  if (!(n >= 0) || std::isinf(n) || std::isinf(rest) || (n > 0 && rest == 0)) return false;
  std::fill_n(counts, weights.size(), 0);
  std::size_t last = weights.size();
  while (last > 0 && weights[last - 1] == 0) --last;
  for (std::size_t i = 0; i < last && n > 0; ++i) {
    ElementUniforms u(key, first + static_cast<std::int64_t>(i));
    const double p = i + 1 == last ? 1 : std::min(weights[i] / rest, 1.0);
    counts[i] = sample_binomial(u, n, p);
    n -= counts[i];
    rest = std::max(rest - weights[i], 0.0);
    if (rest == 0 && i + 1 < last) rest = weights[i + 1];
  }
  return true;
}

void sample_weighted_order(const PhiloxKey& key, std::span<const double> weights,
                           std::span<double> times, std::span<std::int64_t> order) {
  uniform(key, 0, static_cast<std::int64_t>(times.size()), times.data());
  for (std::size_t i = 0; i < times.size(); ++i) {
    times[i] = weights[i] > 0 ? -std::log1p(-times[i]) / weights[i]
                              : std::numeric_limits<double>::infinity();
  }
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    const double x = times[static_cast<std::size_t>(a)];
    const double y = times[static_cast<std::size_t>(b)];
    return x < y || (x == y && a < b);
  });
}

}  // namespace damo
