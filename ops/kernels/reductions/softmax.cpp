#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/machine/for_float.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/kernels/movement/strided.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>
#include <damo/ops/kernels/reductions/softmax.hpp>

namespace damo {
namespace {

enum class Normalised : std::uint8_t { softmax, log_softmax, logsumexp };

constexpr std::int64_t softmax_tile = 1024;    // elements whose exponentials are taken at a time
constexpr std::int64_t softmax_groups = 256;   // most groups worked on together,
constexpr std::int64_t softmax_columns = 128;  // where they lie side by side,
constexpr std::int64_t column_tile = 4096;     // with tiles of so many elements
constexpr std::int64_t most_rows = 256;        // in so many rows at most
constexpr std::int64_t fewest_columns = 8;     // for which that pays
constexpr int weight_slots = 8;

/// Some of the groups of elements that are normalised together.
template <class T>
struct Groups {
  const T* from;
  T* to;
  std::int64_t count;
  std::int64_t from_step, to_step;  // from one group to the next
  std::int64_t n;                   // elements of a group
  const Walk<2>* group;             // steps inside one
  bool rows;                        // the elements of a group are neighbours; else the groups are
  Infinities several;
  const T* largest;
  /// What exp(x - largest) sums up to: the ones would hide small ones in the rest.
  double* ones;
  double* rest;

  Groups part(std::int64_t first, std::int64_t some) const {
    Groups g = *this;
    g.from += first * from_step, g.to += first * to_step, g.count = some;
    g.largest += first;
    return g;
  }
};

/// Adds the slots of each column up in pairs, into the first.
DAMO_INLINE void fold_slots(double* rest, std::int64_t cols) {
  for (int half = weight_slots / 2; half > 0; half /= 2) {
    for (std::int64_t i = 0; i < half * cols; ++i) rest[i] += rest[half * cols + i];
  }
}

/// What `over_sum` takes.
template <class T>
DAMO_INLINE double softmax_divisor(const Groups<T>& g, std::int64_t j) {
  const double sum = g.ones[j] + g.rest[j];
  return sizeof(T) == sizeof(float) ? 1 / sum : sum;
}

}  // namespace
}  // namespace damo

#define DAMO_KERNEL_FILE <damo/ops/kernels/reductions/softmax.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {
namespace {

/// A group whose largest element is infinite, which shares the mass with its equals if it may, or
/// NaN.
template <Normalised N, class T>
void normalise_nonfinite(const Groups<T>& g, std::int64_t j) {
  const T* from = g.from + j * g.from_step;
  T* to = g.to + j * g.to_step;
  const T largest = g.largest[j];
  if constexpr (N == Normalised::logsumexp) {
    *to = largest;
    return;
  }
  double count = 0;
  for_each_index(*g.group, g.group->rank(),
                 [&](const auto& at) { count += from[at[0]] == largest ? 1 : 0; });
  const bool nan = largest != largest;
  T share = static_cast<T>(N == Normalised::softmax ? 1 / count : -std::log(count));
  if (count > 1 && g.several == Infinities::undefined) share = std::numeric_limits<T>::quiet_NaN();
  const T none = N == Normalised::softmax ? T{0} : -std::numeric_limits<T>::infinity();
  for_each_index(*g.group, g.group->rank(), [&](const auto& at) {
    to[at[1]] = nan ? largest : from[at[0]] == largest ? share : none;
  });
}

/// Finds the largest elements and does with each group what it takes.
template <Normalised N, class T>
void normalise_groups(Groups<T> g) {
  Tensor in{const_cast<std::byte*>(reinterpret_cast<const std::byte*>(g.from)),
            sizeof(T) == sizeof(float) ? DType::float32 : DType::float64,
            {},
            {}};
  if (g.count > 1) in.shape.push_back(g.count), in.strides.push_back(g.from_step);
  for (std::size_t i = 0; i < g.group->rank(); ++i) {
    in.shape.push_back(g.group->shape[i]);
    in.strides.push_back(g.group->strides[0][i]);
  }
  T largest[softmax_groups];
  double ones[softmax_groups], rest[softmax_groups];
  Tensor out = in;
  out.data = reinterpret_cast<std::byte*>(largest);
  out.shape = {g.count};
  out.strides = {1};
  reduce(Reduction::max, in, ~std::uint32_t{g.count > 1}, out);
  g.largest = largest, g.ones = ones, g.rest = rest;
  for (std::int64_t j = 0; j < g.count;) {
    std::int64_t end = j;
    while (end < g.count && std::isfinite(largest[end])) ++end;
    if (end > j) {
      const Groups<T> finite = g.part(j, end - j);
      DAMO_BEST_ISA(normalise<N>(finite));
    }
    for (j = end; j < g.count && !std::isfinite(largest[j]); ++j) normalise_nonfinite<N>(g, j);
  }
}

/// Groups whose elements lie anyhow: copied side by side and back.
template <Normalised N, class T>
void normalise_copies(const Groups<T>& g) {
  static thread_local Scratch memory;
  T* copies = memory.reserve<T>(g.count * g.n);
  const auto for_each = [&](auto&& f) {
    T* at = copies;
    for (std::int64_t j = 0; j < g.count; ++j) {
      for_each_index(*g.group, g.group->rank(), [&](const auto& step) {
        f(*at++, g.from[j * g.from_step + step[0]], g.to + j * g.to_step + step[1]);
      });
    }
  };
  for_each([](T& copied, T x, T*) { copied = x; });
  Walk<2> side_by_side;
  side_by_side.push_back(g.n, {1, 1});
  constexpr bool one = N == Normalised::logsumexp;
  normalise_groups<N>(Groups<T>{copies, one ? g.to : copies, g.count, g.n, one ? g.to_step : g.n,
                                g.n, &side_by_side, true, g.several, nullptr, nullptr, nullptr});
  if (!one) for_each([](T& copied, T, T* y) { *y = copied; });
}

/// The groups of a tensor, and how they lie.
struct Layout {
  Walk<2> groups;
  Walk<2> group;
  bool rows = false, columns = false;

