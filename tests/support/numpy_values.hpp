#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/ops/random/numpy_random_state.hpp>
#include <damo/ops/random/random_stream.hpp>

// How tests compare with numbers that NumPy printed.
namespace damo::test {

using Integers = std::vector<std::int64_t>;

inline Integers integers(const Array& a) {
  const Array wide = a.cast(int64);
  return {wide.values<std::int64_t>().begin(), wide.values<std::int64_t>().end()};
}

using Mix = std::pair<std::int64_t, std::int64_t>;
/// The sum of the elements, and of each times its place: what `mix` of the tests' Python gives.
inline Mix mix(const Array& a) {
  Mix sums{0, 0};
  std::int64_t i = 0;
  for (const std::int64_t x : integers(a)) {
    sums.first += x;
    sums.second += x * i++;
  }
  return sums;
}

/// Puts the first stream where RandomState(seed) starts.
inline void start_at(RandomStream rng, std::uint64_t seed) {
  Array state = rng.state();
  const Array packed = NumpyRandomState(seed).state();
  std::copy_n(packed.data<std::int64_t>(), packed.elements(), state.data<std::int64_t>());
  rng.set_state(state);
}

}  // namespace damo::test
