#pragma once
#include <span>

#include <damo/ops/kernels/products/matrix.hpp>

namespace damo {

/// alpha a b, to be added to others.
template <class T>
struct ScaledProduct {
  T alpha;
  Matrix<const T> a, b;
};

/// c = beta from + the products, one after the other, where each `a` has so many zeros that leaving
/// them out pays and no `b` has an infinity or NaN, which zeros would make NaN; otherwise returns
/// false and leaves `c` alone (but for beta 0, when c may be written). `from` may be c, which is
/// gone through once; of several products the a's may have 256 columns in all. The elements have
/// the bits of `gemm`: the same chain of multiply-adds without the terms that are 0; but a sum of
/// products that all underflow may be a zero of the other sign. Rows of c and `from` are
/// contiguous, and either the rows or the columns of each a and b. A warmed-up call allocates
/// nothing.
bool gemm_if_sparse(std::span<const ScaledProduct<float>> products, float beta,
                    Matrix<const float> from, Matrix<float> c);
bool gemm_if_sparse(std::span<const ScaledProduct<double>> products, double beta,
                    Matrix<const double> from, Matrix<double> c);
/// The same of one product.
bool gemm_if_sparse(float alpha, Matrix<const float> a, Matrix<const float> b, float beta,
                    Matrix<float> c);
bool gemm_if_sparse(double alpha, Matrix<const double> a, Matrix<const double> b, double beta,
                    Matrix<double> c);

}  // namespace damo
