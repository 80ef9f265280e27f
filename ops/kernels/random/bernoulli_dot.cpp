#include <algorithm>
#include <atomic>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/products/binary_dot.hpp>
#include <damo/ops/kernels/random/below_sigmoid.hpp>
#include <damo/ops/kernels/random/bernoulli_dot.hpp>
#include <damo/ops/kernels/random/philox_schedule.hpp>

#define DAMO_KERNEL_FILE <damo/ops/kernels/random/bernoulli_dot.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {
namespace {

// Rows of x that are summed before they are drawn.
constexpr std::int64_t rows_per_pass = 64;
// Draws that are worth a thread, and those made before they are decided, which stay in the cache.
constexpr std::int64_t worth_a_thread = 4 * 4096;
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

auto decide_for(Isa isa) {
  constexpr decltype(&simd_sse2::decide) all[] = {&simd_sse2::decide, &simd_avx2::decide,
                                                  &simd_avx512::decide};
  return all[static_cast<std::size_t>(isa)];
}

class Draws {
 public:
  Draws(const PhiloxKey& key, Matrix<const float> x, Matrix<const float> w,
        const RoundedRows& rounded, Matrix<const float> bias, float* out)
      : key_(key), x_(x), w_(w), rounded_(rounded), bias_(bias), out_(out) {}

  void run() {
    static thread_local Scratch position_memory, start_memory, sum_memory;
    const std::int64_t blocks = Selection::blocks_of(x_.cols);
    const std::int64_t most = std::min(rows_per_pass, x_.rows);
    auto* positions = position_memory.reserve<std::uint32_t>(most * x_.cols + 16);
    auto* starts = start_memory.reserve<std::int64_t>(most * (blocks + 1));
    auto* sums = sum_memory.reserve<float>(most * rounded_.padded_cols());
    for (std::int64_t i = 0; i < x_.rows; i += rows_per_pass) {
      const std::int64_t rows = std::min(rows_per_pass, x_.rows - i);
      selected_ = select_rows(x_.block(i, 0, rows, x_.cols), positions, starts);
      rounded_.sum(selected_, sums);
      draw_pass(i, sums);
    }
  }

 private:
  void draw_pass(std::int64_t first, float* sums) const {
    const std::int64_t cols = w_.cols;
    const std::int64_t some = std::max<std::int64_t>(1, draws_at_a_time / cols);
    const std::int64_t chunk = std::max(some, worth_a_thread / cols / some * some);
    parallel_for(selected_.rows, chunk, [&](std::int64_t begin, std::int64_t end) {
      static thread_local Scratch bias_memory, doubt_memory;
      auto* bias = bias_memory.reserve<float>(cols);
      auto* doubts = doubt_memory.reserve<std::uint32_t>(cols);
      std::int64_t in_doubt = 0;
      for (std::int64_t i = begin; i < end; i += some) {
        const std::int64_t last = std::min(i + some, end);
        uniform(key_, (first + i) * cols, (last - i) * cols, out_ + (first + i) * cols);
        for (std::int64_t row = i; row < last; ++row) {
          const float* b = bias_of(first + row, row == begin, bias);
          float* row_sums = sums + row * rounded_.padded_cols();
          in_doubt += is_bound_of_use(row) ? draw_row(first + row, row, row_sums, b, doubts)
                                           : draw_row_exactly(first + row, row, row_sums, b);
        }
      }
      if (in_doubt > 0) doubts_so_far.fetch_add(in_doubt, std::memory_order_relaxed);
    });
  }

  /// A row of the bias without gaps. One that is the same for all rows is laid out once.
  const float* bias_of(std::int64_t row, bool fresh, float* memory) const {
    if (bias_.col_stride == 1) return &bias_(row, 0);
    if (fresh || bias_.row_stride != 0) {
      for (std::int64_t j = 0; j < bias_.cols; ++j) memory[j] = bias_(row, j);
    }
    return memory;
  }

  bool is_bound_of_use(std::int64_t i) const {
    const double width = width_of(selected_.end(i) - selected_.begin(i));
    return rounded_.unbounded_cols() * 8 <= w_.cols &&
           width * rounded_.mean_step() <= widest_mean && width * rounded_.largest_step() <= widest;
  }

  /// Row `i` of the pass, `row` of the result. Returns how many elements were in doubt.
  std::int64_t draw_row(std::int64_t row, std::int64_t i, const float* sums, const float* bias,
                        std::uint32_t* doubts) const {
    float* out = out_ + row * w_.cols;
    const auto width = static_cast<float>(width_of(selected_.end(i) - selected_.begin(i)));
    const auto decide = decide_for(isa());
    const std::int64_t count = decide(sums, rounded_.steps(), bias, width, w_.cols, out, doubts);
    for (std::int64_t d = 0; d < count; ++d) {
      const std::uint32_t j = doubts[d];
      float z = 0;
      add_columns<1>(i, j, &z);
      out[j] = out[j] < math::sigmoid(z + bias[j]) ? 1.0F : 0.0F;
    }
    return count;
  }

  /// The same by sums of floats alone.
  std::int64_t draw_row_exactly(std::int64_t row, std::int64_t i, float* z,
                                const float* bias) const {
    const std::int64_t cols = w_.cols;
    if (w_.col_stride == 1) {
      binary_dot(x_.block(row, 0, 1, x_.cols), w_, {z, 1, cols, cols, 1});
    } else {
      std::int64_t j = 0;
      for (; j + columns_at_once <= cols; j += columns_at_once)
        add_columns<columns_at_once>(i, j, z + j);
      for (; j < cols; ++j) add_columns<1>(i, j, z + j);
    }
    float* out = out_ + row * cols;
    for (std::int64_t j = 0; j < cols; ++j)
      out[j] = out[j] < math::sigmoid(z[j] + bias[j]) ? 1.0F : 0.0F;
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
  Matrix<const float> bias_;
  float* out_;
  Selection selected_{};
};

}  // namespace

void bernoulli_dot(const PhiloxKey& key, Matrix<const float> x, Matrix<const float> w,
                   const RoundedRows& rounded, Matrix<const float> bias, float* out) {
  if (x.rows == 0 || w.cols == 0) return;
  Draws(key, x, w, rounded, bias, out).run();
}

std::int64_t bernoulli_dot_doubts() { return doubts_so_far.load(std::memory_order_relaxed); }

}  // namespace damo
