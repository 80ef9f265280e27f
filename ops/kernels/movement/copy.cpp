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

template <class T>
void copy_row(const T* from, std::int64_t from_step, T* to, std::int64_t to_step, std::int64_t n) {
  if (from_step == 1 && to_step == 1) {
    std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(T));
  } else if (from_step == 0 && to_step == 1) {
    std::fill_n(to, n, *from);
  } else {
    for (std::int64_t i = 0; i < n; ++i) to[i * to_step] = from[i * from_step];
  }
}

// Matrices whose rows are contiguous in the target and whose columns are in the source are copied
// in square blocks that fit the first-level cache.
constexpr std::int64_t block = 16;

template <class T>
void copy_transposed(const T* from, std::int64_t from_step, T* to, std::int64_t to_step,
                     std::int64_t rows, std::int64_t cols) {
  for (std::int64_t i0 = 0; i0 < rows; i0 += block) {
    const std::int64_t i1 = std::min(rows, i0 + block);
    for (std::int64_t j0 = 0; j0 < cols; j0 += block) {
      const std::int64_t j1 = std::min(cols, j0 + block);
      for (std::int64_t i = i0; i < i1; ++i) {
        for (std::int64_t j = j0; j < j1; ++j) to[i * to_step + j] = from[i + j * from_step];
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

template <class T>
void copy_walk(Walk<2> walk, const T* from, T* to) {
  if (walk.rank() == 0) {
    *to = *from;
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

/// A matrix, or a part of one: where it begins and the steps along its axes.
template <class Pointer>
struct Plane {
  Pointer data;
  std::int64_t row_step;
  std::int64_t col_step;
};

template <class From, class To>
void convert_plane(const Plane<const std::byte*>& from, const Plane<std::byte*>& to,
                   std::int64_t rows, std::int64_t cols) {
  if constexpr (!std::is_same_v<From, To>) {
    const auto* const x = reinterpret_cast<const From*>(from.data);
    auto* const y = reinterpret_cast<To*>(to.data);
    if (from.col_step == 1 && to.col_step == 1) {
      const Loop loop = make_loops<Convert<To>, To, From>().best();
      for (std::int64_t i = 0; i < rows; ++i) {
        const void* in[] = {x + i * from.row_step};
        loop(in, y + i * to.row_step, static_cast<std::size_t>(cols));
      }
      return;
    }
    const bool turned = from.row_step == 1 && from.col_step != 0;
    const std::int64_t wide = turned ? block : std::max(cols, block);
    for (std::int64_t i0 = 0; i0 < rows; i0 += block) {
      const std::int64_t i1 = std::min(rows, i0 + block);
      for (std::int64_t j0 = 0; j0 < cols; j0 += wide) {
        const std::int64_t j1 = std::min(cols, j0 + wide);
        for (std::int64_t i = i0; i < i1; ++i) {
          const From* const row = x + i * from.row_step;
          To* const out = y + i * to.row_step;
          if (to.col_step == 1) {
            for (std::int64_t j = j0; j < j1; ++j) out[j] = Convert<To>{}(row[j * from.col_step]);
          } else {
            for (std::int64_t j = j0; j < j1; ++j)
              out[j * to.col_step] = Convert<To>{}(row[j * from.col_step]);
          }
        }
      }
    }
  }
}
using ConvertPlane = decltype(&convert_plane<float, double>);

ConvertPlane plane_between(DType from, DType to) {
  return dispatch(from, [&](auto source) {
    return dispatch(to, [](auto target) -> ConvertPlane {
      return &convert_plane<decltype(source), decltype(target)>;
    });
  });
}

/// Copies that convert know pairs of dtypes by their matrices only: to compile a walk for each of
/// the thirty takes as long as the rest of this folder.
void convert_walk(Walk<2> walk, const Tensor& from, const Tensor& to) {
  const ConvertPlane convert = plane_between(from.dtype, to.dtype);
  const auto from_size = static_cast<std::int64_t>(item_size(from.dtype));
  const auto to_size = static_cast<std::int64_t>(item_size(to.dtype));
  if (walk.rank() == 0) return convert({from.data, 0, 1}, {to.data, 0, 1}, 1, 1);
  const std::size_t last = walk.rank() - 1;
  if (last == 0) {
    return convert({from.data, 0, walk.strides[0][0]}, {to.data, 0, walk.strides[1][0]}, 1,
                   walk.shape[0]);
  }
  transposes(walk);
  for_each_index(walk, last - 1, [&](const auto& offsets) {
    convert({from.data + offsets[0] * from_size, walk.strides[0][last - 1], walk.strides[0][last]},
            {to.data + offsets[1] * to_size, walk.strides[1][last - 1], walk.strides[1][last]},
            walk.shape[last - 1], walk.shape[last]);
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
  } else {
    convert_walk(walk, from, to);
  }
}

void fill(const Tensor& to, const Tensor& scalar) {
  Tensor repeated = scalar;
  repeated.shape = to.shape;
  repeated.strides = Shape{};
  repeated.strides.resize(to.rank(), 0);
  copy(repeated, to);
}

}  // namespace damo
