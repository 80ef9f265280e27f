#include <algorithm>
#include <cmath>
#include <numeric>

#include <damo/ops/kernels/random/numpy_samplers.hpp>
#include <damo/ops/kernels/random/rejection.hpp>

namespace damo {
namespace {

/// Successes by adding up probabilities from 0 until they pass the uniform number u; p <= 1/2.
std::int64_t binomial_by_inversion(Mt19937& g, std::int64_t n, double p, double u) {
  const double q = 1 - p;
  const auto trials = static_cast<double>(n);
  const double none = std::exp(trials * std::log(q));
  const double mean = trials * p;
  const auto bound =
      static_cast<std::int64_t>(std::min(trials, mean + 10 * std::sqrt(mean * q + 1)));
  std::int64_t successes = 0;
  double probability = none;
  while (u > probability) {
    ++successes;
    if (successes > bound) {  // only rounding leads here: once more
      successes = 0;
      probability = none;
      u = g.uniform();
      continue;
    }
    u -= probability;
    probability = (static_cast<double>(n - successes + 1) * p * probability) /
                  (static_cast<double>(successes) * q);
  }
  return successes;
}

std::int64_t rare_binomial(Mt19937& g, std::int64_t n, double p) {
  if (p * static_cast<double>(n) <= 30) return binomial_by_inversion(g, n, p, g.uniform());
  const auto next = [&g] { return g.uniform(); };
  return static_cast<std::int64_t>(BinomialByRejection(static_cast<double>(n), p)(next));
}

/// A uniform number that is not 0.
double open_uniform(Mt19937& g) {
  double u = g.uniform();
  while (u == 0) u = g.uniform();
  return u;
}

/// Gamma with a shape below 1 (Ahrens and Dieter 1974, GS).
double small_gamma(Mt19937& g, double shape) {
  for (;;) {
    const double u = g.uniform();
    const double v = numpy_exponential(g);
    const bool low = u <= 1 - shape;
    const double y = low ? 0 : -std::log((1 - u) / shape);
    const double x = std::pow(low ? u : 1 - shape + shape * y, 1 / shape);
    if (x <= v + y) return x;
  }
}

/// Gamma with a shape above 1 (Marsaglia and Tsang 2000).
double large_gamma_of_numpy(Mt19937& g, double shape) {
  const double d = shape - 1.0 / 3.0;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = g.normal();
    double v = 1 + c * x;
    if (v <= 0) continue;
    v = v * v * v;
    const double u = g.uniform();
    if (u < 1 - 0.0331 * (x * x) * (x * x) || std::log(u) < 0.5 * x * x + d * (1 - v + std::log(v)))
      return d * v;
  }
}

/// Beta with a and b of at most 1: two powers of uniform numbers that add up to at most 1 (Johnk
/// 1964).
double small_beta(Mt19937& g, double a, double b) {
  for (;;) {
    const double u = g.uniform();
    const double v = g.uniform();
    const double x = std::pow(u, 1 / a);
    const double y = std::pow(v, 1 / b);
    if (x + y > 1 || u + v == 0) continue;
    if (x + y > 0) return x / (x + y);
    const double log_x = std::log(u) / a;
    const double log_y = std::log(v) / b;
    const double most = std::max(log_x, log_y);
    return std::exp(log_x - most - std::log(std::exp(log_x - most) + std::exp(log_y - most)));
  }
}

void distribution_function(std::span<const double> p, std::span<double> sums) {
  std::partial_sum(p.begin(), p.end(), sums.begin());
  const double total = sums.back();
  for (double& s : sums) s /= total;
}

std::int64_t row_at(std::span<const double> sums, double u) {
  return std::upper_bound(sums.begin(), sums.end(), u) - sums.begin();
}

}  // namespace

bool detail::exact_bernoulli(Mt19937& g, double p, double u) {
  const bool rare = p <= 0.5;
  return (binomial_by_inversion(g, 1, rare ? p : 1 - p, u) == 1) == rare;
}

double numpy_exponential(Mt19937& g) { return -std::log(1 - g.uniform()); }

double numpy_gumbel(Mt19937& g) { return -std::log(-std::log(1 - open_uniform(g))); }

double numpy_laplace(Mt19937& g) {
  const double u = open_uniform(g);
  return u >= 0.5 ? -std::log(2 - u - u) : std::log(u + u);
}

double numpy_logistic(Mt19937& g) {
  const double u = open_uniform(g);
  return std::log(u / (1 - u));
}

double numpy_gamma(Mt19937& g, double shape) {
  if (shape == 0) return 0;
  if (shape == 1) return numpy_exponential(g);
  return shape < 1 ? small_gamma(g, shape) : large_gamma_of_numpy(g, shape);
}

double numpy_beta(Mt19937& g, double a, double b) {
  if (a <= 1 && b <= 1) return small_beta(g, a, b);
  const double x = numpy_gamma(g, a);
  const double y = numpy_gamma(g, b);
  return x / (x + y);
}

std::int64_t numpy_binomial(Mt19937& g, std::int64_t n, double p) {
  return p <= 0.5 ? rare_binomial(g, n, p) : n - rare_binomial(g, n, 1 - p);
}

std::int64_t numpy_poisson(Mt19937& g, double rate) {
  const auto next = [&g] { return g.uniform(); };
  if (rate >= 10) return static_cast<std::int64_t>(poisson_by_rejection(next, rate));
  if (rate == 0) return 0;
  const double least = std::exp(-rate);
  std::int64_t events = 0;
  for (double product = next(); product > least; product *= next()) ++events;
  return events;
}

void numpy_multinomial(Mt19937& g, std::int64_t n, std::span<const double> p, double* counts) {
  std::fill_n(counts, p.size(), 0);
  double rest = 1;
  for (std::size_t i = 0; i + 1 < p.size(); ++i) {
    const std::int64_t count = numpy_binomial(g, n, p[i] / rest);
    counts[i] = static_cast<double>(count);
    n -= count;
    if (n <= 0) return;
    rest -= p[i];
  }
  if (!p.empty()) counts[p.size() - 1] = static_cast<double>(n);
}

void numpy_permutation(Mt19937& g, std::span<std::int64_t> order) {
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i-- > 1;) std::swap(order[i], order[g.integer(i)]);
}

void numpy_choice(Mt19937& g, std::span<const double> p, std::span<double> sums,
                  std::span<std::int64_t> chosen) {
  distribution_function(p, sums);
  for (std::int64_t& row : chosen) row = row_at(sums, g.uniform());
}

void numpy_choice_without_replacement(Mt19937& g, std::span<double> p, std::span<double> sums,
                                      std::span<std::int64_t> chosen) {
  // Each round draws as many rows as are missing; a repeated one counts once, and the next round
  // does not see the rows found.
  for (std::size_t found = 0; found < chosen.size();) {
    distribution_function(p, sums);
    for (std::size_t missing = chosen.size() - found; missing > 0; --missing) {
      const std::int64_t row = row_at(sums, g.uniform());
      double& probability = p[static_cast<std::size_t>(row)];
      if (probability > 0) chosen[found++] = row;
      probability = 0;
    }
  }
}

}  // namespace damo
