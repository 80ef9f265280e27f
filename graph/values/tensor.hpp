#pragma once
#include <cstddef>

#include <damo/graph/values/dtype.hpp>
#include <damo/graph/values/shape.hpp>

namespace damo {

/// What a kernel sees: memory it does not own, laid out by shape and strides (in elements; 0
/// repeats, negative reverses).
struct Tensor {
  std::byte* data = nullptr;
  DType dtype = DType::float32;
  Shape shape;
  Shape strides;

  std::size_t rank() const { return shape.rank(); }
  std::int64_t elements() const { return shape.elements(); }
  /// Whether the elements lie in row-major order without gaps (dimensions of size 1 may have any
  /// stride).
  bool contiguous() const {
    std::int64_t step = 1;
    for (std::size_t i = shape.rank(); i-- > 0;) {
      if (shape[i] != 1 && strides[i] != step) return shape.elements() == 0;
      step *= shape[i];
    }
    return true;
  }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
  /// The single value of a scalar, or the first element, converted.
  template <class T>
  T first() const {
    return dispatch(dtype, [&](auto zero) { return converted<T>(*as<decltype(zero)>()); });
  }
};

}  // namespace damo
