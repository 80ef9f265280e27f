#include <cmath>
#include <type_traits>

#include <damo/ops/kernels/machine/for_float.hpp>
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

/// A sum of exponentials that grows: exp(largest) (1 + rest).
struct GrowingSum {
  double largest = -INFINITY, rest = 0;

  void add(double x) {
    if (std::isnan(x) || std::isnan(largest)) {
      largest += x;
    } else if (x > largest) {
      rest = (1 + rest) * std::exp(largest - x);
      largest = x;
    } else if (x < largest || std::isfinite(x)) {
      rest += std::exp(x - largest);
    }
  }
};

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

void running_log_sum(const Tensor& in, std::size_t axis, const Tensor& largest, const Tensor& log) {
  Walk<2> others;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if (i != axis) others.push_back(in.shape[i], {in.strides[i], largest.strides[i]});
  }
  for_float(in, [&](auto zero) {
    using T = decltype(zero);
    for_each_index(others, others.rank(), [&](const auto& at) {
      GrowingSum sum;
      for (std::int64_t i = 0; i < in.shape[axis]; ++i) {
        sum.add(static_cast<double>(in.as<const T>()[at[0] + i * in.strides[axis]]));
        const std::int64_t to = at[1] + i * largest.strides[axis];
        largest.as<T>()[to] = static_cast<T>(sum.largest);
        log.as<T>()[to] = static_cast<T>(std::log1p(sum.rest));
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