  Layout(const Tensor& in, std::uint32_t axes, bool reduces) {
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
    groups = coalesce(groups);
    if (groups.rank() == 0) groups.push_back(1, {1, 1});
    const std::size_t last = groups.rank() - 1;
    const auto next = group.rank() == 0 ? std::array<std::int64_t, 2>{1, 1} : group.steps(0);
    rows = group.rank() <= 1 && next[0] == 1 && (reduces || next[1] == 1);
    columns = !rows && groups.steps(last) == std::array<std::int64_t, 2>{1, 1} &&
              groups.shape[last] >= fewest_columns;
  }
};

template <Normalised N, class T>
void normalise_tensor(const Layout& layout, Infinities several, const T* in, T* out) {
  const std::int64_t n = layout.group.shape.elements();
  const std::size_t last = layout.groups.rank() - 1;
  const std::int64_t line = layout.groups.shape[last];
  const auto steps = layout.groups.steps(last);
  const std::int64_t width =
      layout.columns
          ? softmax_columns
          : std::clamp<std::int64_t>(16384 / std::max<std::int64_t>(n, 1), 1, softmax_groups);
  const std::int64_t blocks = (line + width - 1) / width;
  const std::int64_t grain =
      std::max<std::int64_t>(1, 16384 / (std::min(width, line) * std::max<std::int64_t>(n, 1)));
  for_each_index(layout.groups, last, [&](const auto& at) {
    parallel_for(blocks, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        const std::int64_t first = b * width;
        const Groups<T> g{in + at[0] + first * steps[0],
                          out + at[1] + first * steps[1],
                          std::min(width, line - first),
                          steps[0],
                          steps[1],
                          n,
                          &layout.group,
                          layout.rows,
                          several,
                          nullptr,
                          nullptr,
                          nullptr};
        layout.rows || layout.columns ? normalise_groups<N>(g) : normalise_copies<N>(g);
      }
    });
  });
}

template <Normalised N>
void normalise_any(Tensor in, std::uint32_t axes, Infinities several, const Tensor& out) {
  constexpr bool reduces = N == Normalised::logsumexp;
  if (out.elements() == 0) return;
  if (!is_float(in.dtype)) throw InternalError("softmax: no kernel for integers");
  Layout layout(in, axes, reduces);
  if (!reduces && !layout.rows && !layout.columns && in.strides != out.strides) {
    copy(in, out);
    in = out;
    layout = Layout(in, axes, reduces);
  }
  for_float(in, [&](auto zero) {
    using T = decltype(zero);
    if (in.elements() == 0) {  // the logarithm of no sum
      std::fill_n(out.as<T>(), out.elements(), -std::numeric_limits<T>::infinity());
    } else {
      normalise_tensor<N>(layout, several, in.as<const T>(), out.as<T>());
    }
  });
}

}  // namespace

void softmax(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  softmax(in, axes, Infinities::share, out);
}

void log_softmax(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  log_softmax(in, axes, Infinities::share, out);
}

void softmax(const Tensor& in, std::uint32_t axes, Infinities several, const Tensor& out) {
  normalise_any<Normalised::softmax>(in, axes, several, out);
}

void log_softmax(const Tensor& in, std::uint32_t axes, Infinities several, const Tensor& out) {
  normalise_any<Normalised::log_softmax>(in, axes, several, out);
}

void logsumexp(const Tensor& in, std::uint32_t axes, const Tensor& out) {
  normalise_any<Normalised::logsumexp>(in, axes, Infinities::share, out);
}

}  // namespace damo
