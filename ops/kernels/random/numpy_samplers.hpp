#pragma once
#include <cstdint>
#include <span>

#include <damo/ops/kernels/random/mt19937.hpp>

// The samplers of NumPy's legacy `RandomState`: the same numbers, bit for bit, and as many words
// taken from the generator. Parameters must be in range.
namespace damo {

namespace detail {
/// `numpy_bernoulli` by the sampler's own arithmetic, from the uniform number u on.
bool exact_bernoulli(Mt19937& g, double p, double u);
}  // namespace detail

/// Whether one trial succeeds: what `binomial(1, p)` gives.
inline bool numpy_bernoulli(Mt19937& g, double p) {
  const bool rare = p <= 0.5;
  const double no = rare ? 1 - p : p;
  const double u = g.uniform();
  // NumPy compares u with exp(log(1 - p)), which is 1 - p up to rounding.
  constexpr double close = 1e-12;
  const double distance = u - no;
  if (distance * distance < close * close || u > 1 - close) [[unlikely]]
    return detail::exact_bernoulli(g, p, u);
  return (distance > 0) == rare;
}
/// Mean 1.
double numpy_exponential(Mt19937& g);
/// Location 0 and scale 1, as are the next two.
double numpy_gumbel(Mt19937& g);
double numpy_laplace(Mt19937& g);
double numpy_logistic(Mt19937& g);
/// Scale 1; 0 for shape 0.
double numpy_gamma(Mt19937& g, double shape);
double numpy_beta(Mt19937& g, double a, double b);
/// Successes in n trials.
std::int64_t numpy_binomial(Mt19937& g, std::int64_t n, double p);
std::int64_t numpy_poisson(Mt19937& g, double rate);
/// How many of n trials fall into each class.
void numpy_multinomial(Mt19937& g, std::int64_t n, std::span<const double> p, double* counts);
/// A random order of 0 .. order.size() - 1.
void numpy_permutation(Mt19937& g, std::span<std::int64_t> order);
/// Numbers of rows drawn with probabilities `p`; `sums` is memory for p.size() numbers.
void numpy_choice(Mt19937& g, std::span<const double> p, std::span<double> sums,
                  std::span<std::int64_t> chosen);
/// The same without replacement: at least chosen.size() of `p` must be positive. `p` is changed.
void numpy_choice_without_replacement(Mt19937& g, std::span<double> p, std::span<double> sums,
                                      std::span<std::int64_t> chosen);

}  // namespace damo
