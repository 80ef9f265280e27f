#pragma once
#include <damo/graph/var.hpp>

// Diagonals of matrices, of one or of many.
namespace damo {

/// The k-th diagonals above the main ones of the matrices that two axes make, as a last axis.
Var diagonal(const Arg& x, int k = 0, int axis1 = 0, int axis2 = 1);
/// Square matrices, zero but for the k-th diagonals, which are the vectors of the last axis:
/// (..., n) makes (..., n + |k|, n + |k|), whose rows and columns then move to these axes.
Var alloc_diag(const Arg& x, int k = 0, int axis1 = -2, int axis2 = -1);
/// `x` with `value` (a scalar, or a vector with an element for each) on its diagonal: where all
/// positions are equal, in a tensor of at least two axes.
Var fill_diagonal(const Arg& x, const Arg& value);
/// The same of the k-th diagonal of a matrix.
Var fill_diagonal_offset(const Arg& x, const Arg& value, int k);

}  // namespace damo
