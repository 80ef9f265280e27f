#include <algorithm>

#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/reductions/course.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>
#include <damo/ops/kernels/reductions/reduce_parts.hpp>

// The extreme values are found first and then where they are: each of the two loops vectorises.
// Where that would gather elements from afar, both are done at once.
#define DAMO_KERNEL_FILE <damo/ops/kernels/reductions/arg_reduce.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {
namespace {

constexpr std::int64_t arg_part = 4096;
constexpr std::int64_t short_run = 32;

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

/// Of runs of neighbours, in parts that stay in the first-level cache: the extreme of each, and
/// where it stands in the first one that has the whole run's.
template <Reduction R, class T>
void arg_of_runs(const Split& split, const T* in, std::int64_t* out) {
  const auto extreme = float_kernels<R, T>().run;
  const std::int64_t n = split.reduced.shape.elements();
  for_each_index(split.kept, split.kept.rank(), [&](const auto& at) {
    const T* x = in + at[0];
    T best = extreme(x, std::min(n, arg_part));
    std::int64_t part = 0;
    for (std::int64_t i = arg_part; i < n && !is_nan(best); i += arg_part) {
      const T here = extreme(x + i, std::min(n - i, arg_part));
      if (!is_nan(here) && fold<R>(best, here) == best) continue;
      best = here;
      part = i;
    }
    std::int64_t& found = out[at[1]];
    DAMO_BEST_ISA(find_in_run(x + part, std::min(n - part, arg_part), best, &found));
    found += part;
  });
}

/// All extremes, in memory of this thread.
template <Reduction R, class T>
const T* extremes_of(const Tensor& in, std::uint32_t axes, const Tensor& to) {
  static thread_local Scratch memory;
  Tensor values = to;
  values.dtype = in.dtype;
  values.data = reinterpret_cast<std::byte*>(memory.reserve<T>(to.elements()));
  reduce(R, in, axes, values);
  return values.as<const T>();
}

template <Reduction R, class T>
void arg_of_short_runs(const Split& split, const Tensor& in, std::uint32_t axes, const Tensor& to) {
  const T* extremes = extremes_of<R, T>(in, axes, to);
  for_each_index(split.kept, split.kept.rank(), [&](const auto& at) {
    const T* x = in.as<const T>() + at[0];
    const T extreme = extremes[at[1]];
    std::int64_t i = 0;
    while (x[i] != extreme && !is_nan(x[i])) ++i;
    to.as<std::int64_t>()[at[1]] = i;
  });
}

/// Where the extremes of rows under each other stand: these are found first.
template <Reduction R, class T>
void arg_of_rows(const Split& split, const Tensor& in, std::uint32_t axes, const Tensor& to) {
  const T* extremes = extremes_of<R, T>(in, axes, to);
  const std::size_t last = split.kept.rank() - 1;
  const T* x = in.as<const T>();
  std::int64_t* out = to.as<std::int64_t>();
  for_each_index(split.kept, last, [&](const auto& at) {
    const std::int64_t cols = split.kept.shape[last];
    std::fill_n(out + at[1], cols, split.reduced.shape.elements());
    std::int64_t index = 0;
    for_each_index(split.reduced, split.reduced.rank(), [&](const auto& row) {
      DAMO_BEST_ISA(find_in_row(x + at[0] + row[0], cols, extremes + at[1], index, out + at[1]));
      ++index;
    });
  });
}

template <Reduction R, class T>
bool arg_by_parts(const Split& split, const Tensor& in, std::uint32_t axes, const Tensor& out) {
  const std::size_t kept = split.kept.rank();
  const std::size_t reduced = split.reduced.rank();
  if (reduced == 0) {
    std::fill_n(out.as<std::int64_t>(), out.elements(), 0);
    return true;
  }
  if (reduced == 1 && split.reduced.strides[0][0] == 1) {
    if (split.reduced.shape[0] < short_run) {
      arg_of_short_runs<R, T>(split, in, axes, out);
      return true;
    }
    arg_of_runs<R>(split, in.as<const T>(), out.as<std::int64_t>());
    return true;
  }
  if (course_of(split).kind == Course::Kind::any || kept == 0 ||
      split.kept.strides[0][kept - 1] != 1)
    return false;
  arg_of_rows<R, T>(split, in, axes, out);
  return true;
}

template <Reduction R, class Better>
void arg_extreme(std::string_view what, const Tensor& in, std::uint32_t axes, const Tensor& out,
                 Better better) {
  const Split split = split_axes(in, axes);
  check_not_empty(what, in, split.reduced.shape.elements());
  if (out.elements() == 0) return;
  dispatch_computing(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      if (arg_by_parts<R, T>(split, in, axes, out)) return;
    }
    arg_best<T>(split, in, out, better);
  });
}

}  // namespace

void argmax(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  arg_extreme<Reduction::max>("argmax", in, axes, out, [](auto a, auto b) { return a > b; });
}

void argmin(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  arg_extreme<Reduction::min>("argmin", in, axes, out, [](auto a, auto b) { return a < b; });
}

}  // namespace damo
