#pragma once
#include <algorithm>
#include <cstdint>

#include <damo/ops/kernels/convolution/direct.hpp>
#include <damo/ops/kernels/convolution/problem.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>

namespace damo {

/// Convolutions without patches, image by image.
template <class T>
class DirectImages {
 public:
  static bool pays(const ConvolutionProblem<T>& p) {
    return p.plan.cols.stride == 1 && !p.is_product() &&
           DirectConvolution<T>::use(p.out_cols) >= least_use;
  }

  DirectImages(const ConvolutionProblem<T>& p, const T* w)
      : p_(p),
        rows_((p.out_rows - 1) * p.plan.rows.stride + 1 + reach(p.plan.rows, p.filter_rows)),
        cols_(p.out_cols + reach(p.plan.cols, p.filter_cols)) {
    static thread_local Scratch filters, places;
    T* packed = filters.reserve<T>(p.plan.groups * p.filters * p.patch());
    for (std::int64_t group = 0; group < p.plan.groups; ++group) {
      pack_filters(p.filters_of(w, group), p.filters, p.patch(),
                   packed + group * p.filters * p.patch());
    }
    auto* offsets = places.reserve<std::int64_t>(p.patch());
    find_offsets(offsets);
    work_ = {p.filters,  p.patch(),  offsets, cols_ * p.plan.rows.stride,
             p.out_rows, p.out_cols, packed};
  }

  void run(const T* x, T* y, std::int64_t i) const {
    static thread_local Scratch memory;
    const std::int64_t size = p_.channels * rows_ * cols_;
    T* image = memory.reserve<T>(size + DirectConvolution<T>::slack);
    std::fill_n(image + size, DirectConvolution<T>::slack, T(0));
    for (std::int64_t group = 0; group < p_.plan.groups; ++group) {
      frame(p_.image(x, i, group), image);
      DirectConvolution<T> work = work_;
      work.packed += group * p_.filters * p_.patch();
      work.run(image, const_cast<T*>(p_.result(y, i, group)));
    }
  }

 private:
  static constexpr double least_use = 0.6;

  /// How far a filter reaches beyond its first element.
  static std::int64_t reach(const FilterSteps& steps, std::int64_t size) {
    return (size - 1) * steps.dilation;
  }

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

  /// The image with what is added around it.
  void frame(const T* x, T* to) const {
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

  const ConvolutionProblem<T>& p_;
  std::int64_t rows_, cols_;  // of a framed image
  DirectConvolution<T> work_;
};

}  // namespace damo
