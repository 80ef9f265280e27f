#pragma once
#include <damo/ops/kernels/products/gemm.hpp>
#include <damo/ops/kernels/products/matrix.hpp>

namespace damo {

/// out = x w for an `x` whose elements are 0 or 1 (any nonzero counts as 1): adds the selected rows
/// of `w`, for each element of the result in the order of the rows, so its bits are the same on
/// every instruction set and number of threads. Rows of x, w and out are contiguous, at any row
/// stride. A warmed-up call allocates nothing. Throws ShapeError when the sizes do not fit or rows
/// are not contiguous.
void binary_dot(Matrix<const float> x, Matrix<const float> w, Matrix<float> out);
void binary_dot(Matrix<const double> x, Matrix<const double> w, Matrix<double> out);
/// The same, bit for bit, from a right operand laid out once: faster, as no row straddles a cache
/// line.
void binary_dot(Matrix<const float> x, const PackedMatrix<float>& w, Matrix<float> out);
void binary_dot(Matrix<const double> x, const PackedMatrix<double>& w, Matrix<double> out);

/// Whether all elements are 0 or 1.
bool is_binary(Matrix<const float> x);
bool is_binary(Matrix<const double> x);

/// Whether an element is NaN. Rows are contiguous.
bool has_nan(Matrix<const float> m);
bool has_nan(Matrix<const double> m);

/// The share of nonzero elements; 0 for an empty matrix.
double density(Matrix<const float> x);
double density(Matrix<const double> x);

/// `binary_dot` where it beats a dense product at the density seen; otherwise returns false and
/// leaves `out` alone.
bool binary_dot_if_sparse(Matrix<const float> x, Matrix<const float> w, Matrix<float> out);
bool binary_dot_if_sparse(Matrix<const double> x, Matrix<const double> w, Matrix<double> out);
bool binary_dot_if_sparse(Matrix<const float> x, const PackedMatrix<float>& w, Matrix<float> out);
bool binary_dot_if_sparse(Matrix<const double> x, const PackedMatrix<double>& w,
                          Matrix<double> out);

}  // namespace damo
