#pragma once
#include <damo/graph/values/array.hpp>

namespace damo {

/// A copy of what the tensor shows, whatever its strides.
Array dense(const Tensor& t);

}  // namespace damo
