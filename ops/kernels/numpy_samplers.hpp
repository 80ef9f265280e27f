#pragma once
#include <cstdint>
#include <span>

#include <damo/ops/kernels/mt19937.hpp>

// The samplers of NumPy's legacy `RandomState`: the same numbers, bit for bit, and as many words
// taken from the generator. Parameters must be in range.
namespace damo {

/// 1 with probability p, else 0: what `binomial(1, p)` gives.
double numpy_bernoulli(Mt19937& g, double p);
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
