#pragma once
#include <damo/ops/kernels/random/philox.hpp>

namespace damo {

/// 1 where element first + i of the uniform draw is below sigmoid(z[i]), else 0, for i in [0, n):
/// the bits of drawing, computing and comparing in float32, in one pass. A rough sigmoid decides
/// nearly all elements; where it is too close the sigmoid itself does. `out` may be `z`.
void uniform_below_sigmoid(const PhiloxKey& key, std::int64_t first, std::int64_t n, const float* z,
                           float* out);

}  // namespace damo
