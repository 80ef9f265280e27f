#pragma once
#include <damo/graph/values/tensor.hpp>

// Triangular factors and what is solved with them, of each matrix in the last two axes of float
// tensors; results are row-major. Of a matrix with an element that is read and is NaN or infinite,
// the results are NaN. The same bits whatever the number of threads.
namespace damo {

/// The lower triangular l with a = l l^T; only the lower triangle of `a` is read. Throws
/// NumericError when a is not positive definite.
void cholesky(const Tensor& a, const Tensor& l);
/// The x with a x = b. Throws NumericError when `a` is singular.
void solve(const Tensor& a, const Tensor& b, const Tensor& x);

struct Triangle {
  bool lower = true;
  bool unit_diagonal = false;  ///< taken for ones, and not read
  friend bool operator==(const Triangle&, const Triangle&) = default;
};
/// The same for the triangle of `a`, the rest of which is not read.
void solve_triangular(const Tensor& a, const Tensor& b, Triangle triangle, const Tensor& x);
/// Throws NumericError when `a` is singular.
void invert(const Tensor& a, const Tensor& inverse);
/// The determinant, 0 of a singular matrix.
void det(const Tensor& a, const Tensor& determinant);
/// The determinant as its sign (0 of a singular matrix) and the logarithm of its magnitude.
void slogdet(const Tensor& a, const Tensor& sign, const Tensor& log_magnitude);
/// Columns of unit length that are perpendicular to each other, and an upper triangle, with a = q
/// r: as many columns as `q` has. Without `q`, the triangle alone.
void qr(const Tensor& a, const Tensor* q, const Tensor& r);

}  // namespace damo
