#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <type_traits>
#include <utility>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/products/gemm.hpp>
#include <damo/ops/kernels/products/gemm_parts.hpp>
#include <damo/ops/kernels/products/sparse_gemm.hpp>

#define DAMO_KERNEL_FILE <damo/ops/kernels/products/gemm.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {
namespace {

// From this many rows on, laying out b in vectors pays for itself.
constexpr std::int64_t rows_to_pack = 64;
// From so many terms on, columns of a are copied to rows first.
constexpr std::int64_t deep_enough = 32;

template <class Kernels, class T>
constexpr GemmKernels<T> table_of() {
  return {Kernels::lanes,   &Kernels::tiles, &Kernels::rounded_tiles, &Kernels::dots,
          &Kernels::turned, &Kernels::pack,  &Kernels::copy};
}

template <class T>
const GemmKernels<T>& table(Isa isa) {
  static constexpr GemmKernels<T> tables[] = {table_of<simd_sse2::Kernels<T>, T>(),
                                              table_of<simd_avx2::Kernels<T>, T>(),
                                              table_of<simd_avx512::Kernels<T>, T>()};
  return tables[static_cast<std::size_t>(isa)];
}

/// The calling thread's buffers: laid-out operands, and results whose rows are not contiguous.
template <class T>
T* packed_b(std::int64_t n) {
  static thread_local Scratch scratch;
  return scratch.reserve<T>(n);
}
template <class T>
T* packed_a(std::int64_t n) {
  static thread_local Scratch scratch;
  return scratch.reserve<T>(n);
}
template <class T>
T* result(std::int64_t n) {
  static thread_local Scratch scratch;
  return scratch.reserve<T>(n);
}

template <class T>
std::int64_t packed_size(Matrix<const T> b, std::int64_t lanes) {
  return (b.cols + lanes - 1) / lanes * lanes * b.rows;
}

template <class T>
void check_sizes(Matrix<const T> a, std::int64_t b_rows, std::int64_t b_cols, Matrix<T> c) {
  if (a.cols == b_rows && a.rows == c.rows && b_cols == c.cols) return;
  throw ShapeError(fmt::format("gemm: sizes ({}, {}) by ({}, {}) into ({}, {}) do not fit", a.rows,
                               a.cols, b_rows, b_cols, c.rows, c.cols));
}

template <class T>
bool contiguous_rows(const Matrix<T>& m) {
  return m.col_stride == 1 || m.cols == 1;
}
template <class T>
bool contiguous_cols(const Matrix<T>& m) {
  return m.row_stride == 1 || m.rows == 1;
}

/// c = beta c.
template <class T>
void scale(T beta, Matrix<T> c) {
  for (std::int64_t i = 0; i < c.rows; ++i) {
    for (std::int64_t j = 0; j < c.cols; ++j) c(i, j) = beta == T{0} ? T{0} : beta * c(i, j);
  }
}

template <class T>
void add_scaled(T alpha, Matrix<const T> from, T beta, Matrix<T> c) {
  for (std::int64_t i = 0; i < c.rows; ++i) {
    for (std::int64_t j = 0; j < c.cols; ++j) {
      const T r = alpha * from(i, j);
      c(i, j) = beta == T{0} ? r : r + beta * c(i, j);
    }
  }
}

/// Rows of `a` copied so that each starts at a cache line, and not all in the same cache set.
template <class T>
Matrix<const T> align_rows(Matrix<const T> a, bool threads) {
  constexpr std::int64_t line = 64 / sizeof(T);
  const std::int64_t stride = (a.cols + line - 1) / line * line + line;
  T* to = packed_a<T>(a.rows * stride);
  parallel_for(a.rows, threads ? gemm_rows_per_part : a.rows,
               [&](std::int64_t begin, std::int64_t end) {
                 table<T>(isa()).copy_rows(a.block(begin, 0, end - begin, a.cols),
                                           to + begin * stride, stride);
               });
  return {to, a.rows, a.cols, stride, 1};
}

/// Whether neighbouring rows, or neighbours in a row, fall into the same few sets of a cache.
template <class T>
bool collides(Matrix<const T> a) {
  const auto aliased = [](std::int64_t stride) {
    return stride != 0 && stride * std::int64_t{sizeof(T)} % 1024 == 0;
  };
  return aliased(a.row_stride) || aliased(a.col_stride);
}

/// How the terms of an element are added up: in their order, or lane by lane where that is faster;
/// `step` terms at a time if not 0.
struct Sums {
  bool any_order = false;
  std::int64_t step = 0;
};

/// A product whose rows of c are contiguous.
template <class T>
void multiply_rows(T alpha, Matrix<const T> a, Matrix<const T> b, T beta, Matrix<T> c, Sums sums) {
  const GemmKernels<T>& kernels = table<T>(isa());
  const std::int64_t lanes = kernels.lanes;
  GemmProblem<T> p{alpha, a, b.data, b.row_stride, lanes, a.cols, beta, c};
  const bool by_dots =
      sums.any_order && c.rows == 1 && contiguous_cols(b) && (!contiguous_rows(b) || c.cols == 1);
  if (by_dots && contiguous_rows(a) && a.cols >= lanes) {
    p.b_vector = b.col_stride;
    return run_parts(p, lanes, 1, kernels.dots);
  }
  if (sums.step == 0 && c.rows == 1 && contiguous_cols(b) && !contiguous_rows(b)) {
    p.b_vector = b.col_stride;
    return run_parts(p, lanes, 1, kernels.turned);
  }
  if (sums.step == 0 && gemm_if_sparse(alpha, a, b, beta, c)) return;
  if (sums.step > 1) {
    p.block = sums.step;
    p.separate = true;
  }
  const auto kernel = sums.step == 1 ? kernels.rounded_tiles : kernels.tiles;
  const bool scattered = collides(a) || (!contiguous_rows(a) && a.cols >= deep_enough);
  if (c.rows >= rows_to_pack && c.cols >= rows_to_pack && scattered)
    p.a = align_rows(a, on_threads(p));
  if (c.rows < rows_to_pack && contiguous_rows(b)) return run_parts(p, lanes, kernel);
  const bool shallow = p.depth < gemm_shallow_below && packed_size(b, lanes) <= gemm_fits_in_cache;
  if (c.rows < rows_to_pack || (!shallow && enough_columns(p, lanes)))
    return run_by_columns(p, b, kernels, kernel, packed_b<T>);
  T* packed = packed_b<T>(packed_size(b, lanes));
  kernels.pack(b, packed);
  p.b = packed;
  p.b_k = lanes;
  p.b_vector = lanes * b.rows;
  shallow ? run_by_rows(p, kernel) : run_parts(p, lanes, kernel);
}

/// Whether tiles can write to c as they are made.
template <class T>
bool direct(T alpha, std::int64_t depth, T beta, const Matrix<T>& c) {
  const bool plain = alpha == T{1} && beta == T{0};
  return contiguous_rows(c) && (plain || depth <= gemm_depth_block);
}

template <class T>
Matrix<T> result_like(const Matrix<T>& c) {
  return {result<T>(c.rows * c.cols), c.rows, c.cols, c.cols, 1};
}

template <class T>
void multiply(T alpha, Matrix<const T> a, Matrix<const T> b, T beta, Matrix<T> c, Sums sums) {
  check_sizes(a, b.rows, b.cols, c);
  if (c.rows == 0 || c.cols == 0) return;
  if (a.cols == 0) return scale(beta, c);
  // One column is handled as one row; so are columns that are contiguous where rows are not.
  if (c.cols == 1 || (!contiguous_rows(c) && contiguous_cols(c))) {
    const Matrix<const T> left = b.transposed();
    b = a.transposed();
    a = left;
    c = c.transposed();
  }
  if (direct(alpha, a.cols, beta, c)) return multiply_rows(alpha, a, b, beta, c, sums);
  const Matrix<T> product = result_like(c);
  multiply_rows(T{1}, a, b, T{0}, product, sums);
  add_scaled<T>(alpha, product, beta, c);
}

template <class T>
void multiply_packed(T alpha, Matrix<const T> a, const PackedMatrix<T>& b, T beta, Matrix<T> c) {
  check_sizes(a, b.rows(), b.cols(), c);
  if (c.rows == 0 || c.cols == 0) return;
  if (a.cols == 0) return scale(beta, c);
  const GemmKernels<T>& kernels = table<T>(b.isa());
  const std::int64_t lanes = kernels.lanes;
  GemmProblem<T> p{alpha, a, b.data(), lanes, lanes * b.rows(), a.cols, beta, c};
  if (direct(alpha, a.cols, beta, c)) return run_parts(p, lanes, kernels.tiles);
  p.alpha = T{1};
  p.beta = T{0};
  p.c = result_like(c);
  run_parts(p, lanes, kernels.tiles);
  add_scaled<T>(alpha, p.c, beta, c);
}

}  // namespace

