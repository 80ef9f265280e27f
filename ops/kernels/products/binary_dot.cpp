#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/products/binary_dot.hpp>

namespace damo {
namespace {

/// The rows of w that each row of the result adds up. Row k of vector v of w is at
/// w + k row_stride + v vector_stride. Positions are grouped by blocks of `depth_block` rows of w,
/// which stay in the first-level cache while all rows of the result pass; they count from the
/// start of the block.
template <class T>
struct BinaryProblem {
  const T* w;
  std::int64_t row_stride;
  std::int64_t vector_stride;
  std::int64_t depth;
  std::int64_t depth_block;
  std::int64_t blocks;
  const std::uint32_t* positions;
  const std::int64_t* starts;  // blocks + 1 for each row
  Matrix<T> out;
};

}  // namespace
}  // namespace damo

#define DAMO_KERNEL_FILE <damo/ops/kernels/products/binary_dot.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {
namespace {

// Rows of x whose positions are listed at a time.
constexpr std::int64_t rows_per_pass = 64;
// Additions below which a pass stays on the calling thread.
constexpr std::int64_t parallel_work = std::int64_t{3} << 19;
// Rows of w that a pass keeps in the first-level cache.
constexpr std::int64_t depth_block_in_place = 112;
constexpr std::int64_t depth_block_packed = 112;
// Densities at which the dense product takes over, by instruction set.
struct Takeover {
  double in_place[3], packed[3];
};
// Measured at (20, 784) by (784, 500) where AVX-512 multiplies two vectors a cycle.
constexpr Takeover full_width = {{0.95, 0.55, 0.34}, {0.95, 0.55, 0.42}};
// Measured on Zen 4, which multiplies one, at 20 to 500 rows: adding loses less there.
constexpr Takeover half_width = {{0.6, 0.4, 0.45}, {0.95, 0.62, 0.7}};

const Takeover& takeover() {
  static const Takeover& chosen = multiplies_half_width() ? half_width : full_width;
  return chosen;
}

template <class T>
struct Table {
  std::int64_t lanes;
  std::int64_t panel;
  std::int64_t (*find)(const T*, std::int64_t, std::uint32_t*);
  std::int64_t (*count)(const T*, std::int64_t);
  bool (*binary)(const T*, std::int64_t);
  void (*add_panel)(const BinaryProblem<T>&, std::int64_t);
};

template <class K, class T>
constexpr Table<T> table_of() {
  return {K::lanes, K::panel, &K::find, &K::count, &K::binary, &K::add_panel};
}

template <class T>
const Table<T>& table(Isa isa) {
  static constexpr Table<T> tables[] = {table_of<simd_sse2::BinaryKernels<T>, T>(),
                                        table_of<simd_avx2::BinaryKernels<T>, T>(),
                                        table_of<simd_avx512::BinaryKernels<T>, T>()};
  return tables[static_cast<std::size_t>(isa)];
}

template <class T>
bool contiguous_rows(const Matrix<T>& m) {
  return m.col_stride == 1 || m.cols <= 1;
}

template <class T>
void check(Matrix<const T> x, std::int64_t w_rows, std::int64_t w_cols, Matrix<T> out) {
  if (x.cols != w_rows || x.rows != out.rows || w_cols != out.cols) {
    throw ShapeError(fmt::format("binary_dot: sizes ({}, {}) by ({}, {}) into ({}, {}) do not fit",
                                 x.rows, x.cols, w_rows, w_cols, out.rows, out.cols));
  }
  if (!contiguous_rows(x) || !contiguous_rows(out)) {
    throw ShapeError("binary_dot: the rows of the left operand and the result must be contiguous");
  }
}

template <class T>
std::int64_t count_nonzeros(Matrix<const T> x) {
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < x.rows; ++i) {
    if (contiguous_rows(x)) {
      total += table<T>(isa()).count(x.data + i * x.row_stride, x.cols);
    } else {
      for (std::int64_t k = 0; k < x.cols; ++k) total += x(i, k) != T{0};
    }
  }
  return total;
}

template <class T>
double share_of_nonzeros(Matrix<const T> x) {
  const std::int64_t n = x.rows * x.cols;
  return n == 0 ? 0 : static_cast<double>(count_nonzeros(x)) / static_cast<double>(n);
}

/// Up to rows_per_pass rows.
template <class T>
void multiply_pass(const Table<T>& kernels, Matrix<const T> x, BinaryProblem<T> p) {
  static thread_local Scratch position_memory;
  static thread_local Scratch start_memory;
  auto* positions = position_memory.reserve<std::uint32_t>(x.rows * x.cols + 16);
  auto* starts = start_memory.reserve<std::int64_t>(x.rows * (p.blocks + 1));
  p.positions = positions;
  p.starts = starts;
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t block = 0; block < p.blocks; ++block) {
      *starts++ = total;
      const std::int64_t k = block * p.depth_block;
      total += kernels.find(x.data + i * x.row_stride + k, std::min(p.depth_block, p.depth - k),
                            positions + total);
    }
    *starts++ = total;
  }
  const std::int64_t vectors = (p.out.cols + kernels.lanes - 1) / kernels.lanes;
  const std::int64_t panels = (vectors + kernels.panel - 1) / kernels.panel;
  const bool parallel = total * p.out.cols > parallel_work;
  parallel_for(panels, parallel ? 1 : panels, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) kernels.add_panel(p, i * kernels.panel);
  });
}

