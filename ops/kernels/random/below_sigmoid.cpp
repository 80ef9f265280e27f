#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/random/below_sigmoid.hpp>
#include <damo/ops/kernels/random/philox_schedule.hpp>

#define DAMO_KERNEL_FILE <damo/ops/kernels/random/below_sigmoid.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {

void uniform_below_sigmoid(const PhiloxKey& key, std::int64_t first, std::int64_t n, const float* z,
                           float* out) {
  constexpr std::int64_t per_counter = 4;
  if (const std::int64_t skipped = first % per_counter; skipped != 0 && n > 0) {
    const std::int64_t count = std::min(n, per_counter - skipped);
    float some[per_counter] = {};
    std::copy_n(z, count, some + skipped);
    uniform_below_sigmoid(key, first - skipped, skipped + count, some, some);
    std::copy_n(some + skipped, count, out);
    first += count, n -= count, z += count, out += count;
  }
  for_each_stretch<per_counter>(key, first, n, [=](const auto& s, auto low, auto k, auto at) {
    DAMO_BEST_ISA(uniforms_below_sigmoid(s, low, k, z + at, out + at));
  });
}

}  // namespace damo
