#pragma once
#include <damo/ops/kernels/matrix.hpp>

namespace damo {

/// out = x w for an `x` whose elements are 0 or 1 (any nonzero counts as 1): adds the selected rows
/// of `w`. Rows of x, w and out are contiguous (column stride 1), at any row stride. The order of
/// additions depends on the column count alone, so the bits of a row depend neither on other rows
/// nor on threads. Throws ShapeError when the sizes do not fit, or a column stride is not 1.
void binary_dot(Matrix<const float> x, Matrix<const float> w, Matrix<float> out);
void binary_dot(Matrix<const double> x, Matrix<const double> w, Matrix<double> out);

/// The share of nonzero elements; 0 for an empty matrix.
double density(Matrix<const float> x);
double density(Matrix<const double> x);

/// `binary_dot` where it is expected to beat a dense product at the density seen; otherwise returns
/// false and leaves `out` alone.
bool binary_dot_if_sparse(Matrix<const float> x, Matrix<const float> w, Matrix<float> out);
bool binary_dot_if_sparse(Matrix<const double> x, Matrix<const double> w, Matrix<double> out);

}  // namespace damo
