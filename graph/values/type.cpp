#include <fmt/format.h>

#include <damo/graph/values/type.hpp>

namespace damo {

std::string dims_to_string(const Shape& dims) {
  std::string text = "(";
  for (std::size_t i = 0; i < dims.rank(); ++i) {
    if (i > 0) text += ", ";
    text += dims[i] == unknown ? "?" : std::to_string(dims[i]);
  }
  return text + (dims.rank() == 1 ? ",)" : ")");
}

std::string to_string(const TensorType& type) {
  return fmt::format("{} {}", name(type.dtype), dims_to_string(type.dims));
}

bool compatible(const TensorType& a, const TensorType& b) {
  if (a.dtype != b.dtype || a.rank() != b.rank()) return false;
  for (std::size_t i = 0; i < a.rank(); ++i) {
    if (a.dims[i] != unknown && b.dims[i] != unknown && a.dims[i] != b.dims[i]) return false;
  }
  return true;
}

bool refines(const TensorType& narrow, const TensorType& wide) {
  if (narrow.dtype != wide.dtype || narrow.rank() != wide.rank()) return false;
  for (std::size_t i = 0; i < wide.rank(); ++i) {
    if (wide.dims[i] != unknown && narrow.dims[i] != wide.dims[i]) return false;
  }
  return true;
}

TensorType unify(const TensorType& a, const TensorType& b) {
  TensorType both = a;
  for (std::size_t i = 0; i < a.rank(); ++i) {
    if (both.dims[i] == unknown) both.dims[i] = b.dims[i];
  }
  return both;
}

}  // namespace damo
