#pragma once
#include <damo/graph/leaves.hpp>
#include <damo/ops/sizes.hpp>

namespace damo::models {

/// A shared variable filled with uniform numbers in [-bound, bound).
SharedVar uniform_parameter(const Sizes& size, double bound, std::uint64_t seed, std::string name,
                            DType dtype = floatX());
/// The same with normal numbers of mean 0.
SharedVar normal_parameter(const Sizes& size, double stddev, std::uint64_t seed, std::string name,
                           DType dtype = floatX());
SharedVar zero_parameter(const Sizes& size, std::string name, DType dtype = floatX());

/// All 2^n binary vectors of n units, one a row, counting up with unit 0 as the lowest bit: floatX
/// (2^n, n). Throws ShapeError beyond 20 units.
Var all_binary_states(std::int64_t n);

}  // namespace damo::models
