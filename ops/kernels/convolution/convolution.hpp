#pragma once
#include <cstdint>

#include <damo/graph/values/tensor.hpp>

// Convolutions of images (image, channel, row, column) with filters (filter, channel, row, column),
// as products with patches that are laid out part by part. Operands and results are row-major, of
// one float dtype. The same bits for any number of threads.
namespace damo {

/// How filters move along one axis of images.
struct FilterSteps {
  std::int64_t before = 0;    ///< zeros in front of the image
  std::int64_t stride = 1;    ///< from one place of the filter to the next
  std::int64_t dilation = 1;  ///< from one of its elements to the next
};

struct ConvolutionPlan {
  std::int64_t groups = 1;  ///< of channels, each with filters of its own
  bool flip = true;         ///< whether filters are turned around
  FilterSteps rows{}, cols{};
};

/// The images' products with the filters at each place of `y` (image, filter, row, column).
void convolve(const ConvolutionPlan& plan, const Tensor& x, const Tensor& filters, const Tensor& y);
/// The transposed map: `y` back onto images.
void convolve_back(const ConvolutionPlan& plan, const Tensor& y, const Tensor& filters,
                   const Tensor& x);
/// For each element of the filters, the sum of products of `y` with what the element meets in x.
void correlate_places(const ConvolutionPlan& plan, const Tensor& x, const Tensor& y,
                      const Tensor& filters);

}  // namespace damo
