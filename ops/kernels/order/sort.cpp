#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include <damo/ops/kernels/movement/strided.hpp>
#include <damo/ops/kernels/order/sort.hpp>

namespace damo {
namespace {

template <class T>
using KeyOf = std::conditional_t<sizeof(T) == 8, std::uint64_t,
                                 std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint8_t>>;

/// A number as an unsigned one that is ordered as it is, NaN as the largest.
template <class T>
KeyOf<T> key_of(T x) {
  using Key = KeyOf<T>;
  if constexpr (std::is_same_v<T, bool>) return x ? 1 : 0;
  if constexpr (std::is_same_v<T, std::uint8_t>) return x;
  constexpr Key sign = static_cast<Key>(Key{1} << (sizeof(T) * 8 - 1));
  const Key bits = std::bit_cast<Key>(x);
  if constexpr (std::is_floating_point_v<T>) {
    if (x != x) return std::numeric_limits<Key>::max();
    return (bits & sign) != 0 ? static_cast<Key>(~bits) : static_cast<Key>(bits | sign);
  }
  return static_cast<Key>(bits ^ sign);
}
template <class T>
T value_of(KeyOf<T> key) {
  using Key = KeyOf<T>;
  if constexpr (std::is_same_v<T, bool>) return key != 0;
  if constexpr (std::is_same_v<T, std::uint8_t>) return key;
  constexpr Key sign = static_cast<Key>(Key{1} << (sizeof(T) * 8 - 1));
  if constexpr (std::is_floating_point_v<T>) {
    if (key == std::numeric_limits<Key>::max()) return std::numeric_limits<T>::quiet_NaN();
    return std::bit_cast<T>((key & sign) != 0 ? static_cast<Key>(key ^ sign)
                                              : static_cast<Key>(~key));
  }
  return std::bit_cast<T>(static_cast<Key>(key ^ sign));
}

template <class Key>
struct Placed {
  Key key;
  std::uint32_t place;
};
template <class Key>
Key key_in(Key k) {
  return k;
}
template <class Key>
Key key_in(const Placed<Key>& p) {
  return p.key;
}

/// Below this many, comparing is faster than counting.
constexpr std::int64_t few = 256;

/// Sorts `n` items at `items` by their keys, stably, with room for as many at `room`: byte by byte
/// from the lowest (LSD radix sort). Bytes that are the same everywhere are skipped.
template <class Item>
void sort_items(Item* items, Item* room, std::int64_t n) {
  using Key = decltype(key_in(*items));
  const auto before = [](const Item& a, const Item& b) { return key_in(a) < key_in(b); };
  if (n < few) {
    std::stable_sort(items, items + n, before);
    return;
  }
  std::array<std::array<std::int64_t, 256>, sizeof(Key)> counts{};
  for (std::int64_t i = 0; i < n; ++i) {
    const Key key = key_in(items[i]);
    for (std::size_t b = 0; b < sizeof(Key); ++b) ++counts[b][key >> (8 * b) & 0xFF];
  }
  Item* from = items;
  Item* to = room;
  for (std::size_t b = 0; b < sizeof(Key); ++b) {
    auto& count = counts[b];
    if (count[key_in(from[0]) >> (8 * b) & 0xFF] == n) continue;
    std::int64_t total = 0;
    for (std::int64_t& c : count) total += std::exchange(c, total);
    for (std::int64_t i = 0; i < n; ++i) to[count[key_in(from[i]) >> (8 * b) & 0xFF]++] = from[i];
    std::swap(from, to);
  }
  if (from != items) std::memcpy(items, from, static_cast<std::size_t>(n) * sizeof(Item));
}

/// Calls `f` with the offsets of the first element of each row along `axis`.
template <class F>
void each_row(const Tensor& in, std::size_t axis, const Tensor& out, F&& f) {
  Walk<2> rows;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if (i != axis) rows.push_back(in.shape[i], {in.strides[i], out.strides[i]});
  }
  for_each_index(rows, rows.rank(), [&](const auto& at) { f(at[0], at[1]); });
}

template <class T>
bool less(T a, T b) {
  return key_of(a) < key_of(b) && !(a == b);
}

}  // namespace

void sort(const Tensor& in, std::size_t axis, const Tensor& out, Workspace& scratch) {
  const std::int64_t n = in.shape[axis];
  dispatch(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    using Key = KeyOf<T>;
    auto* keys =
        reinterpret_cast<Key*>(scratch.bytes(static_cast<std::size_t>(2 * n) * sizeof(Key)));
    const std::int64_t step = in.strides[axis];
    const std::int64_t out_step = out.strides[axis];
    each_row(in, axis, out, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = 0; i < n; ++i) keys[i] = key_of(in.as<const T>()[from + i * step]);
      if (n < few) {
        std::sort(keys, keys + n);
      } else {
        sort_items(keys, keys + n, n);
      }
      for (std::int64_t i = 0; i < n; ++i) out.as<T>()[to + i * out_step] = value_of<T>(keys[i]);
    });
  });
}

void argsort(const Tensor& in, std::size_t axis, bool descending, const Tensor& out,
             Workspace& scratch) {
  const std::int64_t n = in.shape[axis];
  dispatch(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    using Item = Placed<KeyOf<T>>;
    auto* items =
        reinterpret_cast<Item*>(scratch.bytes(static_cast<std::size_t>(2 * n) * sizeof(Item)));
    const std::int64_t step = in.strides[axis];
    const std::int64_t out_step = out.strides[axis];
    each_row(in, axis, out, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = 0; i < n; ++i) {
        T x = in.as<const T>()[from + i * step];
        if constexpr (std::is_floating_point_v<T>) x += T(0);  // -0 is equal to 0
        const auto key = key_of(x);
        items[i] = {descending ? static_cast<KeyOf<T>>(~key) : key, static_cast<std::uint32_t>(i)};
      }
      sort_items(items, items + n, n);
      for (std::int64_t i = 0; i < n; ++i)
        out.as<std::int64_t>()[to + i * out_step] = items[i].place;
    });
  });
}

void searchsorted(const Tensor& sorted, const Tensor& values, bool after, const Tensor& out) {
  const std::int64_t n = sorted.shape[0];
  const std::int64_t step = sorted.strides[0];
  dispatch_computing(values.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* row = sorted.as<const T>();
    const Walk<2> walk{values.shape, {values.strides, out.strides}};
    for_each_index(walk, walk.rank(), [&](const auto& at) {
      const T x = values.as<const T>()[at[0]];
      std::int64_t low = 0;
      for (std::int64_t high = n; low < high;) {
        const std::int64_t middle = low + (high - low) / 2;
        const T there = row[middle * step];
        const bool right = after ? !less(x, there) : less(there, x);
        if (right) low = middle + 1;
        if (!right) high = middle;
      }
      out.as<std::int64_t>()[at[1]] = low;
    });
  });
}

}  // namespace damo
