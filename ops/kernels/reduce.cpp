#include <fmt/format.h>

#include <cstddef>
#include <limits>
#include <string_view>
#include <type_traits>

#include <damo/graph/error.hpp>
#include <damo/ops/kernels/reduce.hpp>
#include <damo/ops/kernels/strided.hpp>

namespace damo {
namespace {

constexpr std::string_view names[] = {"sum", "prod", "max", "min", "any", "all"};

/// The kept axes and the reduced axes of a tensor, each in row-major order.
struct Split {
  Walk<1> kept;
  Walk<1> reduced;
};

Split split_axes(const Tensor& in, std::uint32_t axes) {
  Split split;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    Walk<1>& side = (axes >> i & 1U) != 0 ? split.reduced : split.kept;
    side.push_back(in.shape[i], {in.strides[i]});
  }
  return {coalesce(split.kept), coalesce(split.reduced)};
}

template <class T, class F>
void for_each_output(const Split& split, const T* in, F&& f) {
  std::int64_t position = 0;
  for_each_index(split.kept, split.kept.rank(),
                 [&](const auto& offsets) { f(in + offsets[0], position++); });
}

template <class T, class F>
void for_each_reduced(const Split& split, const T* in, F&& f) {
  for_each_index(split.reduced, split.reduced.rank(),
                 [&](const auto& offsets) { f(in[offsets[0]]); });
}

template <class T>
bool is_nan(T value) {
  return value != value;
}

template <class Acc>
Acc combine(Reduction reduction, Acc a, Acc b) {
  switch (reduction) {
    case Reduction::sum:
      return static_cast<Acc>(a + b);
    case Reduction::prod:
      return static_cast<Acc>(a * b);
    case Reduction::max:
      return a >= b || is_nan(a) ? a : b;
    case Reduction::min:
      return a <= b || is_nan(a) ? a : b;
    case Reduction::any:
      return a != Acc{0} || b != Acc{0};
    default:
      return a != Acc{0} && b != Acc{0};
  }
}

template <class Acc>
Acc identity(Reduction reduction) {
  using Limits = std::numeric_limits<Acc>;
  switch (reduction) {
    case Reduction::max:
      return Limits::has_infinity ? static_cast<Acc>(-Limits::infinity()) : Limits::lowest();
    case Reduction::min:
      return Limits::has_infinity ? Limits::infinity() : Limits::max();
    case Reduction::prod:
    case Reduction::all:
      return Acc{1};
    default:
      return Acc{0};
  }
}

void check_not_empty(std::string_view what, const Tensor& in, std::int64_t reduced) {
  if (reduced != 0) return;
  throw ShapeError(
      fmt::format("{}: no elements to choose from in shape {}", what, to_string(in.shape)));
}

template <class T, class Better>
void arg_best(std::string_view what, const Tensor& in, std::uint32_t axes, const Tensor& out,
              Better better) {
  const Split split = split_axes(in, axes);
  check_not_empty(what, in, split.reduced.shape.elements());
  for_each_output(split, in.as<const T>(), [&](const T* start, std::int64_t position) {
    std::int64_t index = 0;
    std::int64_t best = 0;
    T value = *start;
    for_each_reduced(split, start, [&](T x) {
      if (!is_nan(value) && (better(x, value) || is_nan(x))) {
        value = x;
        best = index;
      }
      ++index;
    });
    out.as<std::int64_t>()[position] = best;
  });
}

}  // namespace

void reduce(Reduction reduction, const Tensor& in, std::uint32_t axes, const Tensor& out) {
  const Split split = split_axes(in, axes);
  if (reduction == Reduction::max || reduction == Reduction::min) {
    check_not_empty(names[static_cast<std::size_t>(reduction)], in, split.reduced.shape.elements());
  }
  dispatch(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    dispatch(out.dtype, [&](auto result) {
      using Out = decltype(result);
      using Acc = std::conditional_t<std::is_same_v<T, float>, double,
                                     std::conditional_t<std::is_same_v<T, bool>, std::int64_t, T>>;
      for_each_output(split, in.as<const T>(), [&](const T* start, std::int64_t position) {
        Acc acc = identity<Acc>(reduction);
        for_each_reduced(split, start,
                         [&](T x) { acc = combine(reduction, acc, static_cast<Acc>(x)); });
        out.as<Out>()[position] = static_cast<Out>(acc);
      });
    });
  });
}

void argmax(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  dispatch(in.dtype, [&](auto zero) {
    arg_best<decltype(zero)>("argmax", in, axes, out, [](auto a, auto b) { return a > b; });
  });
}

void argmin(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  dispatch(in.dtype, [&](auto zero) {
    arg_best<decltype(zero)>("argmin", in, axes, out, [](auto a, auto b) { return a < b; });
  });
}

void cumsum(const Tensor& in, std::size_t axis, const Tensor& out) {
  const std::int64_t n = in.shape[axis];
  Walk<2> others;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if (i != axis) others.push_back(in.shape[i], {in.strides[i], out.strides[i]});
  }
  dispatch(in.dtype, [&](auto zero) {
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
