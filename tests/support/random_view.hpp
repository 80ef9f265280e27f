#pragma once
#include <algorithm>
#include <random>

#include <damo/graph/values/array.hpp>

namespace damo::test {

/// An array read with axes in another order, reversed, with gaps or stretched.
struct RandomView {
  Array memory;
  Tensor view;
};

inline RandomView random_view(std::mt19937& rng, DType dtype, const Shape& shape) {
  const auto pick = [&](int n) { return static_cast<int>(rng() % static_cast<unsigned>(n)); };
  Shape order;
  for (std::size_t i = 0; i < shape.rank(); ++i) order.push_back(static_cast<std::int64_t>(i));
  if (pick(2) == 0) std::shuffle(order.begin(), order.end(), rng);
  Shape in_memory;
  Shape gaps;
  for (const std::int64_t axis : order) {
    gaps.push_back(pick(5) == 0 ? 2 : 1);
    in_memory.push_back(shape[static_cast<std::size_t>(axis)] * gaps[gaps.rank() - 1]);
  }
  RandomView r{Array(dtype, in_memory), {}};
  r.view = r.memory.view();
  r.view.shape = shape;
  const Shape strides = contiguous_strides(in_memory);
  for (std::size_t k = 0; k < shape.rank(); ++k) {
    const auto axis = static_cast<std::size_t>(order[k]);
    r.view.strides[axis] = strides[k] * gaps[k];
    if (pick(6) == 0 && shape[axis] > 0) {
      r.view.data +=
          (shape[axis] - 1) * r.view.strides[axis] * static_cast<std::int64_t>(item_size(dtype));
      r.view.strides[axis] *= -1;
    } else if (pick(8) == 0) {
      r.view.strides[axis] = 0;
    }
  }
  return r;
}

}  // namespace damo::test
