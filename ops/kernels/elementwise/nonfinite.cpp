#include <algorithm>
#include <cstdint>

#include <damo/ops/kernels/elementwise/nonfinite.hpp>
#include <damo/ops/kernels/machine/isa.hpp>

namespace damo {
namespace {

constexpr std::int64_t block = 4096;

// A number is NaN or an infinity when all bits of its exponent are set. Signed, as SSE2 compares no
// unsigned integers; the sign is masked out.
template <class Bits>
DAMO_INLINE bool any_special(const std::byte* data, std::int64_t n) {
  constexpr Bits mask =
      sizeof(Bits) == 4 ? Bits{0x7f800000} : static_cast<Bits>(0x7ff0000000000000LL);
  const Bits* bits = reinterpret_cast<const Bits*>(data);
  for (std::int64_t i = 0; i < n; i += block) {
    const std::int64_t end = std::min(n, i + block);
    Bits largest = 0;
    for (std::int64_t k = i; k < end; ++k) {
      const Bits exponent = bits[k] & mask;
      largest = exponent > largest ? exponent : largest;
    }
    if (largest == mask) return true;
  }
  return false;
}

DAMO_INLINE bool search(const Tensor& t) {
  return t.dtype == DType::float32 ? any_special<std::int32_t>(t.data, t.elements())
                                   : any_special<std::int64_t>(t.data, t.elements());
}

DAMO_TARGET_AVX2 bool search_avx2(const Tensor& t) { return search(t); }

}  // namespace

bool has_nonfinite(const Tensor& dense) {
  return isa() == Isa::sse2 ? search(dense) : search_avx2(dense);
}

}  // namespace damo
