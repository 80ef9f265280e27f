#pragma once
#include <cstdint>

#include <damo/ops/shape/sizes.hpp>

// Elements chosen by number, and numbers of elements.
namespace damo {

/// Rows of zeros with a one where the int64 tensor says, along a new last axis of `n_classes`.
/// Throws ShapeError for a class that is not there.
Var one_hot(const Arg& classes, const Arg& n_classes, DType dtype = floatX());
/// The slices along `axis` (without one: the elements in row-major order) for which the bool vector
/// `condition` holds; what is beyond its end is left out.
Var compress(const Arg& condition, const Arg& x);
Var compress(const Arg& condition, const Arg& x, int axis);

/// What becomes of a position outside.
enum class Outside : std::uint8_t {
  raise,  ///< a ShapeError
  wrap,   ///< counted around
  clip    ///< moved to the nearest one inside
};
/// The element of choices[index], element by element; the choices are stretched to the index as
/// elementwise operands are.
Var choose(const Arg& index, const Vars& choices, Outside outside = Outside::raise);
/// The positions in row-major order of elements whose positions along each axis are given.
Var ravel_multi_index(const Vars& positions, const Sizes& sizes, Outside outside = Outside::raise);
/// The positions along each axis of elements whose positions in row-major order are given.
Vars unravel_index(const Arg& positions, const Sizes& sizes);

}  // namespace damo
