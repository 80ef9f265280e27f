#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/kernels/movement/strided.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>

namespace damo {
namespace {

// Elements (rows) that are taken one after the other; the results of such runs are combined
// pairwise, which keeps rounding errors at the logarithm of the count.
constexpr std::int64_t reduce_leaf = 128;
constexpr std::int64_t reduce_run_leaf = 8192;
constexpr int reduce_levels = 48;

/// Rows reduced into one: `inner` of them, inner_stride apart, `outer` times.
struct ReducedRows {
  std::int64_t inner;
  std::int64_t inner_stride;
  std::int64_t outer;
  std::int64_t outer_stride;
};

/// What a reduction of no elements gives.
template <Reduction R, class T>
constexpr T identity() {
  using Limits = std::numeric_limits<T>;
  if constexpr (R == Reduction::sum) return T{0};
  if constexpr (R == Reduction::prod) return T{1};
  if constexpr (R == Reduction::max) {
    return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  }
  return Limits::has_infinity ? Limits::infinity() : Limits::max();
}

}  // namespace
}  // namespace damo

#define DAMO_KERNEL_FILE <damo/ops/kernels/reductions/reduce.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {
namespace {

constexpr std::string_view names[] = {"sum", "prod", "max", "min", "any", "all"};
static_assert(std::size(names) == static_cast<std::size_t>(Reduction::all) + 1);

template <class T>
bool is_nan(T value) {
  return value != value;
}

void check_not_empty(std::string_view what, const Tensor& in, std::int64_t reduced) {
  if (reduced != 0) return;
  throw ShapeError(
      fmt::format("{}: no elements to choose from in shape {}", what, to_string(in.shape)));
}

/// Kept axes (of input and output) and reduced axes (of the input), as few as possible.
struct Split {
  Walk<2> kept;
  Walk<1> reduced;
};

Split split_axes(const Tensor& in, std::uint32_t axes) {
  Shape kept_shape;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if ((axes >> i & 1U) == 0) kept_shape.push_back(in.shape[i]);
  }
  const Shape out_strides = contiguous_strides(kept_shape);
  Split split;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if ((axes >> i & 1U) != 0) {
      split.reduced.push_back(in.shape[i], {in.strides[i]});
    } else {
      split.kept.push_back(in.shape[i], {in.strides[i], out_strides[split.kept.rank()]});
    }
  }
  return {coalesce(split.kept), coalesce(split.reduced)};
}

/// Moves the axis that the input steps through one by one to the end; false where there is none.
template <std::size_t N>
bool unit_axis_last(Walk<N>& walk) {
  for (std::size_t i = walk.rank(); i-- > 0;) {
    if (walk.strides[0][i] != 1) continue;
    walk.swap_axes(i, walk.rank() - 1);
    return true;
  }
  return false;
}

/// Moves the longest axes to the end.
template <std::size_t N>
void longest_last(Walk<N>& walk) {
  for (std::size_t i = 1; i < walk.rank(); ++i) {
    for (std::size_t j = i; j > 0 && walk.shape[j - 1] > walk.shape[j]; --j) {
      walk.swap_axes(j - 1, j);
    }
  }
}

/// Combines values pairwise as they come.
template <Reduction R, class T>
class Cascade {
 public:
  void push(T value) {
    for (std::int64_t bits = count_++; (bits & 1) != 0; bits >>= 1) {
      value = simd_sse2::fold<R>(pending_[--levels_], value);
    }
    pending_[levels_++] = value;
  }
  T result() const {
    if (levels_ == 0) return identity<R, T>();
    T value = pending_[levels_ - 1];
    for (int i = levels_ - 1; i-- > 0;) value = simd_sse2::fold<R>(pending_[i], value);
    return value;
  }

 private:
  T pending_[reduce_levels];
  int levels_ = 0;
  std::int64_t count_ = 0;
};

