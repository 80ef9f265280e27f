#pragma once
#include <cstdint>

#include <damo/ops/kernels/philox.hpp>

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

/// Successes in n trials, by inversion outwards from the most likely count.
double sample_binomial(ElementUniforms& u, double n, double p);
/// Events at a mean rate, by inversion outwards from the most likely count.
double sample_poisson(ElementUniforms& u, double rate);
/// Gamma of the given shape and scale 1 (Marsaglia and Tsang 2000).
double sample_gamma(ElementUniforms& u, double shape);
/// Standard normal between two bounds, by inversion in the tail where the bounds lie.
double sample_truncated_normal(ElementUniforms& u, double low, double high);

/// The inverse of the standard normal distribution function: Acklam's approximation and one Halley
/// step.
double normal_quantile(double p);

/// A random order of 0 .. n - 1 (Fisher and Yates), element i moved by uniform number i.
void sample_permutation(const PhiloxKey& key, std::int64_t n, std::int64_t* out);

}  // namespace damo
