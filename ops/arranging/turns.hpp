#pragma once
#include <array>

#include <damo/graph/values/axes.hpp>
#include <damo/graph/var.hpp>

// Elements in another order along axes, as NumPy. Negative axes count from the end; ShapeError for
// one that is not there.
namespace damo {

/// The elements moved on by `shift` (a number or an int64 scalar) along an axis, those that leave
/// at one end coming in at the other. Without an axis, of all elements in row-major order.
Var roll(const Arg& x, const Arg& shift);
Var roll(const Arg& x, const Arg& shift, int axis);
/// The other way round along these axes, along all when none are named.
Var flip(const Arg& x, const Axes& axes = {});
/// Rows upside down; columns from right to left.
Var flipud(const Arg& x);
Var fliplr(const Arg& x);
/// Turned `k` times by 90 degrees, from the first axis towards the second.
Var rot90(const Arg& x, int k = 1, std::array<int, 2> axes = {0, 1});
/// The differences of neighbours along an axis, `n` times over; of bools, whether they differ.
Var diff(const Arg& x, int n = 1, int axis = -1);

}  // namespace damo
