#include <algorithm>
#include <cmath>
#include <numeric>

#include <damo/ops/kernels/numpy_samplers.hpp>
#include <damo/ops/kernels/rejection.hpp>

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
