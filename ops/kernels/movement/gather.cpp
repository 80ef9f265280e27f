#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/elementwise/loop.hpp>
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

/// Calls `line(named, other, n)` for n neighbours named and their partners in `other`, also
/// neighbours; those of one element come in the order of the indices.
template <class T, class Line>
void for_each_line(const Gathering& g, const Tensor& other, std::byte* scratch, Line&& line) {
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
  T* named = g.tensor.as<T>();
  T* partner = other.as<T>();
  const bool rows =
      rest.rank() > 0 && rest.steps(rest.rank() - 1) == std::array<std::int64_t, 2>{1, 1};
  if (rows) {
    const std::size_t last = rest.rank() - 1;
    for_each_index(indices, indices.rank(), [&](const auto& at) {
      T* row = named + *offsets++;
      for_each_index(rest, last, [&](const auto& step) {
        line(row + step[0], partner + at[0] + step[1], rest.shape[last]);
      });
    });
    return;
  }
  for_each_index(rest, rest.rank(), [&](const auto& step) {
    const std::int64_t* offset = offsets;
    for_each_index(indices, indices.rank(), [&](const auto& at) {
      line(named + step[0] + *offset++, partner + step[1] + at[0], 1);
    });
  });
}

struct Plus {
  template <class T>
  DAMO_INLINE T operator()(T a, T b) const {
    return static_cast<T>(a + b);
  }
};

template <class T>
void copy_line(const T* from, T* to, std::int64_t n) {
  if (n == 1) {
    *to = *from;
  } else {
    std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(T));
  }
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

void check_positions(const Gathering& g, std::byte* scratch) {
  find_offsets(g, reinterpret_cast<std::int64_t*>(scratch));
}

void gather(const Gathering& g, const Tensor& out, std::byte* scratch) {
  dispatch_size(out.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_each_line<T>(g, out, scratch, [](const T* named, T* result, std::int64_t n) {
      copy_line(named, result, n);
    });
  });
}

void scatter(const Gathering& g, const Tensor& y, bool add, std::byte* scratch) {
  if (!add) {
    dispatch_size(y.dtype, [&](auto zero) {
      using T = decltype(zero);
      for_each_line<T>(g, y, scratch, [](T* named, const T* value, std::int64_t n) {
        copy_line(value, named, n);
      });
    });
    return;
  }
  dispatch_computing(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Loop plus = make_loops<Plus, T, T, T>().best();
    for_each_line<T>(g, y, scratch, [plus](T* named, const T* value, std::int64_t n) {
      if (n == 1) {
        *named = Plus{}(*named, *value);
      } else {
        const void* in[] = {named, value};
        plus(in, named, static_cast<std::size_t>(n));
      }
    });
  });
}

}  // namespace damo
