#pragma once
#include <damo/graph/values/tensor.hpp>

namespace damo {

/// For each element the product of the other elements of its row (the last axis), from running
/// products from both ends: no division, so zeros are harmless. `out` has the shape and dtype of
/// `in`.
void products_of_others(const Tensor& in, const Tensor& out);

}  // namespace damo
