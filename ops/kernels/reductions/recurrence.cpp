#include <type_traits>

#include <damo/ops/kernels/movement/strided.hpp>
#include <damo/ops/kernels/reductions/recurrence.hpp>

namespace damo {
namespace {

/// Products of integers wrap around.
template <class T>
T product(T a, T b) {
  if constexpr (std::is_same_v<T, std::int64_t>) {
    return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  } else {
    return a * b;
  }
}

}  // namespace

void cumprod(const Tensor& in, std::size_t axis, const Tensor& out) {
  Walk<2> others;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if (i != axis) others.push_back(in.shape[i], {in.strides[i], out.strides[i]});
  }
  dispatch_computing(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    using Out = std::conditional_t<std::is_same_v<T, bool>, std::int64_t, T>;
    for_each_index(others, others.rank(), [&](const auto& at) {
      Out value{1};
      for (std::int64_t i = 0; i < in.shape[axis]; ++i) {
        const T x = in.as<const T>()[at[0] + i * in.strides[axis]];
        value = product(value, static_cast<Out>(x));
        out.as<Out>()[at[1] + i * out.strides[axis]] = value;
      }
    });
  });
}

void linear_recurrence(const Tensor& a, const Tensor& b, std::size_t axis, const Tensor& y) {
  Walk<3> others;
  for (std::size_t i = 0; i < a.rank(); ++i) {
    if (i != axis) others.push_back(a.shape[i], {a.strides[i], b.strides[i], y.strides[i]});
  }
  dispatch_computing(a.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      for_each_index(others, others.rank(), [&](const auto& at) {
        T value{0};
        for (std::int64_t i = 0; i < a.shape[axis]; ++i) {
          const T step = b.as<const T>()[at[1] + i * b.strides[axis]];
          // What is before the first does not count, whatever a is there.
          value = i == 0 ? step : a.as<const T>()[at[0] + i * a.strides[axis]] * value + step;
          y.as<T>()[at[2] + i * y.strides[axis]] = value;
        }
      });
    }
  });
}

}  // namespace damo