/// The reduction of one output element by `run(x, n)` over stretches of the last reduced axis.
template <Reduction R, class Acc, class T, class Run>
Acc reduce_element(const Walk<1>& reduced, const T* x, std::int64_t leaf, Run run) {
  if (reduced.rank() == 0) return run(x, 1);
  const std::size_t last = reduced.rank() - 1;
  const std::int64_t n = reduced.shape[last];
  const std::int64_t step = reduced.strides[0][last];
  if (last == 0 && n <= leaf) return run(x, n);
  Cascade<R, Acc> cascade;
  for_each_index(reduced, last, [&](const auto& offsets) {
    for (std::int64_t i = 0; i < n; i += leaf) {
      cascade.push(run(x + offsets[0] + i * step, std::min(leaf, n - i)));
    }
  });
  return cascade.result();
}

/// Whatever the strides and the type: one output element after the other.
template <Reduction R, class Acc, class T>
void reduce_any(const Split& split, const T* in, Acc* out) {
  const std::size_t rank = split.reduced.rank();
  const std::int64_t step = rank == 0 ? 0 : split.reduced.strides[0][rank - 1];
  for_each_index(split.kept, split.kept.rank(), [&](const auto& offsets) {
    out[offsets[1]] = reduce_element<R, Acc>(
        split.reduced, in + offsets[0], reduce_leaf, [step](const T* x, std::int64_t n) {
          Acc acc = identity<R, Acc>();
          for (std::int64_t i = 0; i < n; ++i)
            acc = simd_sse2::fold<R>(acc, static_cast<Acc>(x[i * step]));
          return acc;
        });
  });
}

template <class T>
struct FloatKernels {
  T (*run)(const T*, std::int64_t);
  void (*rows)(const T*, const ReducedRows&, std::int64_t, T*);
};

template <Reduction R, class T>
FloatKernels<T> float_kernels() {
  using Sse2 = simd_sse2::ReduceKernels<R, T>;
  using Avx2 = simd_avx2::ReduceKernels<R, T>;
  using Avx512 = simd_avx512::ReduceKernels<R, T>;
  static constexpr FloatKernels<T> tables[] = {
      {&Sse2::run, &Sse2::rows}, {&Avx2::run, &Avx2::rows}, {&Avx512::run, &Avx512::rows}};
  return tables[static_cast<std::size_t>(isa())];
}

/// How floats are reduced, which settles the order in which they are added up: each element of the
/// result by runs of neighbours, neighbours of the result in rows, or each element one by one.
struct Course {
  enum class Kind : std::uint8_t { runs, rows, any };
  Kind kind;
  Walk<1> reduced;
};

Course course_of(const Split& split) {
  Walk<1> reduced = split.reduced;
  if (unit_axis_last(reduced)) return {Course::Kind::runs, reduced};
  const bool in_order = split.kept.rank() > 0 && split.kept.strides[0][split.kept.rank() - 1] == 1;
  if (!in_order || reduced.rank() == 0) return {Course::Kind::any, reduced};
  longest_last(reduced);
  return {Course::Kind::rows, reduced};
}

template <Reduction R, class T>
void reduce_in_rows(const Split& split, const Walk<1>& reduced, const T* in, T* out) {
  const FloatKernels<T> kernels = float_kernels<R, T>();
  const std::size_t last = split.kept.rank() - 1;
  const std::size_t inner = reduced.rank() - 1;
  ReducedRows rows{reduced.shape[inner], reduced.strides[0][inner], 1, 0};
  if (inner > 0) {
    rows.outer = reduced.shape[inner - 1];
    rows.outer_stride = reduced.strides[0][inner - 1];
  }
  const std::int64_t cols = split.kept.shape[last];
  for_each_index(split.kept, last, [&](const auto& kept) {
    T* row = out + kept[1];
    std::fill_n(row, cols, identity<R, T>());
    for_each_index(reduced, inner > 0 ? inner - 1 : 0, [&](const auto& offset) {
      kernels.rows(in + kept[0] + offset[0], rows, cols, row);
    });
  });
}

template <Reduction R, class T>
void reduce_floats(const Split& split, const T* in, T* out) {
  const Course course = course_of(split);
  switch (course.kind) {
    case Course::Kind::runs: {
      const auto run = float_kernels<R, T>().run;
      return for_each_index(split.kept, split.kept.rank(), [&](const auto& offsets) {
        out[offsets[1]] =
            reduce_element<R, T>(course.reduced, in + offsets[0], reduce_run_leaf, run);
      });
    }
    case Course::Kind::rows:
      return reduce_in_rows<R, T>(split, course.reduced, in, out);
    case Course::Kind::any:
      return reduce_any<R, T>(split, in, out);
  }
}

