#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <vector>

#include <damo/graph/error.hpp>
#include <damo/ops/kernels/gemm.hpp>

namespace damo {
namespace {

template <class T>
void check_sizes(Matrix<const T> a, Matrix<const T> b, Matrix<T> c) {
  if (a.cols == b.rows && a.rows == c.rows && b.cols == c.cols) return;
  throw ShapeError(fmt::format("gemm: sizes ({}, {}) by ({}, {}) into ({}, {}) do not fit", a.rows,
                               a.cols, b.rows, b.cols, c.rows, c.cols));
}

template <class T>
void multiply(T alpha, Matrix<const T> a, Matrix<const T> b, T beta, Matrix<T> c) {
  check_sizes(a, b, c);
  for (std::int64_t i = 0; i < c.rows; ++i) {
    for (std::int64_t j = 0; j < c.cols; ++j) c(i, j) = beta == T{0} ? T{0} : beta * c(i, j);
    for (std::int64_t k = 0; k < a.cols; ++k) {
      const T x = alpha * a(i, k);
      for (std::int64_t j = 0; j < c.cols; ++j) c(i, j) += x * b(k, j);
    }
  }
}

}  // namespace

void gemm(float alpha, Matrix<const float> a, Matrix<const float> b, float beta, Matrix<float> c) {
  multiply(alpha, a, b, beta, c);
}

void gemm(double alpha, Matrix<const double> a, Matrix<const double> b, double beta,
          Matrix<double> c) {
  multiply(alpha, a, b, beta, c);
}

template <class T>
void PackedMatrix<T>::Free::operator()(T* p) const {
  ::operator delete (p, std::align_val_t{64});
}

template <class T>
void PackedMatrix<T>::pack(Matrix<const T> b) {
  const auto size = static_cast<std::size_t>(b.rows * b.cols);
  if (size > capacity_) {
    memory_.reset(static_cast<T*>(::operator new (size * sizeof(T), std::align_val_t{64})));
    capacity_ = size;
  }
  rows_ = b.rows;
  cols_ = b.cols;
  for (std::int64_t i = 0; i < rows_; ++i) {
    for (std::int64_t j = 0; j < cols_; ++j)
      memory_[static_cast<std::size_t>(i * cols_ + j)] = b(i, j);
  }
}

template class PackedMatrix<float>;
template class PackedMatrix<double>;

void gemm_packed(float alpha, Matrix<const float> a, const PackedMatrix<float>& b, float beta,
                 Matrix<float> c) {
  gemm(alpha, a, {b.data(), b.rows(), b.cols(), b.cols(), 1}, beta, c);
}

void gemm_packed(double alpha, Matrix<const double> a, const PackedMatrix<double>& b, double beta,
                 Matrix<double> c) {
  gemm(alpha, a, {b.data(), b.rows(), b.cols(), b.cols(), 1}, beta, c);
}

std::string gemm_description() { return "damo plain loops"; }

double measure_gflops(std::int64_t m, std::int64_t n, std::int64_t k) {
  const std::vector<float> a(static_cast<std::size_t>(m * k), 1.0F);
  const std::vector<float> b(static_cast<std::size_t>(k * n), 1.0F);
  std::vector<float> c(static_cast<std::size_t>(m * n));
  double best = 1e9;
  for (int i = 0; i < 10; ++i) {
    const auto start = std::chrono::steady_clock::now();
    gemm(1.0F, {a.data(), m, k, k, 1}, {b.data(), k, n, n, 1}, 0.0F, {c.data(), m, n, n, 1});
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::min(best, seconds.count());
  }
  return 2e-9 * static_cast<double>(m * n * k) / best;
}

}  // namespace damo
