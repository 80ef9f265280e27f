#include <fmt/format.h>

#include <cmath>

#include <damo/graph/text/tensor_text.hpp>

namespace damo {
namespace {

const std::byte* address(const Tensor& t, const Shape& index) {
  std::int64_t offset = 0;
  for (std::size_t axis = 0; axis < t.rank(); ++axis) offset += index[axis] * t.strides[axis];
  return t.data + offset * static_cast<std::int64_t>(item_size(t.dtype));
}

void append(const Tensor& t, std::int64_t edge, Shape& index, std::size_t axis, std::string& text) {
  if (axis == t.rank()) {
    text += element_text(t, index);
    return;
  }
  const std::int64_t n = t.shape[axis];
  text += "[";
  for (std::int64_t i = 0; i < n; ++i) {
    if (i > 0) text += ", ";
    if (n > 2 * edge && i == edge) {
      text += "..., ";
      i = n - edge;
    }
    index[axis] = i;
    append(t, edge, index, axis + 1, text);
  }
  text += "]";
}

}  // namespace

std::string element_text(const Tensor& t, const Shape& index) {
  if (std::isnan(element_at(t, index))) return "nan";  // whatever its sign
  return dispatch(t.dtype, [&](auto zero) {
    return fmt::format("{}", *reinterpret_cast<const decltype(zero)*>(address(t, index)));
  });
}

double element_at(const Tensor& t, const Shape& index) {
  return dispatch(t.dtype, [&](auto zero) {
    return static_cast<double>(*reinterpret_cast<const decltype(zero)*>(address(t, index)));
  });
}

std::string elements_text(const Tensor& t, std::int64_t edge) {
  Shape index = t.shape;
  std::string text;
  append(t, edge, index, 0, text);
  return text;
}

Shape index_of(std::int64_t i, const Shape& shape) {
  Shape index = shape;
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    index[axis] = i % shape[axis];
    i /= shape[axis];
  }
  return index;
}

}  // namespace damo
