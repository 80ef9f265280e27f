#pragma once
#include <damo/graph/values/tensor.hpp>

namespace damo {

/// Whether any element of a float tensor without gaps is NaN or an infinity.
bool has_nonfinite(const Tensor& dense);

}  // namespace damo
