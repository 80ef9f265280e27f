#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include <damo/graph/error.hpp>
#include <damo/ops/kernels/copy.hpp>
#include <damo/ops/kernels/strided.hpp>

namespace damo {
namespace {

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else {
    return static_cast<To>(value);
  }
}

/// A transposed matrix: block by block, so that both sides stay in the first-level cache.
template <class From, class To>
void copy_transposed(const Walk<2>& walk, const From* from, To* to) {
  constexpr std::int64_t block = 16;
  const std::int64_t from_step = walk.strides[0][1];
  const std::int64_t to_step = walk.strides[1][0];
  for (std::int64_t i0 = 0; i0 < walk.shape[0]; i0 += block) {
    const std::int64_t i1 = std::min(i0 + block, walk.shape[0]);
    for (std::int64_t j0 = 0; j0 < walk.shape[1]; j0 += block) {
      const std::int64_t j1 = std::min(j0 + block, walk.shape[1]);
      for (std::int64_t i = i0; i < i1; ++i) {
        for (std::int64_t j = j0; j < j1; ++j) {
          to[i * to_step + j] = convert<To>(from[i + j * from_step]);
        }
      }
    }
  }
}

template <class From, class To>
void copy_walk(const Walk<2>& walk, const From* from, To* to) {
  if (walk.rank() == 0) {
    *to = convert<To>(*from);
    return;
  }
  if (walk.rank() == 2 && walk.strides[0][0] == 1 && walk.strides[1][1] == 1) {
    copy_transposed(walk, from, to);
    return;
  }
  const std::size_t last = walk.rank() - 1;
  const std::int64_t n = walk.shape[last];
  const std::int64_t from_step = walk.strides[0][last];
  const std::int64_t to_step = walk.strides[1][last];
  for_each_index(walk, last, [&](const auto& offsets) {
    const From* in = from + offsets[0];
    To* out = to + offsets[1];
    for (std::int64_t i = 0; i < n; ++i) out[i * to_step] = convert<To>(in[i * from_step]);
  });
}

}  // namespace

void copy(const Tensor& from, const Tensor& to) {
  if (from.shape != to.shape) {
    throw ShapeError(
        fmt::format("copy: shapes differ, {} and {}", to_string(from.shape), to_string(to.shape)));
  }
  const Walk<2> walk = coalesce(Walk<2>{to.shape, {from.strides, to.strides}});
  dispatch(from.dtype, [&](auto source) {
    dispatch(to.dtype, [&](auto target) {
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
