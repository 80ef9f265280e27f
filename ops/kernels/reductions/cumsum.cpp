#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <damo/ops/kernels/movement/strided.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>

namespace damo {

void cumsum(const Tensor& in, std::size_t axis, const Tensor& out) {
  const std::int64_t n = in.shape[axis];
  Walk<2> others;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if (i != axis) others.push_back(in.shape[i], {in.strides[i], out.strides[i]});
  }
  dispatch_computing(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    using Acc = std::conditional_t<std::is_same_v<T, bool>, std::int64_t, T>;
    for_each_index(others, others.rank(), [&](const auto& offsets) {
      const T* from = in.as<const T>() + offsets[0];
      Acc* to = out.as<Acc>() + offsets[1];
      Acc sum{0};
      for (std::int64_t i = 0; i < n; ++i) {
        sum += static_cast<Acc>(from[i * in.strides[axis]]);
        to[i * out.strides[axis]] = sum;
      }
    });
  });
}

}  // namespace damo
