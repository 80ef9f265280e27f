#pragma once
#include <algorithm>
#include <cstdint>

#include <damo/ops/kernels/convolution/direct.hpp>
#include <damo/ops/kernels/convolution/framed_images.hpp>
#include <damo/ops/kernels/convolution/problem.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>

namespace damo {

/// Convolutions without patches, image by image.
template <class T>
class DirectImages {
 public:
  static bool pay(const ConvolutionProblem<T>& p) { return FramedImages<T>::can(p, 0.6); }

  DirectImages(const ConvolutionProblem<T>& p, const T* w) : p_(p), frames_(p) {
    static thread_local Scratch filters, places;
    T* packed = filters.reserve<T>(p.plan.groups * p.filters * p.patch());
    for (std::int64_t group = 0; group < p.plan.groups; ++group) {
      pack_filters(p.filters_of(w, group), p.filters, p.patch(),
                   packed + group * p.filters * p.patch());
    }
    auto* offsets = places.reserve<std::int64_t>(p.patch());
    frames_.find_offsets(offsets);
    work_ = {p.filters, p.patch(), offsets, frames_.row_step(), p.out_rows, p.out_cols, packed};
  }

  void run(const T* x, T* y, std::int64_t i) const {
    static thread_local Scratch memory;
    T* image = memory.reserve<T>(frames_.size() + DirectConvolution<T>::slack);
    std::fill_n(image + frames_.size(), DirectConvolution<T>::slack, T(0));
    for (std::int64_t group = 0; group < p_.plan.groups; ++group) {
      frames_.frame(p_.image(x, i, group), image);
      DirectConvolution<T> work = work_;
      work.packed += group * p_.filters * p_.patch();
      work.run(image, const_cast<T*>(p_.result(y, i, group)));
    }
  }

 private:
  const ConvolutionProblem<T>& p_;
  FramedImages<T> frames_;
  DirectConvolution<T> work_;
};

/// Sums over places without patches, a few images at a time.
template <class T>
class DirectSums {
 public:
  static bool pay(const ConvolutionProblem<T>& p) { return FramedImages<T>::can(p, 0.8); }
  /// Places are filled up to whole vectors, and what stands beside an image counts 0 times.
  static bool exact(const ConvolutionProblem<T>& p) {
    return DirectCorrelation<T>::padded(p.out_rows, p.out_cols) == p.places();
  }

  explicit DirectSums(const ConvolutionProblem<T>& p)
      : p_(p),
        frames_(p),
        padded_(DirectCorrelation<T>::padded(p.out_rows, p.out_cols)),
        at_once_(std::clamp<std::int64_t>(most_places / padded_, 1, 8)) {
    static thread_local Scratch places, starts;
    auto* offsets = places.reserve<std::int64_t>(p.patch());
    frames_.find_offsets(offsets);
    auto* first = starts.reserve<std::int64_t>(padded_);
    work_ = {.filters = p.filters,
             .patch = p.patch(),
             .offsets = offsets,
             .places = padded_,
             .starts = first,
             .image_step = frames_.size()};
    work_.find_starts(first, frames_.row_step(), p.out_rows, p.out_cols);
  }

  /// Adds the parts of images [first, end) to the sums at `w`.
  void run(const T* x, const T* y, T* w, std::int64_t first, std::int64_t end) const {
    static thread_local Scratch framed, filled;
    T* images = framed.reserve<T>(at_once_ * frames_.size() + DirectConvolution<T>::slack);
    T* results = filled.reserve<T>(at_once_ * p_.filters * padded_);
    for (std::int64_t i = first; i < end; i += at_once_) {
      const std::int64_t n = std::min(at_once_, end - i);
      std::fill_n(images + n * frames_.size(), DirectConvolution<T>::slack, T(0));
      for (std::int64_t group = 0; group < p_.plan.groups; ++group) {
        for (std::int64_t k = 0; k < n; ++k) {
          frames_.frame(p_.image(x, i + k, group), images + k * frames_.size());
          if (!exact(p_)) fill_up(p_.result(y, i + k, group), results + k * p_.filters * padded_);
        }
        work_.run(n, images, exact(p_) ? p_.result(y, i, group) : results,
                  exact(p_) ? p_.plan.groups * p_.filters * padded_ : p_.filters * padded_,
                  const_cast<T*>(p_.filters_of(w, group)));
      }
    }
  }

 private:
  /// Of one filter, together: so many stay in the first-level cache with those of others.
  static constexpr std::int64_t most_places = 1024;

  /// Rows of places in whole halves of vectors, with zeros behind.
  void fill_up(const T* y, T* to) const {
    const std::int64_t row = DirectCorrelation<T>::padded_row(p_.out_cols);
    for (std::int64_t f = 0; f < p_.filters; ++f, to += padded_) {
      for (std::int64_t r = 0; r < p_.out_rows; ++r, y += p_.out_cols) {
        std::copy_n(y, p_.out_cols, to + r * row);
        std::fill(to + r * row + p_.out_cols, to + (r + 1) * row, T(0));
      }
      std::fill(to + p_.out_rows * row, to + padded_, T(0));
    }
  }

  const ConvolutionProblem<T>& p_;
  FramedImages<T> frames_;
  std::int64_t padded_, at_once_;
  DirectCorrelation<T> work_;
};

}  // namespace damo