template <class T>
void multiply(const Table<T>& kernels, Matrix<const T> x, BinaryProblem<T> p) {
  p.depth = x.cols;
  p.blocks = std::max<std::int64_t>((p.depth + p.depth_block - 1) / p.depth_block, 1);
  const Matrix<T> out = p.out;
  if (out.cols == 0) return;
  for (std::int64_t i = 0; i < x.rows; i += rows_per_pass) {
    const std::int64_t rows = std::min(rows_per_pass, x.rows - i);
    p.out = out.block(i, 0, rows, out.cols);
    multiply_pass(kernels, x.block(i, 0, rows, x.cols), p);
  }
}

template <class T>
BinaryProblem<T> problem(Matrix<const T> x, Matrix<const T> w, Matrix<T> out) {
  check(x, w.rows, w.cols, out);
  if (!contiguous_rows(w)) {
    throw ShapeError("binary_dot: the rows of the right operand must be contiguous");
  }
  return {w.data,  w.row_stride, table<T>(isa()).lanes, 0, depth_block_in_place, 0, nullptr,
          nullptr, out};
}

template <class T>
BinaryProblem<T> problem(Matrix<const T> x, const PackedMatrix<T>& w, Matrix<T> out) {
  check(x, w.rows(), w.cols(), out);
  const std::int64_t lanes = table<T>(w.isa()).lanes;
  return {w.data(), lanes, lanes * w.rows(), 0, depth_block_packed, 0, nullptr, nullptr, out};
}

template <class T>
bool sparse(Matrix<const T> x, Isa isa, const double* dense_from) {
  // One row: each row of w is read once or not at all, so that the dense product is never faster.
  return x.rows == 1 || share_of_nonzeros(x) < dense_from[static_cast<std::size_t>(isa)];
}

}  // namespace

void binary_dot(Matrix<const float> x, Matrix<const float> w, Matrix<float> out) {
  multiply(table<float>(isa()), x, problem(x, w, out));
}
void binary_dot(Matrix<const double> x, Matrix<const double> w, Matrix<double> out) {
  multiply(table<double>(isa()), x, problem(x, w, out));
}
void binary_dot(Matrix<const float> x, const PackedMatrix<float>& w, Matrix<float> out) {
  multiply(table<float>(w.isa()), x, problem(x, w, out));
}
void binary_dot(Matrix<const double> x, const PackedMatrix<double>& w, Matrix<double> out) {
  multiply(table<double>(w.isa()), x, problem(x, w, out));
}

template <class T>
bool all_zero_or_one(Matrix<const T> x) {
  for (std::int64_t i = 0; i < x.rows; ++i) {
    if (contiguous_rows(x)) {
      if (!table<T>(isa()).binary(x.data + i * x.row_stride, x.cols)) return false;
      continue;
    }
    for (std::int64_t k = 0; k < x.cols; ++k) {
      if (x(i, k) != T{0} && x(i, k) != T{1}) return false;
    }
  }
  return true;
}
template <class T>
bool finds_nan(Matrix<const T> m) {
  bool found = false;
  for (std::int64_t i = 0; i < m.rows; ++i) {
    const T* row = m.data + i * m.row_stride;
    for (std::int64_t j = 0; j < m.cols; ++j) found |= row[j] != row[j];
  }
  return found;
}
bool has_nan(Matrix<const float> m) { return finds_nan(m); }
bool has_nan(Matrix<const double> m) { return finds_nan(m); }

bool is_binary(Matrix<const float> x) { return all_zero_or_one(x); }
bool is_binary(Matrix<const double> x) { return all_zero_or_one(x); }

double density(Matrix<const float> x) { return share_of_nonzeros(x); }
double density(Matrix<const double> x) { return share_of_nonzeros(x); }

bool binary_dot_if_sparse(Matrix<const float> x, Matrix<const float> w, Matrix<float> out) {
  const bool use = sparse(x, isa(), takeover().in_place);
  if (use) binary_dot(x, w, out);
  return use;
}
bool binary_dot_if_sparse(Matrix<const double> x, Matrix<const double> w, Matrix<double> out) {
  const bool use = sparse(x, isa(), takeover().in_place);
  if (use) binary_dot(x, w, out);
  return use;
}
bool binary_dot_if_sparse(Matrix<const float> x, const PackedMatrix<float>& w, Matrix<float> out) {
  const bool use = sparse(x, w.isa(), takeover().packed);
  if (use) binary_dot(x, w, out);
  return use;
}
bool binary_dot_if_sparse(Matrix<const double> x, const PackedMatrix<double>& w,
                          Matrix<double> out) {
  const bool use = sparse(x, w.isa(), takeover().packed);
  if (use) binary_dot(x, w, out);
  return use;
}

}  // namespace damo
