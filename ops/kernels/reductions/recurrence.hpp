#pragma once
#include <cstddef>

#include <damo/graph/values/tensor.hpp>

namespace damo {

/// Running products along one axis; `out` has the shape of `in`, and int64 for bool.
void cumprod(const Tensor& in, std::size_t axis, const Tensor& out);

/// Along one axis of floats the largest up to each, and the logarithm of cumsum(exp(in - largest)):
/// 0 where that is infinite. Sums are taken in double. Both results lie alike.
void running_log_sum(const Tensor& in, std::size_t axis, const Tensor& largest, const Tensor& log);

/// Along one axis y_i = a_i y_(i-1) + b_i, where y is 0 before the first.
void linear_recurrence(const Tensor& a, const Tensor& b, std::size_t axis, const Tensor& y);

}  // namespace damo
