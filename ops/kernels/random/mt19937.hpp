#pragma once
#include <array>
#include <cstdint>

namespace damo {

/// The Mersenne Twister (Matsumoto and Nishimura, "Mersenne twister: a 623-dimensionally
/// equidistributed uniform pseudorandom number generator", 1998), seeded and read as NumPy's legacy
/// `RandomState` does.
class Mt19937 {
 public:
  /// int64 numbers that hold a generator: 312 pairs of words (the first of a pair in the low half),
  /// position, whether a normal number waits, and the bits of that number.
  static constexpr std::int64_t packed_size = 315;

  explicit Mt19937(std::uint32_t seed);
  /// Reads what `pack` wrote, each number `step` after the one before it.
  explicit Mt19937(const std::int64_t* packed, std::int64_t step = 1);
  void pack(std::int64_t* packed) const;

  std::uint32_t next() {
    if (position_ == size) regenerate();
    std::uint32_t y = words_[position_++];
    y ^= y >> 11U;
    y ^= (y << 7U) & 0x9D2C5680U;
    y ^= (y << 15U) & 0xEFC60000U;
    return y ^ (y >> 18U);
  }
  /// In [0, 1), with 53 bits.
  double uniform() {
    const std::uint32_t high = next() >> 5U;
    const std::uint32_t low = next() >> 6U;
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }
  /// Standard normal by Marsaglia's polar method; every second number comes from the call before.
  double normal();
  /// An integer in [0, most]: masked bits until they fit.
  std::uint64_t integer(std::uint64_t most);

 private:
  static constexpr std::uint32_t size = 624;
  void regenerate();

  std::array<std::uint32_t, size> words_{};
  std::uint32_t position_ = size;
  bool normal_waits_ = false;
  double waiting_normal_ = 0;
};

}  // namespace damo
