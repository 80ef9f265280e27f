#pragma once
#include <algorithm>
#include <cstdint>
#include <numeric>

#include <damo/ops/kernels/convolution/direct.hpp>
#include <damo/ops/kernels/convolution/laid_columns.hpp>
#include <damo/ops/kernels/convolution/problem.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>

namespace damo {

/// Whether a vector of places is at least half full: in float32, of the widest.
inline bool fill_vectors(std::int64_t places) { return places > 8; }

/// Convolutions without patches, image by image.
template <class T>
class DirectImages {
 public:
  static bool pay(const ConvolutionProblem<T>& p) {
    return !p.is_product() && fill_vectors(p.places());
  }

  DirectImages(const ConvolutionProblem<T>& p, const T* w) : p_(p), laid_(p) {
    static thread_local Scratch filters, places;
    const std::int64_t patch = p.patch();
    auto* offsets = places.reserve<std::int64_t>(2 * patch);
    auto* order = offsets + patch;
    std::iota(order, order + patch, 0);
    T* packed = filters.reserve<T>(p.plan.groups * p.filters * patch);
    for (std::int64_t group = 0; group < p.plan.groups; ++group) {
      pack_filters(p.filters_of(w, group), patch, p.filters, order, patch,
                   packed + group * p.filters * patch);
    }
    laid_.find_offsets(offsets);
    work_ = {p.filters, patch, offsets, packed, p.places()};
  }

  void run(const T* x, T* y, std::int64_t i) const {
    static thread_local Scratch memory;
    T* laid = memory.reserve<T>(laid_.size() + DirectConvolution<T>::slack);
    std::fill_n(laid + laid_.size(), DirectConvolution<T>::slack, T(0));
    for (std::int64_t group = 0; group < p_.plan.groups; ++group) {
      DirectConvolution<T> work = work_;
      work.packed += group * p_.filters * p_.patch();
      T* result = const_cast<T*>(p_.result(y, i, group));
      for (std::int64_t first = 0; first < p_.out_rows; first += laid_.rows_at_once()) {
        const std::int64_t rows = std::min(laid_.rows_at_once(), p_.out_rows - first);
        laid_.lay(p_.image(x, i, group), first, rows, laid);
        work.run(laid, rows * p_.out_cols, 0, p_.patch(), result + first * p_.out_cols);
      }
    }
  }

 private:
  const ConvolutionProblem<T>& p_;
  LaidColumns<T> laid_;
  DirectConvolution<T> work_;
};

/// Sums over places without patches, a few images at a time.
template <class T>
class DirectSums {
 public:
  static bool pay(const ConvolutionProblem<T>& p) { return DirectImages<T>::pay(p); }

  explicit DirectSums(const ConvolutionProblem<T>& p)
      : p_(p),
        laid_(p),
        at_once_(laid_.rows_at_once() < p.out_rows
                     ? 1
                     : std::clamp<std::int64_t>(most_places / p.places(), 1, 8)) {
    static thread_local Scratch places;
    auto* offsets = places.reserve<std::int64_t>(p.patch());
    laid_.find_offsets(offsets);
    work_ = {p.filters, p.patch(), offsets, laid_.size(), p.plan.groups * p.filters * p.places(),
             p.places()};
  }

  /// Adds the parts of images [first, end) to the sums at `w`.
  void correlate(const T* x, const T* y, T* w, std::int64_t first, std::int64_t end) const {
    static thread_local Scratch memory;
    T* laid = memory.reserve<T>(at_once_ * laid_.size() + DirectConvolution<T>::slack);
    for (std::int64_t i = first; i < end; i += at_once_) {
      const std::int64_t n = std::min(at_once_, end - i);
      for (std::int64_t group = 0; group < p_.plan.groups; ++group) {
        for (std::int64_t row = 0; row < p_.out_rows; row += laid_.rows_at_once()) {
          const std::int64_t rows = std::min(laid_.rows_at_once(), p_.out_rows - row);
          for (std::int64_t k = 0; k < n; ++k)
            laid_.lay(p_.image(x, i + k, group), row, rows, laid + k * laid_.size());
          work_.run(n, rows * p_.out_cols, laid, p_.result(y, i, group) + row * p_.out_cols,
                    const_cast<T*>(p_.filters_of(w, group)));
        }
      }
    }
  }

 private:
  /// Of one filter, together: so many stay in the first-level cache with those of others.
  static constexpr std::int64_t most_places = 1024;

  const ConvolutionProblem<T>& p_;
  LaidColumns<T> laid_;
  std::int64_t at_once_;
  DirectCorrelation<T> work_;
};

}  // namespace damo
