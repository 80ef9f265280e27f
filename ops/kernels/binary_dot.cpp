#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/error.hpp>
#include <damo/ops/kernels/binary_dot.hpp>

namespace damo {
namespace {

template <class T>
void check(Matrix<const T> x, Matrix<const T> w, Matrix<T> out) {
  if (x.cols != w.rows || x.rows != out.rows || w.cols != out.cols) {
    throw ShapeError(fmt::format("binary_dot: sizes ({}, {}) by ({}, {}) into ({}, {}) do not fit",
                                 x.rows, x.cols, w.rows, w.cols, out.rows, out.cols));
  }
  if (x.col_stride != 1 || w.col_stride != 1 || out.col_stride != 1) {
    throw ShapeError("binary_dot: rows must be contiguous");
  }
}

template <class T>
void add_rows(Matrix<const T> x, Matrix<const T> w, Matrix<T> out) {
  check(x, w, out);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    T* row = &out(i, 0);
    std::fill_n(row, out.cols, T{0});
    for (std::int64_t k = 0; k < x.cols; ++k) {
      if (x(i, k) == T{0}) continue;
      for (std::int64_t j = 0; j < out.cols; ++j) row[j] += w(k, j);
    }
  }
}

template <class T>
double share_of_ones(Matrix<const T> x) {
  std::int64_t ones = 0;
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t k = 0; k < x.cols; ++k) ones += x(i, k) != T{0};
  }
  const std::int64_t n = x.rows * x.cols;
  return n == 0 ? 0 : static_cast<double>(ones) / static_cast<double>(n);
}

template <class T>
bool add_rows_if_sparse(Matrix<const T> x, Matrix<const T> w, Matrix<T> out) {
  if (share_of_ones(x) > 0.25) return false;
  add_rows(x, w, out);
  return true;
}

}  // namespace

void binary_dot(Matrix<const float> x, Matrix<const float> w, Matrix<float> out) {
  add_rows(x, w, out);
}
void binary_dot(Matrix<const double> x, Matrix<const double> w, Matrix<double> out) {
  add_rows(x, w, out);
}

double density(Matrix<const float> x) { return share_of_ones(x); }
double density(Matrix<const double> x) { return share_of_ones(x); }

bool binary_dot_if_sparse(Matrix<const float> x, Matrix<const float> w, Matrix<float> out) {
  return add_rows_if_sparse(x, w, out);
}
bool binary_dot_if_sparse(Matrix<const double> x, Matrix<const double> w, Matrix<double> out) {
  return add_rows_if_sparse(x, w, out);
}

}  // namespace damo
