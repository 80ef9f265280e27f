#pragma once
#include <cstdint>
#include <span>

#include <damo/ops/kernels/random/philox.hpp>

namespace damo {

/// Uniform numbers for one element of a draw, as many as its sampler asks for. The first is the
/// element's own; the k-th after it is that of draw number d + k 2^40 of the same stream.
class ElementUniforms {
 public:
  ElementUniforms(const PhiloxKey& key, std::int64_t element) : key_(key), element_(element) {}
  /// In [0, 1), with 53 bits.
  double next();

 private:
  PhiloxKey key_;
  std::int64_t element_;
};

// Samplers of one number in float64. Parameters out of range give NaN.

/// Successes in n trials: by inversion outwards from the most likely count, by rejection where many
/// are likely.
double sample_binomial(ElementUniforms& u, double n, double p);
/// Events at a mean rate, likewise.
double sample_poisson(ElementUniforms& u, double rate);
/// Gamma of the given shape and scale 1 (Marsaglia and Tsang 2000).
double sample_gamma(ElementUniforms& u, double shape);
/// Beta from two gammas, by their logarithms: small shapes do not end in 0 / 0.
double sample_beta(ElementUniforms& u, double a, double b);
/// Standard normal between two bounds, by inversion in the tail where the bounds lie.
double sample_truncated_normal(ElementUniforms& u, double low, double high);

/// The inverse of the standard normal distribution function: Acklam's approximation and one Halley
/// step.
double normal_quantile(double p);

/// The class at which the running sum of the weights passes `target`.
std::int64_t class_at(std::span<const double> weights, double target);
/// A random order of 0 .. n - 1 (Fisher and Yates), element i moved by uniform number i.
void sample_permutation(const PhiloxKey& key, std::int64_t n, std::int64_t* out);
/// How many of n trials fall into each class, with probabilities in proportion to `weights`: one
/// binomial a class, that of class i from the uniforms of element first + i. False when n or a
/// weight is out of range, or when all weights are zero and n is not.
bool sample_multinomial(const PhiloxKey& key, std::int64_t first, double n,
                        std::span<const double> weights, double* counts);
/// Numbers of rows in the order in which they would be drawn without replacement, with
/// probabilities in proportion to `weights` (Efraimidis and Spirakis 2006): those with the smallest
/// exponential waiting times. `times` is memory for one number a row; weight 0 comes last.
void sample_weighted_order(const PhiloxKey& key, std::span<const double> weights,
                           std::span<double> times, std::span<std::int64_t> order);

}  // namespace damo
