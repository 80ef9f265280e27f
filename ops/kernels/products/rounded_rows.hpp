#pragma once
#include <cstdint>

#include <damo/ops/kernels/products/matrix.hpp>

namespace damo {

/// The rows of a matrix that each row of a 0/1 operand selects, in order.
struct Selection {
  std::int64_t rows;   ///< of the operand
  std::int64_t depth;  ///< its columns: the rows that there are to select
  const std::uint32_t* positions;
  /// Positions of row i in block b are those from starts[i (blocks + 1) + b] on, to the next start.
  const std::int64_t* starts;
  std::int64_t blocks;

  /// Rows up to which a block's panel stays near enough to be read again for each row of the
  /// operand.
  static constexpr std::int64_t most_block_rows = 512;
  static std::int64_t blocks_of(std::int64_t depth) {
    return depth <= most_block_rows ? 1 : (depth + most_block_rows - 1) / most_block_rows;
  }
  std::int64_t block_rows() const { return (depth + blocks - 1) / blocks; }
  const std::uint32_t* begin(std::int64_t row) const {
    return positions + starts[row * (blocks + 1)];
  }
  const std::uint32_t* end(std::int64_t row) const {
    return positions + starts[row * (blocks + 1) + blocks];
  }
};

/// Selects by the elements of x that are not 0. Its rows are contiguous; `positions` has room for
/// all elements and 16 more, `starts` for rows (blocks + 1) numbers.
Selection select_rows(Matrix<const float> x, std::uint32_t* positions, std::int64_t* starts);

/// A float matrix rounded to whole multiples of a step, each column's own, so that its rows are
/// added up as integers, in half the memory and without rounding. A view of memory that `round` has
/// filled. In each column |w - step q| <= 0.503 step, |q| <= 16383 and |w| <= 16383 step; the step
/// of one that holds NaN, an infinity or numbers beyond 2^100 is infinite.
class RoundedRows {
 public:
  /// What `round` can take.
  static constexpr std::int64_t most_rows = 1 << 16;
  /// How many words of memory a matrix of these sizes needs.
  static std::int64_t words(std::int64_t rows, std::int64_t cols);
  /// Fills `words`, which lie on a multiple of 8 bytes. Any strides; the bits are the same on every
  /// instruction set and number of threads.
  static void round(Matrix<const float> w, std::int64_t* words);
  explicit RoundedRows(const std::int64_t* words) : words_(words) {}

  std::int64_t rows() const { return words_[0]; }
  std::int64_t cols() const { return words_[1]; }
  /// How many columns have an infinite step.
  std::int64_t unbounded_cols() const { return words_[2]; }
  /// The largest step and the mean one, of the other columns.
  float largest_step() const { return reinterpret_cast<const float*>(words_ + 3)[0]; }
  float mean_step() const { return reinterpret_cast<const float*>(words_ + 3)[1]; }
  /// For each column; then as many as complete the last panel.
  const float* steps() const { return reinterpret_cast<const float*>(words_ + header_words); }
  /// Columns, made up to whole panels.
  std::int64_t padded_cols() const { return padded(cols()); }
  static std::int64_t padded(std::int64_t cols) { return (cols + narrow - 1) / narrow * narrow; }

  /// Columns of a panel: a range of columns to be summed begins at a multiple of it.
  static constexpr std::int64_t panel_cols = 64;
  /// The sum of the selected rows, in steps, of each row of the operand, for `cols` columns from
  /// `first` on: `sums` has padded(cols) numbers a row. Exact integers, converted to float once. On
  /// the calling thread.
  void sum(const Selection& selected, std::int64_t first, std::int64_t cols, float* sums) const;

 private:
  static constexpr std::int64_t header_words = 8;
  // Columns in the last panel where half of one is enough.
  static constexpr std::int64_t narrow = 32;
  const std::uint32_t* panels() const {
    return reinterpret_cast<const std::uint32_t*>(words_ + header_words + padded_cols() / 2);
  }

  const std::int64_t* words_;
};

}  // namespace damo
