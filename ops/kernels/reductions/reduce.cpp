#include <algorithm>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/movement/strided.hpp>
#include <damo/ops/kernels/reductions/course.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>
#include <damo/ops/kernels/reductions/reduce_parts.hpp>
#include <damo/ops/kernels/reductions/sums_again.hpp>

namespace damo {
namespace {

constexpr std::string_view names[] = {"sum", "prod", "max", "min", "any", "all"};
static_assert(std::size(names) == static_cast<std::size_t>(Reduction::all) + 1);

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
    out[offsets[1]] = reduce_element<R, Acc>(split.reduced, in + offsets[0], reduce_leaf,
                                             [step](const T* x, std::int64_t n) {
                                               Acc acc = identity<R, Acc>();
                                               for (std::int64_t i = 0; i < n; ++i)
                                                 acc = fold<R>(acc, static_cast<Acc>(x[i * step]));
                                               return acc;
                                             });
  });
}

/// One row of `cols` results, of rows of neighbours at `in`.
template <Reduction R, class T>
void reduce_rows(const Walk<1>& reduced, const T* in, std::int64_t cols, T* out) {
  const std::size_t inner = reduced.rank() - 1;
  ReducedRows rows{reduced.shape[inner], reduced.strides[0][inner], 1, 0};
  if (inner > 0) {
    rows.outer = reduced.shape[inner - 1];
    rows.outer_stride = reduced.strides[0][inner - 1];
  }
  std::fill_n(out, cols, identity<R, T>());
  const auto kernel = float_kernels<R, T>().rows;
  for_each_index(reduced, inner > 0 ? inner - 1 : 0,
                 [&](const auto& offset) { kernel(in + offset[0], rows, cols, out); });
}

template <Reduction R, class T>
void reduce_in_rows(const Split& split, const Walk<1>& reduced, const T* in, T* out) {
  const std::size_t last = split.kept.rank() - 1;
  for_each_index(split.kept, last, [&](const auto& kept) {
    reduce_rows<R>(reduced, in + kept[0], split.kept.shape[last], out + kept[1]);
  });
}

/// Extremes of a few elements each, as of windows: whatever the order, the result is the same, so
/// neighbours of the result go together.
template <Reduction R, class T>
void reduce_together(const Split& split, const T* in, T* out) {
  const std::size_t last = split.kept.rank() - 1;
  const std::int64_t n = split.kept.shape[last];
  const std::int64_t step = split.kept.strides[0][last];
  for_each_index(split.kept, last, [&](const auto& kept) {
    T* to = out + kept[1];
    std::fill_n(to, n, identity<R, T>());
    for_each_index(split.reduced, split.reduced.rank(), [&](const auto& reduced) {
      const T* x = in + kept[0] + reduced[0];
      for (std::int64_t i = 0; i < n; ++i) to[i] = fold<R>(to[i], x[i * step]);
    });
  });
}

constexpr std::int64_t few = 32;

