#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/elementwise/loop.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/kernels/movement/strided.hpp>

namespace damo {
namespace {

template <class To>
struct Convert {
  template <class From>
  DAMO_INLINE To operator()(From value) const {
    return converted<To>(value);
  }
};

/// Orders the axes by the steps of the target, so that it is written front to back; reversed axes
/// keep their sense.
void sort_by_target(Walk<2>& walk) {
  for (std::size_t i = 1; i < walk.rank(); ++i) {
    for (std::size_t j = i; j > 0; --j) {
      if (std::abs(walk.strides[1][j - 1]) >= std::abs(walk.strides[1][j])) break;
      walk.swap_axes(j - 1, j);
    }
  }
}

template <class From, class To>
void copy_row(const From* from, std::int64_t from_step, To* to, std::int64_t to_step,
              std::int64_t n) {
  if (from_step == 1 && to_step == 1) {
    if constexpr (std::is_same_v<From, To>) {
      std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(To));
    } else {
      const void* in[] = {from};
      make_loops<Convert<To>, To, From>().best()(in, to, static_cast<std::size_t>(n));
    }
  } else if (from_step == 0 && to_step == 1) {
    std::fill_n(to, n, Convert<To>{}(*from));
  } else {
    for (std::int64_t i = 0; i < n; ++i) to[i * to_step] = Convert<To>{}(from[i * from_step]);
  }
}

/// A matrix whose rows are contiguous in the target and whose columns are in the source, in square
/// blocks that fit the first-level cache.
template <class From, class To>
void copy_transposed(const From* from, std::int64_t from_step, To* to, std::int64_t to_step,
                     std::int64_t rows, std::int64_t cols) {
  constexpr std::int64_t block = 16;
  for (std::int64_t i0 = 0; i0 < rows; i0 += block) {
    const std::int64_t i1 = std::min(rows, i0 + block);
    for (std::int64_t j0 = 0; j0 < cols; j0 += block) {
      const std::int64_t j1 = std::min(cols, j0 + block);
      for (std::int64_t i = i0; i < i1; ++i) {
        for (std::int64_t j = j0; j < j1; ++j) {
          to[i * to_step + j] = Convert<To>{}(from[i + j * from_step]);
        }
      }
    }
  }
}

/// Moves the axis along which the source is contiguous next to the last; false where there is none
/// but the last.
bool transposes(Walk<2>& walk) {
  const std::size_t last = walk.rank() - 1;
  if (last == 0 || walk.strides[1][last] != 1 || walk.strides[0][last] == 1) return false;
  if (walk.strides[0][last] == 0) return false;
  for (std::size_t i = 0; i < last; ++i) {
    if (walk.strides[0][i] != 1) continue;
    walk.swap_axes(i, last - 1);
    return true;
  }
  return false;
}

template <class From, class To>
void copy_walk(Walk<2> walk, const From* from, To* to) {
  if (walk.rank() == 0) {
    *to = Convert<To>{}(*from);
    return;
  }
  const std::size_t last = walk.rank() - 1;
  if (transposes(walk)) {
    for_each_index(walk, last - 1, [&](const auto& offsets) {
      copy_transposed(from + offsets[0], walk.strides[0][last], to + offsets[1],
                      walk.strides[1][last - 1], walk.shape[last - 1], walk.shape[last]);
    });
    return;
  }
  for_each_index(walk, last, [&](const auto& offsets) {
    copy_row(from + offsets[0], walk.strides[0][last], to + offsets[1], walk.strides[1][last],
             walk.shape[last]);
  });
}

}  // namespace

void copy(const Tensor& from, const Tensor& to) {
  if (from.shape != to.shape) {
    throw ShapeError(
        fmt::format("copy: shapes differ, {} and {}", to_string(from.shape), to_string(to.shape)));
  }
  if (to.elements() == 0) return;
  Walk<2> walk{to.shape, {from.strides, to.strides}};
  sort_by_target(walk);
  walk = coalesce(walk);
  if (from.dtype == to.dtype) {
    dispatch_size(to.dtype, [&](auto zero) {
      copy_walk(walk, from.as<const decltype(zero)>(), to.as<decltype(zero)>());
    });
    return;
  }
  dispatch(from.dtype, [&](auto source) {
    dispatch(to.dtype, [&](auto target) {
      if constexpr (!std::is_same_v<decltype(source), decltype(target)>)
        copy_walk(walk, from.as<const decltype(source)>(), to.as<decltype(target)>());
    });
  });
}

void fill(const Tensor& to, const Tensor& scalar) {
  Tensor repeated = scalar;
  repeated.shape = to.shape;
  repeated.strides = Shape{};
  repeated.strides.resize(to.rank(), 0);
  copy(repeated, to);
}

}  // namespace damo