/// Whether the elements lie side by side, in whatever order of the axes.
bool is_dense(const Tensor& t) {
  Walk<1> axes;
  for (std::size_t i = 0; i < t.rank(); ++i) {
    if (t.shape[i] != 1) axes.push_back(t.shape[i], {t.strides[i]});
  }
  std::int64_t expected = 1;
  for (std::size_t placed = 0; placed < axes.rank(); ++placed) {
    std::size_t i = placed;
    while (i < axes.rank() && axes.strides[0][i] != expected) ++i;
    if (i == axes.rank()) return false;
    expected *= axes.shape[i];
    axes.swap_axes(i, placed);
  }
  return true;
}

/// The same numbers, side by side.
Tensor packed(const Tensor& in) {
  static thread_local Scratch memory;
  Tensor dense = in;
  dense.strides = contiguous_strides(in.shape);
  dispatch(in.dtype, [&](auto zero) {
    dense.data = reinterpret_cast<std::byte*>(memory.reserve<decltype(zero)>(in.elements()));
  });
  copy(in, dense);
  return dense;
}

/// What is stretched, reversed or has gaps is added up in the order in which its elements would lie
/// side by side: whether they do is for rewrites to choose.
bool is_out_of_order(const Tensor& in, std::uint32_t axes, const Split& split) {
  if (!is_float(in.dtype) || is_dense(in)) return false;
  Tensor dense = in;
  dense.strides = contiguous_strides(in.shape);
  const Course wanted = course_of(split_axes(dense, axes));
  const Course given = course_of(split);
  return wanted.kind != given.kind || !(wanted.reduced.shape == given.reduced.shape);
}

template <Reduction R>
void reduce_numbers(const Split& split, const Tensor& in, const Tensor& out) {
  dispatch(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      reduce_floats<R, T>(split, in.as<const T>(), out.as<T>());
    } else {
      reduce_any<R, std::int64_t>(split, in.as<const T>(), out.as<std::int64_t>());
    }
  });
}

/// Whether any element is nonzero (`wanted` true), or all are (`wanted` false).
void reduce_truth(const Split& split, const Tensor& in, bool wanted, const Tensor& out) {
  dispatch(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_each_index(split.kept, split.kept.rank(), [&](const auto& kept) {
      const T* x = in.as<const T>() + kept[0];
      bool found = false;
      for_each_index(split.reduced, split.reduced.rank(), [&](const auto& reduced) {
        found = found || (x[reduced[0]] != T{0}) == wanted;
      });
      out.as<bool>()[kept[1]] = found == wanted;
    });
  });
}

template <class T, class Better>
void arg_best(std::string_view what, const Tensor& in, std::uint32_t axes, const Tensor& out,
              Better better) {
  const Split split = split_axes(in, axes);
  check_not_empty(what, in, split.reduced.shape.elements());
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

}  // namespace

void reduce(Reduction reduction, const Tensor& in, std::uint32_t axes, const Tensor& out) {
  const Split split = split_axes(in, axes);
  const bool adds = reduction == Reduction::sum || reduction == Reduction::prod;
  if (adds && is_out_of_order(in, axes, split)) return reduce(reduction, packed(in), axes, out);
  const bool boolean_in = in.dtype == DType::boolean;
  switch (reduction) {
    case Reduction::sum:
      return reduce_numbers<Reduction::sum>(split, in, out);
    case Reduction::prod:
      return reduce_numbers<Reduction::prod>(split, in, out);
    case Reduction::max:
    case Reduction::min: {
      const bool largest = reduction == Reduction::max;
      check_not_empty(names[static_cast<std::size_t>(reduction)], in,
                      split.reduced.shape.elements());
      if (boolean_in) return reduce_truth(split, in, largest, out);
      return largest ? reduce_numbers<Reduction::max>(split, in, out)
                     : reduce_numbers<Reduction::min>(split, in, out);
    }
    default:
      return reduce_truth(split, in, reduction == Reduction::any, out);
  }
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

}  // namespace damo
