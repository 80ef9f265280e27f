#include <cmath>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/movement/strided.hpp>
#include <damo/ops/kernels/reductions/softmax.hpp>

namespace damo {
namespace {

/// What a group of elements that are normalised together sums up to.
template <class T>
struct Total {
  T largest = -std::numeric_limits<T>::infinity();
  double n_largest = 0;
  /// The sum of exp(x - largest) over the other elements, of which the ones of the largest would
  /// hide small ones.
  double rest = 0;

  bool infinite() const { return std::isinf(largest); }
  double weight(T x) const {
    if (x == largest) return 1;
    return infinite() ? 0 : static_cast<double>(math::exp(static_cast<T>(x - largest)));
  }
  double sum() const { return n_largest + rest; }
  T log_sum() const { return static_cast<T>(math::log1p((n_largest - 1) + rest)); }
  /// NaN stays NaN: no comparison holds for it, so `largest` takes it over and keeps it.
  void see(T x) {
    if (!(x <= largest) && largest == largest) largest = x;
  }
  void add(T x) {
    const bool one = x == largest;
    n_largest += one ? 1 : 0;
    rest += one ? 0 : weight(x);
  }
};

/// Calls `f(x, y)` for the elements of one group.
template <class T, class F>
void for_each_pair(const Walk<2>& group, const T* in, T* out, F&& f) {
  for_each_index(group, group.rank(),
                 [&](const auto& offsets) { f(in[offsets[0]], out + offsets[1]); });
}

/// Calls `f(group, total, in, out)` for each group. Where `out_strides` has fewer axes than `in`,
/// those of the group are left out.
template <class T, class F>
void for_each_group(const Tensor& in, std::uint32_t axes, const Tensor& out, bool reduces, F&& f) {
  Walk<2> groups;
  Walk<2> group;
  const Shape dense = contiguous_strides(in.shape);
  std::int64_t step = 1;
  Shape reduced = in.shape;
  for (std::size_t i = in.rank(); i-- > 0;) {
    reduced[i] = step;
    if ((axes >> i & 1U) == 0) step *= in.shape[i];
  }
  for (std::size_t i = 0; i < in.rank(); ++i) {
    const bool inside = (axes >> i & 1U) != 0;
    const std::int64_t to = !reduces ? dense[i] : (inside ? 0 : reduced[i]);
    (inside ? group : groups).push_back(in.shape[i], {in.strides[i], to});
  }
  group = coalesce(group);
  for_each_index(groups, groups.rank(), [&](const auto& offsets) {
    const T* from = in.as<const T>() + offsets[0];
    T* to = out.as<T>() + offsets[1];
    Total<T> total;
    for_each_pair(group, from, to, [&](T x, T*) { total.see(x); });
    for_each_pair(group, from, to, [&](T x, T*) { total.add(x); });
    f(group, total, from, to);
  });
}

template <class F>
void dispatch_float(DType dtype, F&& f) {
  if (dtype == DType::float32) {
    f(float{});
  } else if (dtype == DType::float64) {
    f(double{});
  } else {
    throw InternalError("softmax: no kernel for integers");
  }
}

}  // namespace

void softmax(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  dispatch_float(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_each_group<T>(in, axes, out, false,
                      [](const Walk<2>& group, const Total<T>& total, const T* from, T* to) {
                        for_each_pair(group, from, to, [&](T x, T* y) {
                          *y = static_cast<T>(total.weight(x) / total.sum());
                        });
                      });
  });
}

void log_softmax(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  dispatch_float(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_each_group<T>(in, axes, out, false,
                      [](const Walk<2>& group, const Total<T>& total, const T* from, T* to) {
                        const T log_sum = total.log_sum();
                        for_each_pair(group, from, to, [&](T x, T* y) {
                          const T above = x == total.largest ? T{0} : x - total.largest;
                          *y = above - log_sum;
                        });
                      });
  });
}

void logsumexp(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  dispatch_float(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_each_group<T>(in, axes, out, true,
                      [](const Walk<2>&, const Total<T>& total, const T*, T* to) {
                        *to = total.infinite() ? total.largest : total.largest + total.log_sum();
                      });
  });
}

}  // namespace damo
