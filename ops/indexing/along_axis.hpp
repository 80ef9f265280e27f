#pragma once
#include <damo/graph/var.hpp>

namespace damo {

/// The elements of `x` at positions along one axis, each row by its own: `index` is an int64 tensor
/// of x's rank, which has x's sizes along the other axes or is known to be 1 there; what `argsort`
/// and `argmax` with keepdims return. Negative positions count from the end; ShapeError for one
/// that is not there.
Var take_along_axis(const Arg& x, const Arg& index, int axis);

}  // namespace damo
