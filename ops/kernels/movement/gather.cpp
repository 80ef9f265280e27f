#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/movement/gather.hpp>
#include <damo/ops/kernels/movement/strided.hpp>

namespace damo {
namespace {

bool indexed(const Gathering& g, std::size_t axis) {
  return std::find(g.axes.begin(), g.axes.end(), axis) != g.axes.end();
}

/// Where the axes of the index tensors begin in the result.
std::size_t index_position(const Gathering& g) {
  return g.in_place && !g.axes.empty() ? g.axes.front() : 0;
}

/// The offset in the indexed tensor for each index, in row-major order.
void find_offsets(const Gathering& g, std::int64_t* offsets) {
  std::fill_n(offsets, g.index_shape.elements(), 0);
  for (std::size_t k = 0; k < g.axes.size(); ++k) {
    const std::int64_t n = g.tensor.shape[g.axes[k]];
    const std::int64_t stride = g.tensor.strides[g.axes[k]];
    const auto* index = g.indices[k].as<const std::int64_t>();
    const Walk<1> walk{g.index_shape, {g.indices[k].strides}};
    std::int64_t i = 0;
    for_each_index(walk, walk.rank(), [&](const auto& at) {
      const std::int64_t position = index[at[0]];
      if (position < -n || position >= n) {
        throw ShapeError(fmt::format("index {} is out of bounds for axis {} of size {}", position,
                                     g.axes[k], n));
      }
      offsets[i++] += (position < 0 ? position + n : position) * stride;
    });
  }
}

/// Calls `f(named, other)` for each element named and its partner in `other`.
template <class T, class F>
void for_each_named(const Gathering& g, const Tensor& other, std::byte* scratch, F&& f) {
  auto* offsets = reinterpret_cast<std::int64_t*>(scratch);
  find_offsets(g, offsets);
  const std::size_t first = index_position(g);
  Walk<1> indices;
  for (std::size_t i = 0; i < g.index_shape.rank(); ++i) {
    indices.push_back(g.index_shape[i], {other.strides[first + i]});
  }
  Walk<2> rest;
  std::size_t axis = 0;
  for (std::size_t i = 0; i < g.tensor.rank(); ++i) {
    if (indexed(g, i)) continue;
    if (axis == first) axis += g.index_shape.rank();
    rest.push_back(g.tensor.shape[i], {g.tensor.strides[i], other.strides[axis++]});
  }
  rest = coalesce(rest);
  std::int64_t i = 0;
  for_each_index(indices, indices.rank(), [&](const auto& at) {
    T* named = g.tensor.as<T>() + offsets[i++];
    T* partner = other.as<T>() + at[0];
    for_each_index(rest, rest.rank(),
                   [&](const auto& step) { f(named[step[0]], partner[step[1]]); });
  });
}

}  // namespace

Shape Gathering::shape() const {
  Shape result;
  const std::size_t first = index_position(*this);
  const auto append_index = [&] {
    for (const std::int64_t n : index_shape) result.push_back(n);
  };
  bool placed = false;
  for (std::size_t i = 0; i < tensor.rank(); ++i) {
    if (!placed && result.rank() == first) {
      append_index();
      placed = true;
    }
    if (!indexed(*this, i)) result.push_back(tensor.shape[i]);
  }
  if (!placed) append_index();
  return result;
}

std::size_t gather_scratch(const Gathering& g) {
  return static_cast<std::size_t>(g.index_shape.elements()) * sizeof(std::int64_t);
}

void gather(const Gathering& g, const Tensor& out, std::byte* scratch) {
  dispatch(out.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_each_named<T>(g, out, scratch, [](const T& named, T& result) { result = named; });
  });
}

void scatter(const Gathering& g, const Tensor& y, bool add, std::byte* scratch) {
  dispatch(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    if (add) {
      for_each_named<T>(g, y, scratch,
                        [](T& named, const T& value) { named = static_cast<T>(named + value); });
    } else {
      for_each_named<T>(g, y, scratch, [](T& named, const T& value) { named = value; });
    }
  });
}

}  // namespace damo
