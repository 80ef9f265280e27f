#include <algorithm>
#include <atomic>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/products/binary_dot.hpp>
#include <damo/ops/kernels/random/below_sigmoid.hpp>
#include <damo/ops/kernels/random/bernoulli_dot.hpp>
#include <damo/ops/kernels/random/philox_schedule.hpp>

namespace damo {
namespace {

/// A row of the result with what its elements are drawn by, without gaps.
struct DrawnRow {
  const float* sums;  // in steps; as floats where no bound is of use
  const float* bias;
  float scale;
  const float* shift;  // none where it is 0 and the scale is 1
  float width;         // of the bound of z, in steps
  std::int64_t cols;
  float* out;  // holds the uniform numbers

  float draw(std::int64_t j, float sum) const {
    float z = sum + bias[j];
    if (shift != nullptr) z = z * scale + shift[j];
    return out[j] < math::sigmoid(z) ? 1.0F : 0.0F;
  }
};

}  // namespace
}  // namespace damo

#define DAMO_KERNEL_FILE <damo/ops/kernels/random/bernoulli_dot.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {
namespace {

// Rows of x that are summed before they are drawn.
constexpr std::int64_t rows_per_pass = 64;
// Additions of rounded weights that are worth threads, and how many a draw takes as long as.
constexpr std::int64_t worth_threads = std::int64_t{1} << 19;
constexpr std::int64_t cost_of_draw = 64;
// Draws made before they are decided, which stay in the cache.
constexpr std::int64_t draws_at_a_time = 4096;
// Bounds on z: beyond the first, summing the doubtful elements takes longer than summing all;
// beyond the other what `decide` takes for granted would not hold.
constexpr double widest_mean = 0.0625;
constexpr double widest = 1.25;

std::atomic<std::int64_t> doubts_so_far{0};

/// What |z - (sums steps + bias)| is at most, in steps, where n rows are added (docs/kernels.md).
double width_of(std::int64_t n) {
  const auto count = static_cast<double>(n);
  return count * (0.506 + 0.0005 * (count + 1));
}

// Chains of additions that run side by side.
constexpr int columns_at_once = 8;

using Decide = std::int64_t (*)(const DrawnRow&, const float*, std::uint32_t*);

Decide decide_for(Isa isa, bool scaled) {
  constexpr Decide all[][2] = {{&simd_sse2::decide<false>, &simd_sse2::decide<true>},
                               {&simd_avx2::decide<false>, &simd_avx2::decide<true>},
                               {&simd_avx512::decide<false>, &simd_avx512::decide<true>}};
  return all[static_cast<std::size_t>(isa)][scaled ? 1 : 0];
}

/// A matrix whose rows are read one after the other. One that is the same for all is laid out once.
class RowsWithoutGaps {
 public:
  RowsWithoutGaps(Matrix<const float> m, float* memory) : m_(m), memory_(memory) {}
  const float* row(std::int64_t i) {
    if (m_.col_stride == 1) return &m_(i, 0);
    if (fresh_ || m_.row_stride != 0) {
      for (std::int64_t j = 0; j < m_.cols; ++j) memory_[j] = m_(i, j);
    }
    fresh_ = false;
    return memory_;
  }

 private:
  Matrix<const float> m_;
  float* memory_;
  bool fresh_ = true;
};

/// Whether all elements are that number because there is one for all.
bool is_throughout(Matrix<const float> m, float x) {
  return m.row_stride == 0 && m.col_stride == 0 && *m.data == x;
}

class Draws {
 public:
  Draws(const PhiloxKey& key, Matrix<const float> x, Matrix<const float> w,
        const RoundedRows& rounded, const LogitOfSum& logit, float* out)
      : key_(key),
        x_(x),
        w_(w),
        rounded_(rounded),
        logit_(logit),
        out_(out),
        scaled_(!is_throughout(logit.scale, 1) || !is_throughout(logit.shift, 0)),
        decide_(decide_for(isa(), scaled_)) {}

