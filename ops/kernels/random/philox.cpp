#include <algorithm>
#include <cstddef>

#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/random/philox.hpp>

namespace damo {
namespace {

using Words = std::array<std::uint32_t, 4>;

constexpr std::uint64_t philox_multiplier_0 = 0xD2511F53;
constexpr std::uint64_t philox_multiplier_1 = 0xCD9E8D57;

constexpr std::uint32_t low_half(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
constexpr std::uint32_t high_half(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

/// What elements with the same high counter word have in common.
struct PhiloxSchedule {
  std::uint64_t keys[10][2];
  std::uint64_t round1_word2;  // xor of the known parts of a word
  std::uint64_t round2_word0;
  std::uint64_t round2_word2;
  std::uint64_t round2_word3;  // the whole word
};

PhiloxSchedule make_schedule(const PhiloxKey& key, std::uint32_t element_high) {
  PhiloxSchedule s{};
  auto [k0, k1] = key_words(key);
  for (auto& round_key : s.keys) {
    round_key[0] = k0;
    round_key[1] = k1;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  s.round1_word2 = high_half(key.draw) ^ s.keys[0][1];
  const std::uint64_t b = philox_multiplier_1 * low_half(key.draw);
  const std::uint64_t word0 = high_half(b) ^ element_high ^ s.keys[0][0];
  const std::uint64_t a = philox_multiplier_0 * word0;
  s.round2_word0 = low_half(b) ^ s.keys[1][0];
  s.round2_word2 = high_half(a) ^ s.keys[1][1];
  s.round2_word3 = low_half(a);
  return s;
}

/// Calls `f(schedule, low word of the first element, count, elements done)` for each stretch of
/// elements with the same high counter word.
template <class F>
void for_each_stretch(const PhiloxKey& key, std::int64_t first, std::int64_t n, F&& f) {
  for (std::int64_t done = 0; done < n;) {
    const auto element = static_cast<std::uint64_t>(first + done);
    const std::int64_t left = (std::int64_t{1} << 32) - low_half(element);
    const std::int64_t count = std::min(n - done, left);
    f(make_schedule(key, high_half(element)), low_half(element), count, done);
    done += count;
  }
}

}  // namespace
}  // namespace damo

#define DAMO_KERNEL_FILE <damo/ops/kernels/random/philox.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {

Words philox4x32(Words counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = philox_multiplier_0 * counter[0];
    const std::uint64_t b = philox_multiplier_1 * counter[2];
    counter = {high_half(b) ^ counter[1] ^ key[0], low_half(b), high_half(a) ^ counter[3] ^ key[1],
               low_half(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

std::array<std::uint32_t, 2> key_words(const PhiloxKey& key) {
  return {low_half(key.seed) ^ high_half(key.stream) * 0x85EBCA6BU,
          low_half(key.stream) ^ high_half(key.seed) * 0xC2B2AE35U};
}

void raw(const PhiloxKey& key, std::int64_t first, std::int64_t n, std::uint32_t* out) {
  for_each_stretch(key, first, n, [out](const auto& s, auto low, auto count, auto done) {
    DAMO_BEST_ISA(raw_words(s, low, count, out + 4 * done));
  });
}

void uniform(const PhiloxKey& key, std::int64_t first, std::int64_t n, float* out) {
  for_each_stretch(key, first, n, [out](const auto& s, auto low, auto count, auto done) {
    DAMO_BEST_ISA(uniform_floats(s, low, count, out + done));
  });
}

void uniform(const PhiloxKey& key, std::int64_t first, std::int64_t n, double* out) {
  for_each_stretch(key, first, n, [out](const auto& s, auto low, auto count, auto done) {
    DAMO_BEST_ISA(uniform_doubles(s, low, count, out + done));
  });
}

void normal(const PhiloxKey& key, std::int64_t first, std::int64_t n, float* out) {
  for_each_stretch(key, first, n, [out](const auto& s, auto low, auto count, auto done) {
    DAMO_BEST_ISA(normals(s, low, count, out + done));
  });
}

void normal(const PhiloxKey& key, std::int64_t first, std::int64_t n, double* out) {
  for_each_stretch(key, first, n, [out](const auto& s, auto low, auto count, auto done) {
    DAMO_BEST_ISA(normals(s, low, count, out + done));
  });
}

}  // namespace damo
