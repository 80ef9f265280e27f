#pragma once
#include <damo/graph/var.hpp>

namespace damo {

/// The elements (or slices along `axis`) of `x` at the positions `index`, an int64 tensor whose
/// axes take the place of `axis`. Without an axis, positions count in row-major order. Negative
/// positions count from the end; ShapeError when one is outside.
Var take(const Arg& x, const Arg& index);
Var take(const Arg& x, const Arg& index, int axis);

/// The positions of the nonzero elements in row-major order: an int64 vector for each axis.
Vars nonzero(const Arg& x);

/// The tensor x with the elements `selected` (which must be written as an index of it, `x(...)` or
/// `x[...]`) replaced by `y`; y is stretched to fit as elementwise operands are. Where an index
/// names an element twice, the last value stays.
Var set_subtensor(const Var& selected, const Arg& y);
/// The same with `y` added; an element named twice is added to twice.
Var inc_subtensor(const Var& selected, const Arg& y);

}  // namespace damo
