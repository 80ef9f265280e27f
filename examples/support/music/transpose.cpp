#include "support/music/transpose.hpp"

#include <algorithm>
#include <random>

namespace damo::examples {

Array transposed_by(const Array& roll, std::int64_t semitones) {
  const std::int64_t frames = roll.shape()[0], width = roll.shape()[1];
  const float* notes = roll.data<float>();
  std::int64_t low = width, high = -1;
  for (std::int64_t i = 0; i < frames * width; ++i) {
    if (notes[i] == 0) continue;
    low = std::min(low, i % width);
    high = std::max(high, i % width);
  }
  if (high < 0) return roll;
  const std::int64_t by = std::clamp(semitones, -low, width - 1 - high);
  Array moved(roll.dtype(), roll.shape());
  for (std::int64_t t = 0; t < frames; ++t) {
    for (std::int64_t p = low; p <= high; ++p)
      moved.data<float>()[t * width + p + by] = notes[t * width + p];
  }
  return moved;
}

std::int64_t semitones_of(std::int64_t most, std::uint64_t seed, std::int64_t epoch,
                          std::size_t piece) {
  const auto low = [](std::uint64_t n) { return static_cast<std::uint32_t>(n); };
  std::seed_seq words{low(seed), low(seed >> 32U), low(static_cast<std::uint64_t>(epoch)),
                      low(piece)};
  std::mt19937_64 random(words);
  return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * most + 1)) - most;
}

}  // namespace damo::examples
