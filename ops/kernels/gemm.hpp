#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include <damo/ops/kernels/isa.hpp>
#include <damo/ops/kernels/matrix.hpp>
#include <damo/ops/kernels/scratch.hpp>

namespace damo {

/// c = alpha a b + beta c, for operands of any strides; `c` must not overlap `a` or `b`. With beta
/// 0, `c` is written without being read. The bits of the result do not depend on the number of
/// threads; they do depend on the instruction set, where multiply-adds round once or twice. A
/// warmed-up call allocates nothing. Throws ShapeError when the sizes do not fit.
void gemm(float alpha, Matrix<const float> a, Matrix<const float> b, float beta, Matrix<float> c);
void gemm(double alpha, Matrix<const double> a, Matrix<const double> b, double beta,
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
