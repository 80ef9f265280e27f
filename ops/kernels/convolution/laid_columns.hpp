#pragma once
#include <algorithm>
#include <cstdint>

#include <damo/ops/kernels/convolution/plane_rows.hpp>
#include <damo/ops/kernels/convolution/problem.hpp>

namespace damo {

/// Images of which each column of a filter has a copy: what it meets at the places, row by row.
/// Places then lie one behind the other for each element of the filter, rows down a filter being
/// rows down the copy. Where places step over rows, rows of each remainder lie together.
template <class T>
class LaidColumns {
 public:
  /// Of as many rows of places at a time as stay in the second-level cache.
  explicit LaidColumns(const ConvolutionProblem<T>& p) : p_(p), steps_(p.plan.rows.stride) {
    const std::int64_t reach = (p.filter_rows - 1) * p.plan.rows.dilation / steps_;
    const std::int64_t row = std::max<std::int64_t>(p.channels * p.filter_cols * steps_, 1) *
                             std::max<std::int64_t>(p.out_cols, 1);
    const std::int64_t most = std::max(most_laid_out * 3 / row - reach, reach + 1);
    const std::int64_t parts = (p.out_rows + most - 1) / most;
    rows_at_once_ = (p.out_rows + parts - 1) / parts;
    copy_rows_ = rows_at_once_ + reach;
  }

  std::int64_t rows_at_once() const { return rows_at_once_; }
  /// Elements of an image's copies.
  std::int64_t size() const { return p_.channels * p_.filter_cols * steps_ * copy(); }

  /// Where elements of a filter meet the first place, in their order.
  void find_offsets(std::int64_t* offsets) const {
    for (std::int64_t c = 0; c < p_.channels; ++c) {
      for (std::int64_t i = 0; i < p_.filter_rows; ++i) {
        for (std::int64_t j = 0; j < p_.filter_cols; ++j) *offsets++ = offset(c, i, j);
      }
    }
  }
  std::int64_t offset(std::int64_t channel, std::int64_t i, std::int64_t j) const {
    const std::int64_t row = down(i);
    return ((j * steps_ + row % steps_) * p_.channels + channel) * copy() +
           row / steps_ * p_.out_cols;
  }

  /// Rows from a place down to row `i` of a filter.
  std::int64_t down(std::int64_t i) const {
    return (p_.plan.flip ? p_.filter_rows - 1 - i : i) * p_.plan.rows.dilation;
  }

  /// Lays out what rows [first, first + rows) of places meet.
  void lay(const T* x, std::int64_t first, std::int64_t rows, T* to) const {
    const FilterSteps& across = p_.plan.cols;
    for (std::int64_t j = 0; j < p_.filter_cols; ++j) {
      const std::int64_t left =
          (p_.plan.flip ? p_.filter_cols - 1 - j : j) * across.dilation - across.before;
      for (std::int64_t rest = 0; rest < steps_; ++rest, to += p_.channels * copy()) {
        if (met(rest)) lay_copies(x, left, first * steps_ + rest, rows, to);
      }
    }
  }

 private:
  std::int64_t copy() const { return copy_rows_ * p_.out_cols; }
  bool met(std::int64_t rest) const {
    for (std::int64_t i = 0; i < p_.filter_rows; ++i) {
      if (down(i) % steps_ == rest) return true;
    }
    return false;
  }

  /// One copy of each channel: rows from `top` on, counted from what is added before the image.
  void lay_copies(const T* x, std::int64_t left, std::int64_t top, std::int64_t rows, T* to) const {
    const std::int64_t n = rows + copy_rows_ - rows_at_once_, cols = p_.out_cols;
    const std::int64_t step = p_.plan.cols.stride;
    top -= p_.plan.rows.before;
    const IndexRange down = IndexRange::inside(top, steps_, p_.rows, n);
    const IndexRange wide = IndexRange::inside(left, step, p_.cols, cols);
    if (down.size() > 0 && wide.size() > 0) {
      const T* corner = x + (top + down.first * steps_) * p_.cols + left + wide.first * step;
      gather_rows<T>({corner, p_.rows * p_.cols, p_.cols * steps_, step}, p_.channels, down.size(),
                     wide.size(), {to + down.first * cols + wide.first, copy(), cols});
    }
    if (down.first == 0 && down.end == n && wide.first == 0 && wide.end == cols) return;
    for (std::int64_t c = 0; c < p_.channels; ++c, to += copy()) {
      std::fill(to, to + down.first * cols, T(0));
      for (std::int64_t r = down.first; r < down.end; ++r) {
        for (std::int64_t q = 0; q < wide.first; ++q) to[r * cols + q] = T(0);
        for (std::int64_t q = wide.end; q < cols; ++q) to[r * cols + q] = T(0);
      }
      std::fill(to + down.end * cols, to + n * cols, T(0));
    }
  }

  const ConvolutionProblem<T>& p_;
  std::int64_t steps_, rows_at_once_ = 0, copy_rows_ = 0;
};

}  // namespace damo
