#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/values/tensor.hpp>
#include <damo/ops/kernels/machine/for_float.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/products/matrix.hpp>

// What kernels share that take each matrix of a batch: the last two axes of a tensor.
namespace damo {

/// How many there are of what takes the last `core` axes.
inline std::int64_t batch_size(const Tensor& t, std::size_t core) {
  std::int64_t n = 1;
  for (std::size_t i = 0; i + core < t.rank(); ++i) n *= t.shape[i];
  return n;
}

/// Where number `i` of them begins.
template <class T>
T* batch_at(const Tensor& t, std::size_t core, std::int64_t i) {
  std::int64_t offset = 0;
  for (std::size_t axis = t.rank() - core; axis-- > 0; i /= t.shape[axis])
    offset += i % t.shape[axis] * t.strides[axis];
  return t.as<T>() + offset;
}

template <class T>
Matrix<T> matrix_at(const Tensor& t, std::int64_t i) {
  const std::size_t n = t.rank();
  return {batch_at<T>(t, 2, i), t.shape[n - 2], t.shape[n - 1], t.strides[n - 2], t.strides[n - 1]};
}
/// A vector as a column.
template <class T>
Matrix<T> vector_at(const Tensor& t, std::int64_t i) {
  const std::size_t n = t.rank();
  return {batch_at<T>(t, 1, i), t.shape[n - 1], 1, t.strides[n - 1], 0};
}

/// Contiguous memory as a matrix whose rows, or whose columns, come one after the other.
template <class T>
Matrix<T> by_rows(T* data, std::int64_t rows, std::int64_t cols) {
  return {data, rows, cols, cols, 1};
}
template <class T>
Matrix<T> by_columns(T* data, std::int64_t rows, std::int64_t cols) {
  return {data, rows, cols, 1, rows};
}

/// Copies in blocks, so that a transposition stays in the cache.
template <class T, class U>
void assign(Matrix<T> to, Matrix<U> from) {
  constexpr std::int64_t block = 16;
  for (std::int64_t top = 0; top < to.rows; top += block) {
    for (std::int64_t left = 0; left < to.cols; left += block) {
      for (std::int64_t i = top; i < std::min(top + block, to.rows); ++i) {
        for (std::int64_t j = left; j < std::min(left + block, to.cols); ++j) to(i, j) = from(i, j);
      }
    }
  }
}
template <class T>
void fill(Matrix<T> to, T value) {
  for (std::int64_t i = 0; i < to.rows; ++i) {
    for (std::int64_t j = 0; j < to.cols; ++j) to(i, j) = value;
  }
}
template <class T>
void fill_identity(Matrix<T> to) {
  fill(to, T(0));
  for (std::int64_t i = 0; i < std::min(to.rows, to.cols); ++i) to(i, i) = 1;
}

/// A product, whose parts may be beyond T's range where the whole is not.
template <class T>
class WideProduct {
 public:
  void times(T x) {
    int of_x = 0, of_both = 0;
    mantissa_ = std::frexp(mantissa_ * std::frexp(x, &of_x), &of_both);
    exponent_ += of_x + of_both;
  }
  T value() const { return std::ldexp(mantissa_, exponent_); }

 private:
  T mantissa_ = 1;
  int exponent_ = 0;
};

/// Which elements of a matrix are read.
enum class Part : std::uint8_t { all, lower, upper };

template <class T>
bool all_finite(Matrix<T> m, Part part = Part::all, bool diagonal = true) {
  for (std::int64_t i = 0; i < m.rows; ++i) {
    const std::int64_t first = part == Part::upper ? i : 0;
    const std::int64_t end = part == Part::lower ? std::min(i + 1, m.cols) : m.cols;
    for (std::int64_t j = first; j < end; ++j) {
      if (!std::isfinite(m(i, j)) && (diagonal || i != j)) return false;
    }
  }
  return true;
}

template <class T>
constexpr T not_a_number = std::numeric_limits<T>::quiet_NaN();

/// "the matrix", or which one of a batch.
inline std::string which_matrix(const Tensor& batch, std::int64_t i) {
  return batch.rank() == 2 ? "the matrix" : fmt::format("matrix {} of the batch", i);
}

/// What LAPACK's own query says it wants for `call(work, lwork)`, and then the call.
template <class T, class F>
void with_work(F&& call) {
  static thread_local Scratch memory;
  T wanted = 0;
  int size = -1;
  call(&wanted, &size);
  size = std::max(1, static_cast<int>(wanted));
  call(memory.reserve<T>(size), &size);
}

/// A size as LAPACK takes it.
inline int lapack_int(std::int64_t n) {
  if (n > std::numeric_limits<int>::max())
    throw ShapeError(fmt::format("{} is more than LAPACK can count", n));
  return static_cast<int>(n);
}
/// The distance of columns, which must not be 0.
inline int leading(std::int64_t rows) { return lapack_int(std::max<std::int64_t>(rows, 1)); }

}  // namespace damo
