#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include <damo/ops/kernels/machine/isa.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/products/matrix.hpp>

namespace damo {

/// c = alpha a b + beta c, for operands of any strides; `c` must not overlap `a` or `b`. With beta
/// 0, `c` is written without being read. An element of the product is one chain of multiply-adds in
/// the order of the inner axis, whatever the sizes, the strides and the number of threads; then it
/// is multiplied and added as written. The bits do depend on the instruction set, where
/// multiply-adds round once or twice. A warmed-up call allocates nothing. Throws ShapeError when
/// the sizes do not fit.
void gemm(float alpha, Matrix<const float> a, Matrix<const float> b, float beta, Matrix<float> c);
void gemm(double alpha, Matrix<const double> a, Matrix<const double> b, double beta,
          Matrix<double> c);

/// c = a b as the sum of products of `step` columns of a with as many rows of b, each rounded
/// before it is added: the bits of making one after the other.
void gemm_by_steps(std::int64_t step, Matrix<const float> a, Matrix<const float> b,
                   Matrix<float> c);
void gemm_by_steps(std::int64_t step, Matrix<const double> a, Matrix<const double> b,
                   Matrix<double> c);

/// The same for one column `b`, or one row `a`, in whatever order the inner axis is fastest to add
/// up: the bits depend on the strides too.
void gemv(float alpha, Matrix<const float> a, Matrix<const float> b, float beta, Matrix<float> c);
void gemv(double alpha, Matrix<const double> a, Matrix<const double> b, double beta,
          Matrix<double> c);

/// A right operand laid out once for many products with it, in vectors of columns.
template <class T>
class PackedMatrix {
 public:
  PackedMatrix() = default;
  explicit PackedMatrix(Matrix<const T> b) { pack(b); }
  /// Lays out `b`, reusing the memory of an earlier one where it is large enough.
  void pack(Matrix<const T> b);

  std::int64_t rows() const { return rows_; }
  std::int64_t cols() const { return cols_; }
  const T* data() const { return memory_.data<T>(); }
  /// The instruction set whose vectors it is made of.
  Isa isa() const { return isa_; }

 private:
  Scratch memory_;
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  Isa isa_ = Isa::sse2;
};

/// c = alpha a b + beta c, as `gemm`.
void gemm_packed(float alpha, Matrix<const float> a, const PackedMatrix<float>& b, float beta,
                 Matrix<float> c);
void gemm_packed(double alpha, Matrix<const double> a, const PackedMatrix<double>& b, double beta,
                 Matrix<double> c);

/// Which kernels run, for people: "damo AVX-512, 2 threads".
std::string gemm_description();

/// The rate, in 10^9 floating point operations a second, of float32 products (m, k) by (k, n).
double measure_gflops(std::int64_t m, std::int64_t n, std::int64_t k);

}  // namespace damo
