#pragma once
#include <damo/ops/shape/sizes.hpp>

// Tensors put together, taken apart and repeated.
namespace damo {

/// The tensors one after the other along `axis`, in the dtype in which they meet. Throws ShapeError
/// when they differ along another axis.
Var concatenate(const Vars& tensors, int axis = 0, Site site = Site::here());
/// The tensors, all of one shape, along a new axis at position `axis` of the result.
Var stack(const Vars& tensors, int axis = 0, Site site = Site::here());
/// The pieces of `x` that have these lengths along `axis`, which they must fill: ShapeError
/// otherwise, when the function runs at the latest.
Vars split(const Arg& x, const Sizes& lengths, int axis = 0);
/// The same along an axis that is known when the function runs: an int64 scalar. Whether it is
/// there and the sizes agree is checked then; nothing is known before of sizes that depend on it.
Var concatenate(const Vars& tensors, const Var& axis, Site site = Site::here());
Var stack(const Vars& tensors, const Var& axis, Site site = Site::here());
Vars split(const Arg& x, const Sizes& lengths, const Var& axis);
/// Each element of x in row-major order, `times` times in a row: a number, an int64 scalar, or an
/// int64 vector with a number for each.
Var repeat(const Arg& x, const Arg& times);
/// The same with slices along `axis`.
Var repeat(const Arg& x, const Arg& times, int axis);
/// The whole of x several times along each axis; `times` and the axes are aligned at the last.
Var tile(const Arg& x, const Sizes& times);

}  // namespace damo
