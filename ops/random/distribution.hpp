#pragma once
#include <cstdint>

namespace damo {

/// What a node of random numbers draws; each with the parameters that the node takes.
enum class DrawDistribution : std::uint8_t {
  uniform,           ///< [0, 1), no parameters
  normal,            ///< mean 0, variance 1, no parameters
  bernoulli,         ///< one parameter p; uniform < p
  binomial,          ///< two parameters n, p
  poisson,           ///< one parameter, the rate
  gamma,             ///< one parameter, the shape; scale 1
  truncated_normal,  ///< two parameters, the bounds of a standard normal (Philox only)
  permutation,       ///< a random order of 0 .. n - 1 along the one axis, int64
  beta,              ///< two parameters
  randint,           ///< two int64 parameters: [low, high)
  multinomial,       ///< two parameters n, p: counts along the last axis, over p's classes
  categorical,       ///< one parameter with one more axis: weights of the classes; int64
  choice,            ///< row numbers (int64) drawn by a vector of weights
  choice_without_replacement,  ///< the same; in place of weights also the number of rows
  // Of location 0 and scale 1, MT19937 only: from Philox they are arithmetic on a uniform draw.
  gumbel,
  exponential,
  laplace,
  logistic
};

}  // namespace damo
