#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <damo/ops/kernels/random/philox.hpp>

// What the kernels that draw from Philox have in common before the instruction set matters.
namespace damo {

inline constexpr std::uint64_t philox_multiplier_0 = 0xD2511F53;
inline constexpr std::uint64_t philox_multiplier_1 = 0xCD9E8D57;

constexpr std::uint32_t low_half(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
constexpr std::uint32_t high_half(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

/// What counters with the same high word have in common.
struct PhiloxSchedule {
  std::uint64_t keys[10][2];
  std::uint64_t round1_word2;  // xor of the known parts of a word
  std::uint64_t round2_word0;
  std::uint64_t round2_word2;
  std::uint64_t round2_word3;  // the whole word
};

PhiloxSchedule make_schedule(const PhiloxKey& key, std::uint32_t counter_high);

/// Calls `f(schedule, low word of the first counter, elements, elements done)` for each stretch of
/// counters with the same high word, for elements that take `4 / PerCounter` words each and begin
/// with a counter.
template <std::int64_t PerCounter, class F>
void for_each_stretch(const PhiloxKey& key, std::int64_t first, std::int64_t n, F&& f) {
  for (std::int64_t done = 0; done < n;) {
    const auto counter = static_cast<std::uint64_t>((first + done) / PerCounter);
    const std::int64_t left = ((std::int64_t{1} << 32) - low_half(counter)) * PerCounter;
    const std::int64_t count = std::min(n - done, left);
    f(make_schedule(key, high_half(counter)), low_half(counter), count, done);
    done += count;
  }
}

}  // namespace damo
