#pragma once
#include <damo/graph/values/tensor.hpp>

// Eigenvalues and singular values of each matrix in the last two axes of float tensors; results are
// row-major. Of a matrix with NaN or an infinity the results are NaN; NumericError where an
// iteration does not converge. The same bits whatever the number of threads.
namespace damo {

/// Eigenvalues from the smallest on, and unit eigenvectors as columns of `v` (where it is asked
/// for), of a symmetric matrix, whose lower triangle alone is read.
void eigh(const Tensor& a, const Tensor& w, const Tensor* v);
/// The same of any square matrix, in LAPACK's order. Throws NumericError for an eigenvalue that is
/// not real.
void eig(const Tensor& a, const Tensor& w, const Tensor* v);
/// a = u diag(s) vt, singular values from the largest on; the shapes of u and vt (both, or none)
/// say whether they have all columns and rows or those of singular values.
void svd(const Tensor& a, const Tensor* u, const Tensor& s, const Tensor* vt);

}  // namespace damo
