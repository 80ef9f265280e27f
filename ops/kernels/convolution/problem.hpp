#pragma once
#include <algorithm>
#include <cstdint>

#include <damo/graph/values/tensor.hpp>
#include <damo/ops/kernels/convolution/convolution.hpp>

namespace damo {

/// Elements of patches that are laid out at a time: half of a second-level cache.
constexpr std::int64_t most_laid_out = 64 * 1024;

struct IndexRange {
  std::int64_t first, end;

  std::int64_t size() const { return end - first; }
  /// Those of `n` steps from `start` on that lie within [0, size).
  static IndexRange inside(std::int64_t start, std::int64_t step, std::int64_t size,
                           std::int64_t n) {
    const std::int64_t first = std::clamp<std::int64_t>((step - 1 - start) / step, 0, n);
    const std::int64_t end = start < size ? (size - 1 - start) / step + 1 : 0;
    return {first, std::clamp(end, first, n)};
  }
};

/// The sizes of a convolution and its operands for one image after the other.
template <class T>
struct ConvolutionProblem {
  const ConvolutionPlan& plan;
  std::int64_t images, rows, cols;  ///< of x
  std::int64_t channels, filters;   ///< in each group
  std::int64_t filter_rows, filter_cols;
  std::int64_t out_rows, out_cols;

  ConvolutionProblem(const ConvolutionPlan& p, const Tensor& x, const Tensor& w, const Tensor& y)
      : plan(p),
        images(x.shape[0]),
        rows(x.shape[2]),
        cols(x.shape[3]),
        channels(w.shape[1]),
        filters(w.shape[0] / p.groups),
        filter_rows(w.shape[2]),
        filter_cols(w.shape[3]),
        out_rows(y.shape[2]),
        out_cols(y.shape[3]) {}

  /// From the results of `of` back to its images, by `p`, where places step by 1.
  ConvolutionProblem(const ConvolutionPlan& p, const ConvolutionProblem& of)
      : plan(p),
        images(of.images),
        rows(of.out_rows),
        cols(of.out_cols),
        channels(of.filters),
        filters(of.channels),
        filter_rows(of.filter_rows),
        filter_cols(of.filter_cols),
        out_rows(of.rows),
        out_cols(of.cols) {}

  /// Elements of a patch, which is a filter's.
  std::int64_t patch() const { return channels * filter_rows * filter_cols; }
  std::int64_t places() const { return out_rows * out_cols; }
  /// Rows of places whose patches are laid out together.
  std::int64_t rows_at_once() const {
    const std::int64_t row = std::max<std::int64_t>(patch() * out_cols, 1);
    return std::clamp<std::int64_t>(most_laid_out / row, 1, std::max<std::int64_t>(out_rows, 1));
  }
  /// Whether a patch is one element of each channel, at its own place.
  bool is_product() const {
    return filter_rows == 1 && filter_cols == 1 && out_rows == rows && out_cols == cols &&
           plan.rows.stride == 1 && plan.cols.stride == 1 && plan.rows.before == 0 &&
           plan.cols.before == 0;
  }
  const T* image(const T* x, std::int64_t i, std::int64_t group) const {
    return x + (i * plan.groups + group) * channels * rows * cols;
  }
  const T* result(const T* y, std::int64_t i, std::int64_t group) const {
    return y + (i * plan.groups + group) * filters * places();
  }
  const T* filters_of(const T* w, std::int64_t group) const {
    return w + group * filters * patch();
  }
};

}  // namespace damo
