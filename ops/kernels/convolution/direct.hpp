#pragma once
#include <cstdint>

namespace damo {

/// Products of filters with places that lie one after the other, for each element of a filter at a
/// distance of its own: nothing is laid out for rows of a filter.
template <class T>
struct DirectConvolution {
  /// Elements behind what is read that may be read too, and count for nothing.
  static constexpr std::int64_t slack = 64;

  std::int64_t filters;
  std::int64_t patch;           ///< elements of a filter
  const std::int64_t* offsets;  ///< where each of them meets the first place
  const T* packed;              ///< the filters, laid out by `pack_filters`
  std::int64_t y_step;          ///< from the results of one filter to those of the next

  /// Results at `places`, of elements [first, end) of the filters. Each is one chain of
  /// multiply-adds in the order of the patch, as in `gemm`.
  void run(const T* x, std::int64_t places, std::int64_t first, std::int64_t end, T* y) const;
};

/// What elements of filters meet, times `y`, summed over places that lie one after the other.
template <class T>
struct DirectCorrelation {
  std::int64_t filters;
  std::int64_t patch;           ///< elements of a filter
  const std::int64_t* offsets;  ///< where each of them meets the first place of an image
  std::int64_t x_step;          ///< from one image to the next
  std::int64_t y_step;          ///< from one image's results to the next's
  std::int64_t y_row;           ///< from the results of one filter to those of the next

  /// Adds to `sums`, filters x patch, what `places` of each image give.
  void run(std::int64_t images, std::int64_t places, const T* x, const T* y, T* sums) const;
};

/// Lays filters out in the order in which they are read: of each, `f_step` apart, the elements at
/// `order`.
template <class T>
void pack_filters(const T* w, std::int64_t f_step, std::int64_t filters, const std::int64_t* order,
                  std::int64_t patch, T* packed);

}  // namespace damo
