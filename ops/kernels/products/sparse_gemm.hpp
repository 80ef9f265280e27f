#pragma once
#include <damo/ops/kernels/products/matrix.hpp>

namespace damo {

/// c = alpha a b + beta c where `a` has so many zeros that leaving them out pays and `b` has no
/// infinity or NaN, which zeros would make NaN; otherwise returns false and leaves `c` alone (but
/// for beta 0, when c may be written). The elements have the bits of `gemm`: the same chain of
/// multiply-adds without the terms that are 0; but a sum of products that all underflow may be a
/// zero of the other sign. Rows of c are contiguous, and either the rows or the columns of a and b.
/// A warmed-up call allocates nothing.
bool gemm_if_sparse(float alpha, Matrix<const float> a, Matrix<const float> b, float beta,
                    Matrix<float> c);
bool gemm_if_sparse(double alpha, Matrix<const double> a, Matrix<const double> b, double beta,
                    Matrix<double> c);

}  // namespace damo
