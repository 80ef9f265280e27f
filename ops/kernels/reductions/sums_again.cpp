#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>

#include <damo/ops/kernels/reductions/sums_again.hpp>

namespace damo {
namespace {

/// By the bits of the exponents, block by block: each block's loop vectorises.
template <class T>
bool no_odd_ones(const T* x, std::int64_t n) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits exponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
  constexpr std::int64_t block = 1024;
  for (std::int64_t i = 0; i < n; i += block) {
    const T* end = x + std::min(i + block, n);
    Bits odd = 0;
    for (const T* at = x + i; at < end; ++at)
      odd |= static_cast<Bits>((std::bit_cast<Bits>(*at) & exponent) == exponent);
    if (odd != 0) return false;
  }
  return true;
}

}  // namespace

bool all_finite(const float* x, std::int64_t n) { return no_odd_ones(x, n); }
bool all_finite(const double* x, std::int64_t n) { return no_odd_ones(x, n); }

}  // namespace damo
