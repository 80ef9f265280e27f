#pragma once
#include <damo/graph/var.hpp>

namespace damo {

/// Running products along one axis; bool and int64 give int64. Its gradient is exact where elements
/// are 0.
Var cumprod(const Arg& x, int axis = 0);

/// Along one axis y_i = a_i y_(i-1) + b_i, where y is 0 before the first: floats of one dtype and
/// shape.
Var linear_recurrence(const Var& a, const Var& b, std::size_t axis);

}  // namespace damo
