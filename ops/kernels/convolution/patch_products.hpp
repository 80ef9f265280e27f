#pragma once
#include <algorithm>
#include <cstdint>

#include <damo/ops/kernels/convolution/patches.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/products/gemm.hpp>

namespace damo {

/// Convolutions as products with patches, of `at_once()` images in one product: images of many
/// places are taken alone and part by part, those of few together.
template <class T>
class PatchProducts {
 public:
  explicit PatchProducts(const ConvolutionProblem<T>& p) : p_(p) {
    constexpr std::int64_t few_places = 32;
    if (p.places() >= few_places || p.is_product()) return;
    const std::int64_t patches = std::max<std::int64_t>(p.patch() * p.places(), 1);
    at_once_ = std::max<std::int64_t>(most_laid_out / patches, 1);
  }

  std::int64_t at_once() const { return at_once_; }

  /// y of images [i, end).
  void convolve(const T* x, const T* w, T* y, std::int64_t i, std::int64_t end) const {
    each_part(i, end, [&](const Part& part) {
      const Matrix<const T> patches = patches_of(x, part);
      if (part.images == 1) return gemm(T(1), filters(w, part), patches, T(0), in_image(y, part));
      const Matrix<T> results{room<1>(p_.filters * patches.cols), p_.filters, patches.cols,
                              patches.cols};
      gemm(T(1), filters(w, part), patches, T(0), results);
      each_row(y, part, results, [](T* row, T* all, std::int64_t n) { std::copy_n(all, n, row); });
    });
  }

  /// x of images [i, end).
  void back(const T* y, const T* w, T* x, std::int64_t i, std::int64_t end) const {
    if (!p_.is_product()) std::fill(x + i * pixels(), x + end * pixels(), T(0));
    each_part(i, end, [&](const Part& part) {
      if (p_.is_product()) {
        T* image = const_cast<T*>(p_.image(x, part.image, part.group));
        return gemm(T(1), filters(w, part).transposed(), results_of(y, part), T(0),
                    {image + part.first * p_.cols, p_.channels, part.places(), p_.places()});
      }
      const Matrix<T> patches = room_for_patches(part);
      gemm(T(1), filters(w, part).transposed(), results_of(y, part), T(0), patches);
      put_back(p_, places_of(part), patches.data,
               const_cast<T*>(p_.image(x, part.image, part.group)));
    });
  }

  /// Adds what images [i, end) give to the sums at `w`.
  void correlate(const T* x, const T* y, T* w, std::int64_t i, std::int64_t end) const {
    each_part(i, end, [&](const Part& part) {
      T* sums = const_cast<T*>(p_.filters_of(w, part.group));
      gemm(T(1), results_of(y, part), patches_of(x, part).transposed(), T(1),
           {sums, p_.filters, p_.patch(), p_.patch()});
    });
  }

 private:
  /// Rows [first, last) of places of some images.
  struct Part {
    std::int64_t image, images, group, first, last, in_image;
    std::int64_t places() const { return images * in_image; }
  };

  /// Of one image, in all groups.
  std::int64_t pixels() const { return p_.plan.groups * p_.channels * p_.rows * p_.cols; }

  template <class F>
  void each_part(std::int64_t i, std::int64_t end, F&& f) const {
    const std::int64_t step = at_once_ > 1 ? p_.out_rows : p_.rows_at_once();
    for (; i < end; i += at_once_) {
      for (std::int64_t group = 0; group < p_.plan.groups; ++group) {
        for (std::int64_t first = 0; first < p_.out_rows; first += step) {
          const std::int64_t last = std::min(first + step, p_.out_rows);
          f(Part{i, std::min(at_once_, end - i), group, first, last, (last - first) * p_.out_cols});
        }
      }
    }
  }

  Matrix<const T> filters(const T* w, const Part& part) const {
    return {p_.filters_of(w, part.group), p_.filters, p_.patch(), p_.patch()};
  }
  Matrix<T> in_image(const T* y, const Part& part) const {
    T* first = const_cast<T*>(p_.result(y, part.image, part.group)) + part.first * p_.out_cols;
    return {first, p_.filters, part.in_image, p_.places()};
  }

  /// Calls `f(a filter's results in an image, in the columns of `all`, how many)`.
  template <class Y, class F>
  void each_row(Y* y, const Part& part, const Matrix<T>& all, F&& f) const {
    for (std::int64_t k = 0; k < part.images; ++k) {
      for (std::int64_t filter = 0; filter < p_.filters; ++filter) {
        f(const_cast<Y*>(p_.result(y, part.image + k, part.group)) + filter * p_.places(),
          &all(filter, k * part.in_image), part.in_image);
      }
    }
  }
  Matrix<const T> results_of(const T* y, const Part& part) const {
    if (part.images == 1) return in_image(y, part);
    const Matrix<T> all{room<1>(p_.filters * part.places()), p_.filters, part.places(),
                        part.places()};
    each_row(y, part, all, [](const T* row, T* to, std::int64_t n) { std::copy_n(row, n, to); });
    return all;
  }

  PatchPlaces places_of(const Part& part) const {
    return {part.first, part.last, part.images, pixels(), part.places()};
  }
  Matrix<T> room_for_patches(const Part& part) const {
    return {room<0>(p_.patch() * part.places()), p_.patch(), part.places(), part.places()};
  }
  Matrix<const T> patches_of(const T* x, const Part& part) const {
    if (p_.is_product()) {
      const T* image = p_.image(x, part.image, part.group);
      return {image + part.first * p_.cols, p_.channels, part.places(), p_.places()};
    }
    const Matrix<T> patches = room_for_patches(part);
    lay_out(p_, places_of(part), p_.image(x, part.image, part.group), patches.data);
    return patches;
  }

  template <int Which>
  static T* room(std::int64_t elements) {
    static thread_local Scratch memory;
    return memory.reserve<T>(elements);
  }

  const ConvolutionProblem<T>& p_;
  std::int64_t at_once_ = 1;
};

}  // namespace damo
