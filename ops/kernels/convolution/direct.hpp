#pragma once
#include <cstdint>

namespace damo {

/// A convolution straight from an image, with steps of 1 along its rows: no patches are laid out.
template <class T>
struct DirectConvolution {
  /// Elements behind an image that may be read, and count for nothing.
  static constexpr std::int64_t slack = 64;

  std::int64_t filters;
  std::int64_t patch;           ///< elements of a filter
  const std::int64_t* offsets;  ///< where each of them meets the image for the first place
  std::int64_t row_step;        ///< elements from one row of places to the next
  std::int64_t out_rows, out_cols;
  const T* packed;  ///< the filters, laid out by `pack_filters`

  /// y, filters x out_rows x out_cols. Each element is one chain of multiply-adds in the order of
  /// the patch, as in `gemm`.
  void run(const T* image, T* y) const;
  /// The share of what is computed that counts: rows are cut into halves of vectors.
  static double use(std::int64_t out_cols);
};

/// What elements of filters meet in images, times `y`, summed over places straight from the images.
template <class T>
struct DirectCorrelation {
  std::int64_t filters;
  std::int64_t patch;           ///< elements of a filter
  const std::int64_t* offsets;  ///< where each of them meets an image for the first place
  std::int64_t places;          ///< of one filter in y, `padded`
  const std::int64_t* starts;   ///< where the first element meets an image at each half of a vector
  std::int64_t image_step;      ///< elements from one image to the next

  /// Adds to `sums`, filters x patch, what `images` of them give. From one image's y to the next
  /// there are `y_step` elements. y is 0 where `padded` adds places, which meet any element of the
  /// images: these must be finite there.
  void run(std::int64_t images, const T* x, const T* y, std::int64_t y_step, T* sums) const;
  void find_starts(std::int64_t* starts, std::int64_t row_step, std::int64_t out_rows,
                   std::int64_t out_cols) const;
  /// Places of a row in whole halves of vectors, and of rows in whole vectors.
  static std::int64_t padded_row(std::int64_t out_cols);
  static std::int64_t padded(std::int64_t out_rows, std::int64_t out_cols);
};

/// Lays filters x patch elements out in the order in which they are read.
template <class T>
void pack_filters(const T* w, std::int64_t filters, std::int64_t patch, T* packed);

}  // namespace damo