void gemm(float alpha, Matrix<const float> a, Matrix<const float> b, float beta, Matrix<float> c) {
  multiply(alpha, a, b, beta, c, Sums{});
}

void gemm(double alpha, Matrix<const double> a, Matrix<const double> b, double beta,
          Matrix<double> c) {
  multiply(alpha, a, b, beta, c, Sums{});
}

void gemv(float alpha, Matrix<const float> a, Matrix<const float> b, float beta, Matrix<float> c) {
  multiply(alpha, a, b, beta, c, Sums{.any_order = true});
}

void gemv(double alpha, Matrix<const double> a, Matrix<const double> b, double beta,
          Matrix<double> c) {
  multiply(alpha, a, b, beta, c, Sums{.any_order = true});
}

void gemm_by_steps(std::int64_t step, Matrix<const float> a, Matrix<const float> b,
                   Matrix<float> c) {
  multiply(1.0F, a, b, 0.0F, c, Sums{.step = step});
}

void gemm_by_steps(std::int64_t step, Matrix<const double> a, Matrix<const double> b,
                   Matrix<double> c) {
  multiply(1.0, a, b, 0.0, c, Sums{.step = step});
}

template <class T>
void PackedMatrix<T>::pack(Matrix<const T> b) {
  isa_ = damo::isa();
  rows_ = b.rows;
  cols_ = b.cols;
  const GemmKernels<T>& kernels = table<T>(isa_);
  T* to = memory_.reserve<T>(packed_size(b, kernels.lanes));
  if (rows_ > 0) kernels.pack(b, to);
}

template class PackedMatrix<float>;
template class PackedMatrix<double>;

void gemm_packed(float alpha, Matrix<const float> a, const PackedMatrix<float>& b, float beta,
                 Matrix<float> c) {
  multiply_packed(alpha, a, b, beta, c);
}

void gemm_packed(double alpha, Matrix<const double> a, const PackedMatrix<double>& b, double beta,
                 Matrix<double> c) {
  multiply_packed(alpha, a, b, beta, c);
}

std::string gemm_description() {
  const int threads = num_threads();
  return fmt::format("damo {}, {} thread{}", name(isa()), threads, threads == 1 ? "" : "s");
}

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
