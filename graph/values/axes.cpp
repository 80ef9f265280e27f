#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/values/axes.hpp>

namespace damo {

Axes::Axes(std::initializer_list<Entry> axes) : axes_(std::vector<int>{}) {
  for (const Entry& entry : axes) axes_->push_back(entry.axis);
}

std::uint32_t Axes::mask(std::size_t rank) const {
  if (!axes_) return (1U << rank) - 1U;
  std::uint32_t mask = 0;
  const int n = static_cast<int>(rank);
  for (const int axis : *axes_) {
    if (axis < -n || axis >= n) {
      throw ShapeError(fmt::format("there is no axis {} in a tensor of {} dimensions", axis, rank));
    }
    const std::uint32_t bit = 1U << static_cast<unsigned>(axis < 0 ? axis + n : axis);
    if ((mask & bit) != 0) throw ShapeError(fmt::format("axis {} is named twice", axis));
    mask |= bit;
  }
  return mask;
}

}  // namespace damo
