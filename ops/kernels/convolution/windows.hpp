#pragma once
#include <array>
#include <cstdint>

#include <damo/graph/values/tensor.hpp>

namespace damo {

/// What windows (..., places of rows and columns, their rows and columns) hold, added to where in
/// the last two axes of `sums` they lie, `stride` apart.
void add_windows(const Tensor& windows, const std::array<std::int64_t, 2>& stride,
                 const Tensor& sums);

}  // namespace damo
