#pragma once
#include <span>

#include <damo/graph/values/tensor.hpp>

namespace damo {

/// How many elements of a bool tensor hold.
std::int64_t count_true(const Tensor& mask);
/// Where they are, in row-major order: an int64 vector of that size for each axis.
void positions_of_true(const Tensor& mask, std::span<Tensor* const> out);

}  // namespace damo
