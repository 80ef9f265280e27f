#include <fmt/format.h>

#include <damo/graph/text/error_text.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape_of.hpp>

// What an error about operands' sizes advises.
namespace damo {
namespace {

/// What the user wrote, without the axes of size 1 put before it.
Var as_written(const Var& v) {
  const auto* shuffle = as<DimShuffle>(v);
  return shuffle != nullptr && v.ndim() > v.inputs()[0].ndim() ? Var(v.inputs()[0]) : v;
}

/// How to declare that axis `axis` of `v` may be stretched.
std::string stretch_hint(const Var& v, std::size_t axis) {
  const Var x = as_written(v);
  const std::size_t own = axis + x.ndim() - v.ndim();
  std::string sizes;
  for (std::size_t i = 0; i < x.ndim(); ++i)
    sizes += (i > 0 ? ", " : "") + std::string(i == own ? "1" : "-1");
  return fmt::format(
      "an axis stretches only when it is known to be 1 while the graph is built: declare '{}' with "
      "row, col or dimshuffle, or write specify_shape({}, {{{}}})",
      short_name(x), short_name(x), sizes);
}

/// Where two sizes that differ come from.
std::string sources_hint(const Var& a, std::int64_t a_size, const Var& b, std::int64_t b_size,
                         std::size_t axis) {
  const auto [x, x_axis] = source_of_size(a, axis);
  const auto [y, y_axis] = source_of_size(b, axis);
  if (!x.defined() || !y.defined() || (same(x, a) && same(y, b))) return {};
  return fmt::format("{} is the size of '{}' along axis {}, {} that of '{}' along axis {}", a_size,
                     short_name(x), x_axis, b_size, short_name(y), y_axis);
}

}  // namespace

std::string Elementwise::hint(const Vars& inputs, std::span<const TensorType> types) const {
  std::string sources;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (i == k || types[i].rank() == 0 || types[i].rank() != types[k].rank()) continue;
      for (std::size_t axis = 0; axis < types[i].rank(); ++axis) {
        const std::int64_t size = types[i].dims[axis];
        const std::int64_t other = types[k].dims[axis];
        if (size == other || size == unknown || other == unknown) continue;
        if (size == 1 && inputs[i].type().dims[axis] == unknown)
          return stretch_hint(inputs[i], axis);
        const Var x = as_written(inputs[i]);
        if (x.ndim() == 1 && types[i].rank() == 2 && axis == 1 && types[k].dims[0] == size) {
          return fmt::format("dimshuffle({}, {{0, newaxis}}) makes '{}' a column", short_name(x),
                             short_name(x));
        }
        if (sources.empty() && i < k)
          sources = sources_hint(inputs[i], size, inputs[k], other, axis);
      }
    }
  }
  return sources;
}

}  // namespace damo
