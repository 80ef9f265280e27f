#include <algorithm>

#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/reductions/course.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>

// The extreme values are found first, by `reduce`, and then where they are: each of the two loops
// vectorises. Where that would gather elements from afar, both are done at once.
#define DAMO_KERNEL_FILE <damo/ops/kernels/reductions/arg_reduce.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {
namespace {

template <class T>
bool is_nan(T value) {
  return value != value;
}

template <class T, class Better>
void arg_best(const Split& split, const Tensor& in, const Tensor& out, Better better) {
  for_each_index(split.kept, split.kept.rank(), [&](const auto& kept) {
    const T* x = in.as<const T>() + kept[0];
    std::int64_t index = 0;
    std::int64_t best = 0;
    T value = *x;
    for_each_index(split.reduced, split.reduced.rank(), [&](const auto& reduced) {
      const T candidate = x[reduced[0]];
      if (!is_nan(value) && (better(candidate, value) || is_nan(candidate))) {
        value = candidate;
        best = index;
      }
      ++index;
    });
    out.as<std::int64_t>()[kept[1]] = best;
  });
}

/// Where `values`, the extremes, stand first.
template <class T>
bool find_first(const Split& split, const Tensor& in, const T* values, std::int64_t* out) {
  const T* x = in.as<const T>();
  const auto step = [](const auto& walk, std::size_t axis) { return walk.strides[0][axis]; };
  const std::size_t kept = split.kept.rank();
  const std::size_t reduced = split.reduced.rank();
  if (reduced == 0 || (reduced == 1 && step(split.reduced, 0) == 1)) {
    const std::int64_t n = split.reduced.shape.elements();
    for_each_index(split.kept, kept, [&](const auto& at) {
      DAMO_BEST_ISA(find_in_run(x + at[0], n, values[at[1]], out + at[1]));
    });
    return true;
  }
  if (kept == 0 || step(split.kept, kept - 1) != 1) return false;
  for_each_index(split.kept, kept - 1, [&](const auto& at) {
    const std::int64_t cols = split.kept.shape[kept - 1];
    std::fill_n(out + at[1], cols, split.reduced.shape.elements());
    std::int64_t index = 0;
    for_each_index(split.reduced, reduced, [&](const auto& row) {
      DAMO_BEST_ISA(find_in_row(x + at[0] + row[0], cols, values + at[1], index, out + at[1]));
      ++index;
    });
  });
  return true;
}

template <class Better>
void arg_extreme(Reduction extreme, std::string_view what, const Tensor& in, std::uint32_t axes,
                 const Tensor& out, Better better) {
  const Split split = split_axes(in, axes);
  check_not_empty(what, in, split.reduced.shape.elements());
  if (out.elements() == 0) return;
  dispatch_computing(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      static thread_local Scratch memory;
      Tensor values = out;
      values.dtype = in.dtype;
      values.data = reinterpret_cast<std::byte*>(memory.reserve<T>(out.elements()));
      const bool by_parts = course_of(split).kind != Course::Kind::any;
      if (by_parts) reduce(extreme, in, axes, values);
      if (by_parts && find_first<T>(split, in, values.as<const T>(), out.as<std::int64_t>()))
        return;
    }
    arg_best<T>(split, in, out, better);
  });
}

}  // namespace

void argmax(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  arg_extreme(Reduction::max, "argmax", in, axes, out, [](auto a, auto b) { return a > b; });
}

void argmin(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  arg_extreme(Reduction::min, "argmin", in, axes, out, [](auto a, auto b) { return a < b; });
}

}  // namespace damo
