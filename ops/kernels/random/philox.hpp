#pragma once
#include <array>
#include <cstdint>

namespace damo {

/// Names one draw of one stream: its elements are pure functions of the key and their index.
struct PhiloxKey {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
  std::uint64_t draw = 0;
};

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) of one
/// 128-bit counter under one 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// The two key words of a stream: the low halves of seed and stream. The high halves, where
/// nonzero, are folded in by xor after multiplication with an odd constant, so 32-bit seeds and
/// streams are used as they are.
std::array<std::uint32_t, 2> key_words(const PhiloxKey& key);

// A draw is a row of words: word w is word w mod 4 of the counter (c low, c high, draw low, draw
// high), c = w / 4. An element that takes k words has the words k e to k e + k - 1. Each function
// writes elements first .. first + n - 1, so a draw can be made tile by tile.

/// The words of n counters, from counter `first` on: 4 n words.
void raw(const PhiloxKey& key, std::int64_t first, std::int64_t n, std::uint32_t* out);

/// Uniform in [0, 1): float32 takes one word, of which it is the high 24 bits; float64 takes two,
/// of which it is the high 53.
void uniform(const PhiloxKey& key, std::int64_t first, std::int64_t n, float* out);
void uniform(const PhiloxKey& key, std::int64_t first, std::int64_t n, double* out);

/// Standard normal by Box and Muller, sqrt(-2 log u) cos(2 pi v): float32 takes two words, of which
/// 24 bits each are u in (0, 1] and v; float64 takes four, 53 bits of two each.
void normal(const PhiloxKey& key, std::int64_t first, std::int64_t n, float* out);
void normal(const PhiloxKey& key, std::int64_t first, std::int64_t n, double* out);

}  // namespace damo
