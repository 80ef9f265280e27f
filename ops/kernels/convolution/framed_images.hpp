#pragma once
#include <algorithm>
#include <cstdint>

#include <damo/ops/kernels/convolution/direct.hpp>
#include <damo/ops/kernels/convolution/problem.hpp>

namespace damo {

/// Images with what is added around them, in which each element of a filter meets an image at one
/// distance from the place of the filter.
template <class T>
class FramedImages {
 public:
  explicit FramedImages(const ConvolutionProblem<T>& p)
      : p_(p),
        rows_((p.out_rows - 1) * p.plan.rows.stride + 1 + reach(p.plan.rows, p.filter_rows)),
        cols_(p.out_cols + reach(p.plan.cols, p.filter_cols)) {}

  /// Whether they can stand for patches where `least_use` of the work in vectors counts.
  static bool can(const ConvolutionProblem<T>& p, double least_use) {
    return p.plan.cols.stride == 1 && !p.is_product() &&
           DirectConvolution<T>::use(p.out_cols) >= least_use;
  }

  /// Elements of one.
  std::int64_t size() const { return p_.channels * rows_ * cols_; }
  /// From one row of places to the next.
  std::int64_t row_step() const { return cols_ * p_.plan.rows.stride; }

  /// The distances, for `patch()` elements of a filter.
  void find_offsets(std::int64_t* offsets) const {
    const auto along = [&](std::int64_t i, std::int64_t n, const FilterSteps& steps) {
      return (p_.plan.flip ? n - 1 - i : i) * steps.dilation;
    };
    for (std::int64_t c = 0; c < p_.channels; ++c) {
      for (std::int64_t i = 0; i < p_.filter_rows; ++i) {
        for (std::int64_t j = 0; j < p_.filter_cols; ++j) {
          *offsets++ = (c * rows_ + along(i, p_.filter_rows, p_.plan.rows)) * cols_ +
                       along(j, p_.filter_cols, p_.plan.cols);
        }
      }
    }
  }

  void frame(const T* x, T* to) const {
    if (p_.plan.rows.before == 0 && p_.plan.cols.before == 0 && rows_ == p_.rows &&
        cols_ == p_.cols) {
      std::copy_n(x, size(), to);
      return;
    }
    const std::int64_t left = p_.plan.cols.before;
    const std::int64_t begin = std::clamp<std::int64_t>(left, 0, cols_);
    const std::int64_t end = std::clamp<std::int64_t>(p_.cols + left, begin, cols_);
    for (std::int64_t c = 0; c < p_.channels; ++c) {
      for (std::int64_t r = 0; r < rows_; ++r, to += cols_) {
        const std::int64_t row = r - p_.plan.rows.before;
        if (row < 0 || row >= p_.rows) {
          std::fill_n(to, cols_, T(0));
          continue;
        }
        std::fill_n(to, begin, T(0));
        std::copy_n(x + (c * p_.rows + row) * p_.cols + (begin - left), end - begin, to + begin);
        std::fill(to + end, to + cols_, T(0));
      }
    }
  }

 private:
  /// How far a filter reaches beyond its first element.
  static std::int64_t reach(const FilterSteps& steps, std::int64_t size) {
    return (size - 1) * steps.dilation;
  }

  const ConvolutionProblem<T>& p_;
  std::int64_t rows_, cols_;  // of a framed image
};

}  // namespace damo
