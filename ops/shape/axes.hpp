#pragma once
#include <vector>

#include <damo/graph/values/axes.hpp>
#include <damo/graph/var.hpp>

// Axes dropped, exchanged and moved: looks at the same memory. Negative axes count from the end;
// ShapeError for one that is not there.
namespace damo {

/// Drops these axes, whose size must be 1: ShapeError otherwise, when the function runs at the
/// latest.
Var squeeze(const Arg& x, const Axes& axes);
/// Exchanges two axes.
Var swapaxes(const Arg& x, int first, int second);
/// Moves axes to other positions; the others keep their order.
Var moveaxis(const Arg& x, const std::vector<int>& from, const std::vector<int>& to);
Var moveaxis(const Arg& x, int from, int to);

}  // namespace damo
