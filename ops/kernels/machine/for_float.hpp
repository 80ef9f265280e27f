#pragma once
#include <damo/graph/values/tensor.hpp>

namespace damo {

/// Calls `f` with 0 of the type of a float tensor's elements.
template <class F>
void for_float(const Tensor& t, F&& f) {
  if (t.dtype == DType::float32) {
    f(float{});
  } else {
    f(double{});
  }
}

}  // namespace damo
