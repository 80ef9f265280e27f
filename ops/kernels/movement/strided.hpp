#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <damo/graph/values/shape.hpp>

namespace damo {

/// One index space walked by N operands, each with its own strides (in elements).
template <std::size_t N>
struct Walk {
  Shape shape;
  std::array<Shape, N> strides;

  std::size_t rank() const { return shape.rank(); }
  void push_back(std::int64_t size, const std::array<std::int64_t, N>& steps) {
    shape.push_back(size);
    for (std::size_t k = 0; k < N; ++k) strides[k].push_back(steps[k]);
  }
  std::array<std::int64_t, N> steps(std::size_t axis) const {
    std::array<std::int64_t, N> result;
    for (std::size_t k = 0; k < N; ++k) result[k] = strides[k][axis];
    return result;
  }
  void swap_axes(std::size_t a, std::size_t b) {
    std::swap(shape[a], shape[b]);
    for (Shape& s : strides) std::swap(s[a], s[b]);
  }
};

/// The same walk with as few dimensions as possible: sizes of 1 dropped, neighbours merged where
/// every operand steps through them as through one.
template <std::size_t N>
Walk<N> coalesce(const Walk<N>& walk) {
  Walk<N> result;
  for (std::size_t axis = 0; axis < walk.rank(); ++axis) {
    if (walk.shape[axis] == 1) continue;
    const auto steps = walk.steps(axis);
    const std::size_t last = result.rank() - 1;
    bool merges = result.rank() > 0;
    for (std::size_t k = 0; merges && k < N; ++k) {
      merges = result.strides[k][last] == steps[k] * walk.shape[axis];
    }
    if (!merges) {
      result.push_back(walk.shape[axis], steps);
      continue;
    }
    result.shape[last] *= walk.shape[axis];
    for (std::size_t k = 0; k < N; ++k) result.strides[k][last] = steps[k];
  }
  return result;
}

/// Calls `f(offsets)` for each index over the first `axes` dimensions, in row-major order, with
/// the operands' offsets in elements.
template <std::size_t N, class F>
void for_each_index(const Walk<N>& walk, std::size_t axes, F&& f) {
  for (std::size_t i = 0; i < axes; ++i) {
    if (walk.shape[i] == 0) return;
  }
  std::array<std::int64_t, max_rank> index{};
  std::array<std::int64_t, N> offsets{};
  for (;;) {
    f(offsets);
    std::size_t axis = axes;
    for (;;) {
      if (axis == 0) return;
      --axis;
      for (std::size_t k = 0; k < N; ++k) offsets[k] += walk.strides[k][axis];
      if (++index[axis] < walk.shape[axis]) break;
      for (std::size_t k = 0; k < N; ++k) offsets[k] -= walk.strides[k][axis] * walk.shape[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace damo
