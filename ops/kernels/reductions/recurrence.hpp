#pragma once
#include <cstddef>

#include <damo/graph/values/tensor.hpp>

namespace damo {

/// Running products along one axis; `out` has the shape of `in`, and int64 for bool.
void cumprod(const Tensor& in, std::size_t axis, const Tensor& out);

/// Along one axis y_i = a_i y_(i-1) + b_i, where y is 0 before the first.
void linear_recurrence(const Tensor& a, const Tensor& b, std::size_t axis, const Tensor& y);

}  // namespace damo
