#pragma once
#include <cstdint>

#include <damo/graph/values/tensor.hpp>

namespace damo {

/// What several elements get that are the largest and infinite: an equal share each, or NaN.
enum class Infinities : std::uint8_t { share, undefined };

// Over the axes of `in` (a float tensor of any strides) whose bits are set in `axes`. Sums are
// taken in double. `out` is row-major; that of the first two has the shape of `in` and may be `in`.
void softmax(const Tensor& in, std::uint32_t axes, const Tensor& out);
void log_softmax(const Tensor& in, std::uint32_t axes, const Tensor& out);
void softmax(const Tensor& in, std::uint32_t axes, Infinities several, const Tensor& out);
void log_softmax(const Tensor& in, std::uint32_t axes, Infinities several, const Tensor& out);
/// `out` has an element for each index over the other axes.
void logsumexp(const Tensor& in, std::uint32_t axes, const Tensor& out);

}  // namespace damo