  void run() {
    static thread_local Scratch position_memory, start_memory;
    const std::int64_t blocks = Selection::blocks_of(x_.cols);
    const std::int64_t most = std::min(rows_per_pass, x_.rows);
    auto* positions = position_memory.reserve<std::uint32_t>(most * x_.cols + 16);
    auto* starts = start_memory.reserve<std::int64_t>(most * (blocks + 1));
    for (std::int64_t i = 0; i < x_.rows; i += rows_per_pass) {
      const std::int64_t rows = std::min(rows_per_pass, x_.rows - i);
      selected_ = select_rows(x_.block(i, 0, rows, x_.cols), positions, starts);
      const std::int64_t cols = cols_per_part();
      parallel_for((w_.cols + cols - 1) / cols, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t part = begin; part < end; ++part)
          draw_part(i, part * cols, std::min(cols, w_.cols - part * cols));
      });
    }
  }

 private:
  /// Whole panels: as many as there are, unless threads are worth their while, who then find a few
  /// parts each. What an element is does not depend on the part that it is in.
  std::int64_t cols_per_part() const {
    const std::int64_t panels = (w_.cols + RoundedRows::panel_cols - 1) / RoundedRows::panel_cols;
    const std::int64_t additions =
        (selected_.end(selected_.rows - 1) - selected_.positions) * w_.cols;
    const bool alone =
        num_threads() == 1 || additions + cost_of_draw * selected_.rows * w_.cols < worth_threads;
    const std::int64_t parts = alone ? 1 : 2 * num_threads();
    return (panels + parts - 1) / parts * RoundedRows::panel_cols;
  }

  /// Columns from `from` on of the pass that begins at row `first`.
  void draw_part(std::int64_t first, std::int64_t from, std::int64_t cols) const {
    static thread_local Scratch sum_memory, bias_memory, shift_memory, doubt_memory;
    const std::int64_t rows = selected_.rows;
    const std::int64_t stride = RoundedRows::padded(cols);
    auto* sums = sum_memory.reserve<float>(rows * stride);
    rounded_.sum(selected_, from, cols, sums);
    RowsWithoutGaps bias(logit_.bias.block(0, from, x_.rows, cols),
                         bias_memory.reserve<float>(cols));
    RowsWithoutGaps shift(logit_.shift.block(0, from, x_.rows, cols),
                          shift_memory.reserve<float>(cols));
    auto* doubts = doubt_memory.reserve<std::uint32_t>(cols);
    // Whole rows lie one after the other.
    const std::int64_t at_once =
        cols == w_.cols ? std::max<std::int64_t>(1, draws_at_a_time / cols) : 1;
    std::int64_t in_doubt = 0;
    for (std::int64_t k = 0; k < rows; ++k) {
      const std::int64_t row = first + k;
      const float scale = logit_.scale(row, 0);
      const double width = width_of(selected_.end(k) - selected_.begin(k)) * std::abs(scale);
      const DrawnRow drawn{sums + k * stride,
                           bias.row(row),
                           scale,
                           scaled_ ? shift.row(row) : nullptr,
                           static_cast<float>(width),
                           cols,
                           out_ + row * w_.cols + from};
      if (k % at_once == 0)
        uniform(key_, row * w_.cols + from, std::min(at_once, rows - k) * cols, drawn.out);
      in_doubt += is_bound_of_use(width)
                      ? draw_row(drawn, from, k, doubts)
                      : draw_row_exactly(drawn, first, from, k, sums + k * stride);
    }
    if (in_doubt > 0) doubts_so_far.fetch_add(in_doubt, std::memory_order_relaxed);
  }

  bool is_bound_of_use(double width) const {
    return rounded_.unbounded_cols() * 8 <= w_.cols &&
           width * rounded_.mean_step() <= widest_mean && width * rounded_.largest_step() <= widest;
  }

  /// Row `i` of the pass, from column `from` on. Returns how many elements were in doubt.
  std::int64_t draw_row(const DrawnRow& row, std::int64_t from, std::int64_t i,
                        std::uint32_t* doubts) const {
    const std::int64_t count = decide_(row, rounded_.steps() + from, doubts);
    for (std::int64_t d = 0; d < count; ++d) {
      const std::uint32_t j = doubts[d];
      float sum = 0;
      add_columns<1>(i, from + j, &sum);
      row.out[j] = row.draw(j, sum);
    }
    return count;
  }

  /// The same by sums of floats alone, where the pass begins at row `first`.
  std::int64_t draw_row_exactly(const DrawnRow& row, std::int64_t first, std::int64_t from,
                                std::int64_t i, float* sums) const {
    const std::int64_t cols = row.cols;
    if (w_.col_stride == 1) {
      binary_dot(x_.block(first + i, 0, 1, x_.cols), w_.block(0, from, w_.rows, cols),
                 {sums, 1, cols, cols, 1});
    } else {
      std::int64_t j = 0;
      for (; j + columns_at_once <= cols; j += columns_at_once)
        add_columns<columns_at_once>(i, from + j, sums + j);
      for (; j < cols; ++j) add_columns<1>(i, from + j, sums + j);
    }
    for (std::int64_t j = 0; j < cols; ++j) row.out[j] = row.draw(j, sums[j]);
    return cols;
  }

  /// The chains of additions that a product of floats makes, of `Cols` columns from `first` on.
  template <int Cols>
  void add_columns(std::int64_t i, std::int64_t first, float* to) const {
    const float* column = w_.data + first * w_.col_stride;
    float sums[Cols] = {};
    for (const std::uint32_t* at = selected_.begin(i); at != selected_.end(i); ++at) {
      const float* row = column + *at * w_.row_stride;
      for (int j = 0; j < Cols; ++j) sums[j] += row[j * w_.col_stride];
    }
    std::copy_n(sums, Cols, to);
  }

  const PhiloxKey& key_;
  Matrix<const float> x_, w_;
  const RoundedRows& rounded_;
  const LogitOfSum& logit_;
  float* out_;
  bool scaled_;
  Decide decide_;
  Selection selected_{};
};

}  // namespace

void bernoulli_dot(const PhiloxKey& key, Matrix<const float> x, Matrix<const float> w,
                   const RoundedRows& rounded, const LogitOfSum& logit, float* out) {
  if (x.rows == 0 || w.cols == 0) return;
  Draws(key, x, w, rounded, logit, out).run();
}

std::int64_t bernoulli_dot_doubts() { return doubts_so_far.load(std::memory_order_relaxed); }

}  // namespace damo
