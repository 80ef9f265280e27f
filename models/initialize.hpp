#pragma once
#include <optional>

#include <damo/graph/leaves.hpp>
#include <damo/ops/numpy_random_state.hpp>
#include <damo/ops/random.hpp>
#include <damo/ops/sizes.hpp>

namespace damo::models {

/// A shared variable filled with uniform numbers in [-bound, bound).
SharedVar uniform_parameter(const Sizes& size, double bound, std::uint64_t seed, std::string name,
                            DType dtype = floatX());
/// The same, of floatX, from NumPy's generator, as the classic programs do.
SharedVar uniform_parameter(const Shape& size, double bound, NumpyRandomState& numpy_rng,
                            std::string name);
/// The same with normal numbers of mean 0.
SharedVar normal_parameter(const Sizes& size, double stddev, std::uint64_t seed, std::string name,
                           DType dtype = floatX());
SharedVar zero_parameter(const Sizes& size, std::string name, DType dtype = floatX());

/// A model's stream: the one given; or a NumPy-compatible one seeded by `numpy_rng.randint(2**30)`
/// where there is a `numpy_rng`; or one made from `seed`.
RandomStream stream_or(const std::optional<RandomStream>& given, NumpyRandomState* numpy_rng,
                       std::uint64_t seed);

/// All 2^n binary vectors of n units, one a row, counting up with unit 0 as the lowest bit: floatX
/// (2^n, n). Throws ShapeError beyond 20 units.
Var all_binary_states(std::int64_t n);

}  // namespace damo::models
