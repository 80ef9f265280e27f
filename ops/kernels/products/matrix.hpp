#pragma once
#include <cstdint>
#include <type_traits>

namespace damo {

/// A view of a matrix in memory it does not own; strides in elements, any sign, 0 repeats.
template <class T>
struct Matrix {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_stride = 0;
  std::int64_t col_stride = 1;

  T& operator()(std::int64_t i, std::int64_t j) const {
    return data[i * row_stride + j * col_stride];
  }
  Matrix transposed() const { return {data, cols, rows, col_stride, row_stride}; }
  Matrix block(std::int64_t i, std::int64_t j, std::int64_t m, std::int64_t n) const {
    return {data + i * row_stride + j * col_stride, m, n, row_stride, col_stride};
  }
  operator Matrix<const T>() const  // NOLINT(google-explicit-constructor): reading is harmless
      requires(!std::is_const_v<T>) {
    return {data, rows, cols, row_stride, col_stride};
  }
};

}  // namespace damo
