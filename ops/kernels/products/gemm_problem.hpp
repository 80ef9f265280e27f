#pragma once
#include <cstdint>

#include <damo/ops/kernels/products/matrix.hpp>

namespace damo {

// Deeper products are made in blocks, so that a panel of b stays in cache.
inline constexpr std::int64_t gemm_depth_block = 1024;

/// Rows of b that are fetched ahead of their use.
inline constexpr std::int64_t gemm_rows_ahead = 12;

/// c = alpha a b + beta c with rows of c contiguous. By tiles, b is a sequence of vectors of
/// columns: row k of vector v is at b + k b_k + v b_vector. By dots, there is one row, and column j
/// is contiguous at b + j b_vector.
template <class T>
struct GemmProblem {
  T alpha;
  Matrix<const T> a;
  const T* b;
  std::int64_t b_k;
  std::int64_t b_vector;
  std::int64_t depth;
  T beta;
  Matrix<T> c;
  std::int64_t block = gemm_depth_block;
  /// Whether the blocks are sums of their own; else a block goes on where the one before stopped,
  /// and a problem of several has alpha 1 and beta 0.
  bool separate = false;
  /// Whether the first block goes on, with what is in c.
  bool goes_on = false;
};

/// One register tile of a problem.
template <class T>
struct GemmTile {
  const T* a;
  std::int64_t a_row;
  std::int64_t a_k;
  const T* b;
  std::int64_t b_k;
  std::int64_t b_vector;
  std::int64_t depth;
  T* c;
  std::int64_t c_row;
  T alpha;
  T beta;
  bool goes_on;  // with what is in c
  int tail;
};

}  // namespace damo
