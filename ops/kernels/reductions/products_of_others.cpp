#include <damo/ops/kernels/movement/strided.hpp>
#include <damo/ops/kernels/reductions/products_of_others.hpp>

namespace damo {
namespace {

template <class T>
void run(const Tensor& in, const Tensor& out) {
  const std::size_t last = in.rank() - 1;
  const std::int64_t n = in.shape[last];
  const std::int64_t step = in.strides[last];
  const Walk<2> walk{in.shape, {in.strides, out.strides}};
  if (n == 0) return;
  for_each_index(walk, last, [&](const auto& offsets) {
    const T* from = in.as<const T>() + offsets[0];
    T* to = out.as<T>() + offsets[1];
    T product{1};
    for (std::int64_t i = 0; i < n; ++i) {
      to[i] = product;
      product = static_cast<T>(product * from[i * step]);
    }
    product = T{1};
    for (std::int64_t i = n; i-- > 0;) {
      to[i] = static_cast<T>(to[i] * product);
      product = static_cast<T>(product * from[i * step]);
    }
  });
}

}  // namespace

void products_of_others(const Tensor& in, const Tensor& out) {
  dispatch_computing(in.dtype, [&](auto zero) { run<decltype(zero)>(in, out); });
}

}  // namespace damo
