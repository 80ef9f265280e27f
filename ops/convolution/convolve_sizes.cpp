#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/convolution/convolve.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo {

std::pair<std::int64_t, std::int64_t> Convolve::padding(std::size_t axis,
                                                        std::int64_t filter) const {
  if (options_.padding) {
    const std::int64_t n = (*options_.padding)[axis];
    return {n, n};
  }
  const std::int64_t reach = (filter - 1) * options_.dilation[axis];
  switch (options_.border) {
    case Border::full:
      return {reach, reach};
    case Border::half:
      return {(reach + 1) / 2, (reach + 1) / 2};
    case Border::same:
      return options_.filter_flip ? std::pair((reach + 1) / 2, reach / 2)
                                  : std::pair(reach / 2, (reach + 1) / 2);
    default:
      return {0, 0};
  }
}

std::int64_t Convolve::places(std::size_t axis, std::int64_t image, std::int64_t filter) const {
  if (filter < 1) throw ShapeError("a filter has no elements");
  const auto [before, after] = padding(axis, filter);
  const std::int64_t room = image + before + after - (filter - 1) * options_.dilation[axis] - 1;
  if (room < 0) {
    throw ShapeError(fmt::format("a filter of {} {} is larger than {} with its padding", filter,
                                 axis == 0 ? "rows" : "columns", image));
  }
  return room / options_.stride[axis] + 1;
}

Var Convolve::padding(std::size_t axis, const Var& filter) const {
  if (options_.padding) return int_constant(2 * std::int64_t{(*options_.padding)[axis]});
  const Var reach = (filter - 1) * options_.dilation[axis];
  switch (options_.border) {
    case Border::full:
      return 2 * reach;
    case Border::half:
      return 2 * floor_div(reach + 1, 2);
    case Border::same:
      return reach;
    default:
      return int_constant(0);
  }
}

Var Convolve::places(std::size_t axis, const Var& image, const Var& filter) const {
  const Var room = image + padding(axis, filter) - (filter - 1) * options_.dilation[axis] - 1;
  return floor_div(room, options_.stride[axis]) + 1;
}

Var Convolve::image_size(std::size_t axis, const Var& places, const Var& filter) const {
  return (places - 1) * options_.stride[axis] + (filter - 1) * options_.dilation[axis] + 1 -
         padding(axis, filter);
}

}  // namespace damo
