#pragma once
#include <algorithm>
#include <cstdint>

#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/products/gemm_problem.hpp>

// How a product is cut into parts that stay in the caches, and shared among threads. Elements do
// not depend on the parts they are computed in.
namespace damo {

// Multiply-adds below which a product stays on the calling thread.
inline constexpr std::int64_t gemm_parallel_work = std::int64_t{1} << 21;
// Parts of c that one thread works on; a whole number of tiles.
inline constexpr std::int64_t gemm_rows_per_part = 96;
inline constexpr std::int64_t gemm_vectors_per_part = 8;
// A shallow product goes through c in strips, beside a b of so few elements, laid out whole.
inline constexpr std::int64_t gemm_shallow_below = 128;
inline constexpr std::int64_t gemm_fits_in_cache = 1 << 16;
inline constexpr std::int64_t gemm_rows_per_strip = 12;

/// What is compiled for one instruction set.
template <class T>
struct GemmKernels {
  std::int64_t lanes;
  void (*tiles)(const GemmProblem<T>&);
  void (*rounded_tiles)(const GemmProblem<T>&);
  void (*dots)(const GemmProblem<T>&);
  void (*turned)(const GemmProblem<T>&);
  void (*pack)(Matrix<const T>, T*);
  void (*copy_rows)(Matrix<const T>, T*, std::int64_t);
};

template <class T>
bool on_threads(const GemmProblem<T>& p) {
  return p.c.rows * p.c.cols * p.depth > gemm_parallel_work;
}

/// Calls `kernel` with parts of the problem, on several threads where there is enough work.
/// Elements do not depend on the parts they are computed in. `cols_per_vector`: 1 where the columns
/// of b stand by themselves.
template <class T>
void run_parts(const GemmProblem<T>& p, std::int64_t lanes, std::int64_t cols_per_vector,
               void (*kernel)(const GemmProblem<T>&)) {
  if (!on_threads(p) && p.c.rows <= gemm_rows_per_part) return kernel(p);
  const std::int64_t step = lanes * gemm_vectors_per_part;
  const std::int64_t row_parts = (p.c.rows + gemm_rows_per_part - 1) / gemm_rows_per_part;
  const std::int64_t parts = row_parts * ((p.c.cols + step - 1) / step);
  parallel_for(parts, on_threads(p) ? 1 : parts, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      const std::int64_t i = part % row_parts * gemm_rows_per_part;
      const std::int64_t j = part / row_parts * step;
      GemmProblem<T> q = p;
      q.a = p.a.block(i, 0, std::min(gemm_rows_per_part, p.c.rows - i), p.depth);
      q.b = p.b + j / cols_per_vector * p.b_vector;
      q.c = p.c.block(i, j, q.a.rows, std::min(step, p.c.cols - j));
      kernel(q);
    }
  });
}

template <class T>
void run_parts(const GemmProblem<T>& p, std::int64_t lanes, void (*kernel)(const GemmProblem<T>&)) {
  run_parts(p, lanes, lanes, kernel);
}

/// By tiles, each part of the columns of b laid out where the one before was or, on several
/// threads, in a place of its own, some terms at a time: it stays in the cache while the rows of a
/// pass.
template <class T>
void run_by_columns(const GemmProblem<T>& p, Matrix<const T> b, const GemmKernels<T>& kernels,
                    void (*kernel)(const GemmProblem<T>&), T* (*reserve)(std::int64_t)) {
  const std::int64_t step = kernels.lanes * gemm_vectors_per_part;
  const std::int64_t parts = (p.c.cols + step - 1) / step;
  const std::int64_t place = step * std::min(p.depth, p.block);
  T* const places = reserve(on_threads(p) ? parts * place : place);
  parallel_for(parts, on_threads(p) ? 1 : parts, [&](std::int64_t begin, std::int64_t end) {
    GemmProblem<T> q = p;
    T* const room = places + begin * place;
    q.b = room;
    q.b_k = kernels.lanes;
    for (std::int64_t j = begin * step; j < std::min(end * step, p.c.cols); j += step) {
      const std::int64_t cols = std::min(step, p.c.cols - j);
      for (std::int64_t k = 0; k < p.depth; k += p.block) {
        q.depth = std::min(p.block, p.depth - k);
        q.b_vector = kernels.lanes * q.depth;
        q.goes_on = k > 0 && !p.separate;
        if (k > 0 && p.separate) q.beta = T{1};
        if (k == 0) q.beta = p.beta;
        kernels.pack(b.block(k, j, q.depth, cols), room);
        for (std::int64_t i = 0; i < p.c.rows; i += gemm_rows_per_part) {
          q.a = p.a.block(i, k, std::min(gemm_rows_per_part, p.c.rows - i), q.depth);
          q.c = p.c.block(i, j, q.a.rows, cols);
          kernel(q);
        }
      }
    }
  });
}

/// By tiles, a few rows of c at a time, as these are most of the traffic.
template <class T>
void run_by_rows(const GemmProblem<T>& p, void (*kernel)(const GemmProblem<T>&)) {
  const std::int64_t rows = p.c.rows;
  parallel_for(rows, on_threads(p) ? gemm_rows_per_part : rows,
               [&](std::int64_t begin, std::int64_t end) {
                 GemmProblem<T> q = p;
                 for (std::int64_t i = begin; i < end; i += gemm_rows_per_strip) {
                   q.a = p.a.block(i, 0, std::min(gemm_rows_per_strip, end - i), p.depth);
                   q.c = p.c.block(i, 0, q.a.rows, p.c.cols);
                   kernel(q);
                 }
               });
}

/// Whether parts of the columns keep all threads busy.
template <class T>
bool enough_columns(const GemmProblem<T>& p, std::int64_t lanes) {
  constexpr int parts_per_thread = 2;
  return !on_threads(p) ||
         p.c.cols >= parts_per_thread * num_threads() * lanes * gemm_vectors_per_part;
}

}  // namespace damo
