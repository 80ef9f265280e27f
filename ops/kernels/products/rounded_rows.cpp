#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/products/rounded_rows.hpp>

namespace damo {
namespace {

/// A panel to be rounded. Row k of vector v of w is at w + k row_stride + v vector_stride.
struct RoundedPanel {
  const float* w;
  std::int64_t row_stride, vector_stride;
  std::int64_t rows, cols;
  std::uint32_t* to;
  // For each column.
  std::uint32_t* bits;           // of the largest |w|
  const float* per_step;         // 1 / step
  const std::uint32_t* bounded;  // all bits where the step is finite
};

/// Sums over a panel.
struct RoundedSums {
  Selection selected;
  const std::uint32_t* words;
  std::int64_t row_words;
  float* sums;
  std::int64_t stride;
};

}  // namespace
}  // namespace damo

#define DAMO_KERNEL_FILE <damo/ops/kernels/products/rounded_rows.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {
namespace {

constexpr std::int64_t wide = RoundedRows::panel_cols;
// Elements below which rounding stays on the calling thread.
constexpr std::int64_t parallel_elements = 1 << 18;

struct Table {
  std::int64_t lanes;
  std::int64_t (*find)(const float*, std::int64_t, std::uint32_t*);
  void (*largest_bits)(const RoundedPanel&);
  void (*round_panel)(const RoundedPanel&);
  void (*lay_out)(Matrix<const float>, float*);
  void (*sum_panel)(const RoundedSums&);
};

template <class K>
constexpr Table table_of() {
  return {K::lanes, &K::find, &K::largest_bits, &K::round_panel, &K::lay_out, &K::sum_panel};
}

const Table& table() {
  static constexpr Table tables[] = {table_of<simd_sse2::RoundedKernels<>>(),
                                     table_of<simd_avx2::RoundedKernels<>>(),
                                     table_of<simd_avx512::RoundedKernels<>>()};
  return tables[static_cast<std::size_t>(isa())];
}

/// The columns of a panel laid out without gaps, made up to `cols` with zeros.
const float* laid_out(Matrix<const float> part, std::int64_t cols, const Table& kernels) {
  static thread_local Scratch memory;
  auto* to = memory.reserve<float>(part.rows * cols);
  kernels.lay_out(part, to);
  const std::int64_t done = (part.cols + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
  std::fill(to + part.rows * done, to + part.rows * cols, 0.0F);
  return to;
}

/// The step that takes the largest |w| to 16382, so that rounding of it and of the quotients leaves
/// them below 16383.
float step_for(std::uint32_t bits) {
  const float largest = std::bit_cast<float>(bits);
  if (!(largest <= 0x1p100F)) return std::numeric_limits<float>::infinity();
  return std::max(largest / 16382, 0x1p-110F);
}

void round_panel(const Table& kernels, Matrix<const float> part, std::int64_t cols, float* steps,
                 std::uint32_t* to) {
  alignas(64) std::uint32_t bits[wide];
  alignas(64) float per_step[wide];
  alignas(64) std::uint32_t bounded[wide];
  RoundedPanel p{part.data, part.row_stride, kernels.lanes, part.rows, cols, to,
                 bits,      per_step,        bounded};
  if (part.cols != cols || part.col_stride != 1) {
    p.w = laid_out(part, cols, kernels);
    p.row_stride = kernels.lanes;
    p.vector_stride = part.rows * kernels.lanes;
  }
  kernels.largest_bits(p);
  for (std::int64_t j = 0; j < cols; ++j) {
    steps[j] = step_for(bits[j]);
    const bool finite = std::isfinite(steps[j]);
    per_step[j] = finite ? 1 / steps[j] : 0.0F;
    bounded[j] = finite ? ~std::uint32_t{0} : 0;
  }
  kernels.round_panel(p);
}

}  // namespace

Selection select_rows(Matrix<const float> x, std::uint32_t* positions, std::int64_t* starts) {
  const Selection selected{x.rows, x.cols, positions, starts, Selection::blocks_of(x.cols)};
  const auto find = table().find;
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t block = 0; block < selected.blocks; ++block) {
      *starts++ = total;
      const std::int64_t k = std::min(block * selected.block_rows(), x.cols);
      const std::int64_t n = std::min(selected.block_rows(), x.cols - k);
      const std::int64_t found = find(x.data + i * x.row_stride + k, n, positions + total);
      for (std::int64_t at = total; k > 0 && at < total + found; ++at)
        positions[at] += static_cast<std::uint32_t>(k);
      total += found;
    }
    *starts++ = total;
  }
  return selected;
}

std::int64_t RoundedRows::words(std::int64_t rows, std::int64_t cols) {
  const std::int64_t all = padded(cols);
  return header_words + all / 2 + rows * all / 4;
}

void RoundedRows::round(Matrix<const float> w, std::int64_t* words) {
  std::fill_n(words, header_words, 0);
  words[0] = w.rows;
  words[1] = w.cols;
  auto* steps = reinterpret_cast<float*>(words + header_words);
  auto* panels = reinterpret_cast<std::uint32_t*>(words + header_words + padded(w.cols) / 2);
  const Table& kernels = table();
  const std::int64_t n_panels = (w.cols + wide - 1) / wide;
  const bool parallel = w.rows * w.cols > parallel_elements;
  parallel_for(n_panels, parallel ? 1 : n_panels, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin * wide; j < end * wide && j < w.cols; j += wide) {
      const std::int64_t cols = std::min(wide, w.cols - j);
      round_panel(kernels, w.block(0, j, w.rows, cols), padded(cols), steps + j,
                  panels + j / 2 * w.rows);
    }
  });
  double total = 0;
  float largest = 0;
  std::int64_t unbounded = 0;
  for (std::int64_t j = 0; j < w.cols; ++j) {
    if (!std::isfinite(steps[j])) {
      ++unbounded;
      continue;
    }
    largest = std::max(largest, steps[j]);
    total += steps[j];
  }
  words[2] = unbounded;
  auto* summary = reinterpret_cast<float*>(words + 3);
  summary[0] = largest;
  summary[1] = static_cast<float>(
      total / static_cast<double>(std::max<std::int64_t>(w.cols - unbounded, 1)));
}

void RoundedRows::sum(const Selection& selected, std::int64_t first, std::int64_t cols,
                      float* sums) const {
  const auto sum_panel = table().sum_panel;
  const std::int64_t stride = padded(cols);
  for (std::int64_t j = 0; j < cols; j += wide) {
    const std::int64_t row_words = padded(std::min(wide, cols - j)) / 2;
    sum_panel({selected, panels() + (first + j) / 2 * rows(), row_words, sums + j, stride});
  }
}

}  // namespace damo