template <Reduction R, class T>
void reduce_floats(const Split& split, const T* in, T* out) {
  const Course course = course_of(split);
  const std::size_t reduced = course.reduced.rank();
  const bool short_runs =
      course.kind == Course::Kind::any ||
      (course.kind == Course::Kind::runs && course.reduced.shape[reduced - 1] < shortest_in_slots);
  if (R > Reduction::prod && split.kept.rank() > 0 && short_runs &&
      split.reduced.shape.elements() <= few)
    return reduce_together<R>(split, in, out);
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

/// Elements in row-major order, so many at a time, of whatever strides.
template <class T>
class Gather {
 public:
  Gather(const T* x, const Walk<1>& walk) : x_(x), walk_(walk) {}

  /// The next `n`, side by side.
  const T* take(std::int64_t n) {
    const std::size_t last = walk_.rank() - 1;
    const std::int64_t step = walk_.strides[0][last];
    for (std::int64_t i = 0; i < n;) {
      const std::int64_t count = std::min(n - i, walk_.shape[last] - index_[last]);
      for (std::int64_t k = 0; k < count; ++k) buffer_[i + k] = x_[offset_ + k * step];
      i += count;
      advance(last, count);
    }
    return buffer_;
  }

 private:
  void advance(std::size_t axis, std::int64_t count) {
    index_[axis] += count;
    offset_ += count * walk_.strides[0][axis];
    if (index_[axis] < walk_.shape[axis]) return;
    offset_ -= index_[axis] * walk_.strides[0][axis];
    index_[axis] = 0;
    if (axis > 0) advance(axis - 1, 1);
  }

  const T* x_;
  Walk<1> walk_;
  std::array<std::int64_t, max_rank> index_{};
  std::int64_t offset_ = 0;
  T buffer_[reduce_run_leaf];
};

/// By runs, as a row-major copy would be, whose reduced axes are `copy`.
template <Reduction R, class T>
void reduce_gathered_runs(const Split& split, const Walk<1>& copy, const T* in, T* out) {
  const auto run = float_kernels<R, T>().run;
  const std::int64_t n = copy.shape[copy.rank() - 1];
  const std::int64_t runs = n == 0 ? 0 : copy.shape.elements() / n;
  for_each_index(split.kept, split.kept.rank(), [&](const auto& kept) {
    Gather<T> gather(in + kept[0], split.reduced);
    T& result = out[kept[1]];
    if (copy.rank() == 1 && n <= reduce_run_leaf) {
      result = run(gather.take(n), n);
      return;
    }
    Cascade<R, T> cascade;
    for (std::int64_t r = 0; r < runs; ++r) {
      for (std::int64_t i = 0; i < n; i += reduce_run_leaf) {
        const std::int64_t count = std::min(reduce_run_leaf, n - i);
        cascade.push(run(gather.take(count), count));
      }
    }
    result = cascade.result();
  });
}

/// In rows, as a row-major copy would be, whose reduced axes are `copy`: some columns at a time.
template <Reduction R, class T>
void reduce_gathered_rows(const Split& split, Walk<1> copy, const T* in, T* out) {
  constexpr std::int64_t most = 1 << 18;
  static thread_local Scratch memory;
  const std::size_t last = split.kept.rank() - 1;
  const std::int64_t cols = split.kept.shape[last];
  const std::int64_t step = split.kept.strides[0][last];
  const std::int64_t n = copy.shape.elements();
  const std::int64_t width = std::clamp<std::int64_t>(most / std::max<std::int64_t>(n, 1), 1, cols);
  T* block = memory.reserve<T>(n * width);
  for_each_index(split.kept, last, [&](const auto& kept) {
    for (std::int64_t j = 0; j < cols; j += width) {
      const std::int64_t some = std::min(width, cols - j);
      T* to = block;
      for_each_index(split.reduced, split.reduced.rank(), [&](const auto& reduced) {
        const T* from = in + kept[0] + reduced[0] + j * step;
        for (std::int64_t k = 0; k < some; ++k) *to++ = from[k * step];
      });
      std::int64_t row = some;
      for (std::size_t axis = copy.rank(); axis-- > 0; row *= copy.shape[axis])
        copy.strides[0][axis] = row;
      Walk<1> rows = copy;
      longest_last(rows);
      reduce_rows<R>(rows, block, some, out + kept[1] + j);
    }
  });
}

/// What is not row-major is added up in the order in which a row-major copy would be: how elements
/// lie is for rewrites to choose. False where that is the usual order.
template <Reduction R, class T>
bool reduce_out_of_order(const Tensor& in, std::uint32_t axes, const Split& usual, T* out) {
  if (in.contiguous() || in.elements() == 0) return false;
  Tensor copy = in;
  copy.strides = contiguous_strides(in.shape);
  const Split of_copy = split_axes(copy, axes);
  const Course wanted = course_of(of_copy);
  const Course given = course_of(usual);
  if (wanted.kind == Course::Kind::any ||
      (wanted.kind == given.kind && wanted.reduced.shape == given.reduced.shape))
    return false;
  if (wanted.kind == Course::Kind::runs) {
    reduce_gathered_runs<R>(usual, of_copy.reduced, in.as<const T>(), out);
  } else {
    reduce_gathered_rows<R>(usual, of_copy.reduced, in.as<const T>(), out);
  }
  return true;
}

template <class T>
void sum_again(const Split& split, const T* in, T* out, std::int64_t sums) {
  SumsAgain<T> again(out, sums);
  for_each_index(split.kept, split.kept.rank(), [&](const auto& kept) {
    for_each_index(split.reduced, split.reduced.rank(), [&](const auto& at) {
      if (again.wanted(kept[1])) again.add(kept[1], in[kept[0] + at[0]]);
    });
  });
  again.finish();
}

template <Reduction R>
void reduce_numbers(const Split& split, const Tensor& in, std::uint32_t axes, const Tensor& out) {
  dispatch_computing(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      const T* x = in.as<const T>();
      T* results = out.as<T>();
      constexpr bool adds = R == Reduction::sum || R == Reduction::prod;
      if (!adds || !reduce_out_of_order<R>(in, axes, split, results))
        reduce_floats<R, T>(split, x, results);
      if (R == Reduction::sum && !all_finite(results, out.elements()))
        sum_again(split, x, results, out.elements());
    } else {
      reduce_any<R, std::int64_t>(split, in.as<const T>(), out.as<std::int64_t>());
    }
  });
}

/// Whether any element is nonzero (`wanted` true), or all are (`wanted` false).
void reduce_truth(const Split& split, const Tensor& in, bool wanted, const Tensor& out) {
  dispatch_computing(in.dtype, [&](auto zero) {
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

}  // namespace

void reduce(Reduction reduction, const Tensor& in, std::uint32_t axes, const Tensor& out) {
  const Split split = split_axes(in, axes);
  const bool boolean_in = in.dtype == DType::boolean;
  switch (reduction) {
    case Reduction::sum:
      return reduce_numbers<Reduction::sum>(split, in, axes, out);
    case Reduction::prod:
      return reduce_numbers<Reduction::prod>(split, in, axes, out);
    case Reduction::max:
    case Reduction::min: {
      const bool largest = reduction == Reduction::max;
      check_not_empty(names[static_cast<std::size_t>(reduction)], in,
                      split.reduced.shape.elements());
      if (boolean_in) return reduce_truth(split, in, largest, out);
      return largest ? reduce_numbers<Reduction::max>(split, in, axes, out)
                     : reduce_numbers<Reduction::min>(split, in, axes, out);
    }
    default:
      return reduce_truth(split, in, reduction == Reduction::any, out);
  }
}

}  // namespace damo
