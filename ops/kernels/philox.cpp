#include <cmath>
#include <cstddef>
#include <numbers>

#include <damo/ops/kernels/philox.hpp>

namespace damo {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

std::array<std::uint32_t, 2> key_words(const PhiloxKey& key) {
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
  return {low(key.seed) ^ high(key.stream) * 0x85EBCA6BU,
          low(key.stream) ^ high(key.seed) * 0xC2B2AE35U};
}

namespace {

std::array<std::uint32_t, 4> words(const PhiloxKey& key, std::int64_t element) {
  const auto e = static_cast<std::uint64_t>(element);
  return philox4x32(
      {static_cast<std::uint32_t>(e), static_cast<std::uint32_t>(e >> 32),
       static_cast<std::uint32_t>(key.draw), static_cast<std::uint32_t>(key.draw >> 32)},
      key_words(key));
}

double bits53(std::uint32_t high, std::uint32_t low) {
  return static_cast<double>((std::uint64_t{high} << 32 | low) >> 11);
}

}  // namespace

void raw(const PhiloxKey& key, std::int64_t first, std::int64_t n, std::uint32_t* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto w = words(key, first + i);
    for (std::size_t j = 0; j < 4; ++j) out[4 * i + static_cast<std::int64_t>(j)] = w[j];
  }
}

void uniform(const PhiloxKey& key, std::int64_t first, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    out[i] = static_cast<float>(words(key, first + i)[0] >> 8) * 0x1p-24F;
  }
}

void uniform(const PhiloxKey& key, std::int64_t first, std::int64_t n, double* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto w = words(key, first + i);
    out[i] = bits53(w[0], w[1]) * 0x1p-53;
  }
}

void normal(const PhiloxKey& key, std::int64_t first, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto w = words(key, first + i);
    const float u = static_cast<float>((w[0] >> 8) + 1) * 0x1p-24F;
    const float v = static_cast<float>(w[1] >> 8) * 0x1p-24F;
    out[i] = std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi_v<float> * v);
  }
}

void normal(const PhiloxKey& key, std::int64_t first, std::int64_t n, double* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto w = words(key, first + i);
    const double u = (bits53(w[0], w[1]) + 1) * 0x1p-53;
    const double v = bits53(w[2], w[3]) * 0x1p-53;
    out[i] = std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
  }
}

}  // namespace damo
