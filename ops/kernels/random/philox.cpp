#include <algorithm>
#include <array>

#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/random/philox_schedule.hpp>

namespace damo {
namespace {

using Words = std::array<std::uint32_t, 4>;

/// Normal numbers made of one counter: each takes two values of its own type.
template <class T>
constexpr std::int64_t philox_per_counter = sizeof(T) == 4 ? 2 : 1;

}  // namespace
}  // namespace damo

#define DAMO_KERNEL_FILE <damo/ops/kernels/random/philox.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {
namespace {

/// `fill(first, n, out)` makes elements from one that begins with a counter on; where the first one
/// that is wanted does not, those of its counter are made aside.
template <std::int64_t PerCounter, class T, class Fill>
void from_any_element(std::int64_t first, std::int64_t n, T* out, Fill&& fill) {
  if (const std::int64_t skipped = first % PerCounter; skipped != 0 && n > 0) {
    T some[PerCounter];
    const std::int64_t count = std::min(n, PerCounter - skipped);
    fill(first - skipped, skipped + count, some);
    std::copy_n(some + skipped, count, out);
    first += count;
    n -= count;
    out += count;
  }
  if (n > 0) fill(first, n, out);
}

template <class T>
void fill_uniform(const PhiloxKey& key, std::int64_t first, std::int64_t n, T* out) {
  constexpr std::int64_t per_counter = 2 * philox_per_counter<T>;
  from_any_element<per_counter>(first, n, out, [&](auto from, auto count, T* to) {
    for_each_stretch<per_counter>(key, from, count, [to](const auto& s, auto low, auto k, auto at) {
      DAMO_BEST_ISA(uniforms(s, low, k, to + at));
    });
  });
}

template <class T>
void fill_normal(const PhiloxKey& key, std::int64_t first, std::int64_t n, T* out) {
  constexpr std::int64_t per_counter = philox_per_counter<T>;
  from_any_element<per_counter>(first, n, out, [&](auto from, auto count, T* to) {
    for_each_stretch<per_counter>(key, from, count, [to](const auto& s, auto low, auto k, auto at) {
      DAMO_BEST_ISA(normals(s, low, k, to + at));
    });
  });
}

}  // namespace

PhiloxSchedule make_schedule(const PhiloxKey& key, std::uint32_t counter_high) {
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
  const std::uint64_t word0 = high_half(b) ^ counter_high ^ s.keys[0][0];
  const std::uint64_t a = philox_multiplier_0 * word0;
  s.round2_word0 = low_half(b) ^ s.keys[1][0];
  s.round2_word2 = high_half(a) ^ s.keys[1][1];
  s.round2_word3 = low_half(a);
  return s;
}

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
  for (std::int64_t i = 0; i < n; ++i) {
    const auto counter = static_cast<std::uint64_t>(first + i);
    const Words words =
        philox4x32({low_half(counter), high_half(counter), low_half(key.draw), high_half(key.draw)},
                   key_words(key));
    std::copy(words.begin(), words.end(), out + 4 * i);
  }
}

void uniform(const PhiloxKey& key, std::int64_t first, std::int64_t n, float* out) {
  fill_uniform(key, first, n, out);
}
void uniform(const PhiloxKey& key, std::int64_t first, std::int64_t n, double* out) {
  fill_uniform(key, first, n, out);
}
void normal(const PhiloxKey& key, std::int64_t first, std::int64_t n, float* out) {
  fill_normal(key, first, n, out);
}
void normal(const PhiloxKey& key, std::int64_t first, std::int64_t n, double* out) {
  fill_normal(key, first, n, out);
}

}  // namespace damo
