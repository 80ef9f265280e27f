#include <algorithm>
#include <bit>
#include <cmath>

#include <damo/ops/kernels/random/mt19937.hpp>

namespace damo {
namespace {

constexpr std::int64_t pairs = 312;

std::uint32_t twist(std::uint32_t high, std::uint32_t low) {
  const std::uint32_t y = (high & 0x80000000U) | (low & 0x7FFFFFFFU);
  return (y >> 1U) ^ (y % 2 == 0 ? 0U : 0x9908B0DFU);
}

}  // namespace

Mt19937::Mt19937(std::uint32_t seed) {
  words_[0] = seed;
  for (std::uint32_t i = 1; i < size; ++i) {
    words_[i] = 1812433253U * (words_[i - 1] ^ (words_[i - 1] >> 30U)) + i;
  }
}

Mt19937::Mt19937(const std::int64_t* packed, std::int64_t step) {
  for (std::int64_t i = 0; i < pairs; ++i) {
    const auto pair = static_cast<std::uint64_t>(packed[i * step]);
    words_[static_cast<std::size_t>(2 * i)] = static_cast<std::uint32_t>(pair);
    words_[static_cast<std::size_t>(2 * i + 1)] = static_cast<std::uint32_t>(pair >> 32U);
  }
  const std::int64_t position = packed[pairs * step];
  position_ = static_cast<std::uint32_t>(std::clamp(position, std::int64_t{0}, std::int64_t{size}));
  normal_waits_ = packed[(pairs + 1) * step] != 0;
  waiting_normal_ = std::bit_cast<double>(packed[(pairs + 2) * step]);
}

void Mt19937::pack(std::int64_t* packed) const {
  for (std::size_t i = 0; i < pairs; ++i) {
    const std::uint64_t high = words_[2 * i + 1];
    packed[i] = static_cast<std::int64_t>(high << 32U | words_[2 * i]);
  }
  packed[pairs] = position_;
  packed[pairs + 1] = normal_waits_ ? 1 : 0;
  packed[pairs + 2] = std::bit_cast<std::int64_t>(waiting_normal_);
}

void Mt19937::regenerate() {
  constexpr std::uint32_t reach = 397;
  std::uint32_t i = 0;
  for (; i < size - reach; ++i) words_[i] = words_[i + reach] ^ twist(words_[i], words_[i + 1]);
  for (; i < size - 1; ++i) {
    words_[i] = words_[i + reach - size] ^ twist(words_[i], words_[i + 1]);
  }
  words_[size - 1] = words_[reach - 1] ^ twist(words_[size - 1], words_[0]);
  position_ = 0;
}

double Mt19937::normal() {
  if (normal_waits_) {
    normal_waits_ = false;
    const double value = waiting_normal_;
    waiting_normal_ = 0;
    return value;
  }
  for (;;) {
    const double x = 2 * uniform() - 1;
    const double y = 2 * uniform() - 1;
    const double square = x * x + y * y;
    if (square >= 1 || square == 0) continue;
    const double factor = std::sqrt(-2 * std::log(square) / square);
    waiting_normal_ = factor * x;
    normal_waits_ = true;
    return factor * y;
  }
}

std::uint64_t Mt19937::integer(std::uint64_t most) {
  if (most == 0) return 0;
  const std::uint64_t mask = ~std::uint64_t{0} >> static_cast<unsigned>(std::countl_zero(most));
  for (;;) {
    std::uint64_t bits = next();
    if (most > 0xFFFFFFFFU) bits = bits << 32U | next();
    if ((bits & mask) <= most) return bits & mask;
  }
}

}  // namespace damo
