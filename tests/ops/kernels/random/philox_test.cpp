#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <damo/ops/kernels/random/philox.hpp>
#include "tests/support/each_isa.hpp"

using damo::test::on_each_isa;

namespace {

using Words = std::array<std::uint32_t, 4>;

/// Philox4x32-10 written down from the paper, one element at a time.
Words reference(Words c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t left = std::uint64_t{c[0]} * 0xD2511F53U;
    const std::uint64_t right = std::uint64_t{c[2]} * 0xCD9E8D57U;
    const Words next = {
        static_cast<std::uint32_t>(right >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(right),
        static_cast<std::uint32_t>(left >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(left)};
    c = next;
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return c;
}

Words at_counter(const damo::PhiloxKey& key, std::uint64_t c) {
  return reference(
      {static_cast<std::uint32_t>(c), static_cast<std::uint32_t>(c >> 32),
       static_cast<std::uint32_t>(key.draw), static_cast<std::uint32_t>(key.draw >> 32)},
      static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.stream));
}

/// Word w of a draw.
std::uint32_t word(const damo::PhiloxKey& key, std::uint64_t w) {
  return at_counter(key, w / 4)[w % 4];
}

double bits53(std::uint32_t high, std::uint32_t low) {
  return std::ldexp(static_cast<double>((std::uint64_t{high} << 32 | low) >> 11), -53);
}

constexpr damo::PhiloxKey key{.seed = 1234, .stream = 7, .draw = 0x1'0000'0005};

}  // namespace

TEST_CASE("Philox gives the published known answers") {
  CHECK(damo::philox4x32({0, 0, 0, 0}, {0, 0}) ==
        Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t ones = 0xffffffff;
  CHECK(damo::philox4x32({ones, ones, ones, ones}, {ones, ones}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(damo::philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                         {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("word w of draw d of stream s is word w mod 4 of Philox at counter w / 4 and d") {
  on_each_isa([&] {
    for (const std::int64_t past : {0, 1, 2, 3}) {
      // Counters cross into their high word: at four floats each, or two doubles.
      const std::int64_t first = (std::int64_t{1} << 34) - 24 + past;
      const std::int64_t first_double = (std::int64_t{1} << 33) - 24 + past;
      for (const std::size_t n : {0, 1, 2, 3, 4, 5, 15, 17, 63, 65, 77}) {
        std::vector<float> floats(n + 1, -1.0F);
        std::vector<double> doubles(n + 1, -1.0);
        damo::uniform(key, first, static_cast<std::int64_t>(n), floats.data());
        damo::uniform(key, first_double, static_cast<std::int64_t>(n), doubles.data());
        for (std::size_t i = 0; i < n; ++i) {
          const std::uint64_t e = static_cast<std::uint64_t>(first) + i;
          REQUIRE(floats[i] == std::ldexp(static_cast<float>(word(key, e) >> 8), -24));
          const std::uint64_t d = static_cast<std::uint64_t>(first_double) + i;
          REQUIRE(doubles[i] == bits53(word(key, 2 * d), word(key, 2 * d + 1)));
        }
        REQUIRE(floats[n] == -1);
        REQUIRE(doubles[n] == -1);
      }
    }
  });
}

TEST_CASE("raw words are those of the counters") {
  std::vector<std::uint32_t> words(std::size_t{4} * 7);
  const std::int64_t first = (std::int64_t{1} << 32) - 3;
  damo::raw(key, first, 7, words.data());
  for (std::size_t i = 0; i < words.size(); ++i)
    REQUIRE(words[i] == word(key, 4 * static_cast<std::uint64_t>(first) + i));
}

TEST_CASE("the high halves of seed and stream change the numbers") {
  CHECK(damo::key_words({.seed = 5, .stream = 9}) == std::array<std::uint32_t, 2>{5, 9});
  CHECK(damo::key_words({.seed = 5 + (1ULL << 32), .stream = 9}) !=
        std::array<std::uint32_t, 2>{5, 9});
  CHECK(damo::key_words({.seed = 5, .stream = 9 + (1ULL << 32)}) !=
        std::array<std::uint32_t, 2>{5, 9});
}

TEST_CASE("normal draws are Box and Muller of the words") {
  on_each_isa([&] {
    std::vector<float> floats(1100);
    std::vector<double> doubles(1100);
    damo::normal(key, 3, 1100, floats.data());
    damo::normal(key, 3, 1100, doubles.data());
    for (std::size_t i = 0; i < 1100; ++i) {
      const Words w = at_counter(key, 3 + i);
      const std::uint64_t single = 2 * (3 + i);
      const double pi = 3.14159265358979323846;
      const double u = std::ldexp((word(key, single) >> 8) + 1.0, -24);
      const double v = std::ldexp(static_cast<double>(word(key, single + 1) >> 8), -24);
      REQUIRE(floats[i] ==
              doctest::Approx(std::sqrt(-2 * std::log(u)) * std::cos(2 * pi * v)).epsilon(2e-6));
      const double ud = bits53(w[0], w[1]) + 0x1p-53;
      const double vd = bits53(w[2], w[3]);
      REQUIRE(doubles[i] ==
              doctest::Approx(std::sqrt(-2 * std::log(ud)) * std::cos(2 * pi * vd)).epsilon(1e-14));
    }
  });
}

TEST_CASE("draws have the same bits tile by tile and on every instruction set") {
  std::vector<double> whole(1000);
  std::vector<float> whole_float(1000);
  damo::normal(key, 0, 1000, whole.data());
  damo::normal(key, 0, 1000, whole_float.data());
  std::vector<float> whole_uniform(1000);
  damo::uniform(key, 0, 1000, whole_uniform.data());
  on_each_isa([&] {
    std::vector<double> parts(1000);
    std::vector<float> float_parts(1000);
    std::vector<float> uniform_parts(1000);
    for (std::int64_t first = 0, n = 1; first < 1000; first += n, n = n % 97 + 13) {
      n = std::min<std::int64_t>(n, 1000 - first);
      damo::normal(key, first, n, parts.data() + first);
      damo::normal(key, first, n, float_parts.data() + first);
      damo::uniform(key, first, n, uniform_parts.data() + first);
    }
    CHECK(parts == whole);
    CHECK(float_parts == whole_float);
    CHECK(uniform_parts == whole_uniform);
  });
}

TEST_CASE("uniform and normal draws have the moments of their distributions") {
  constexpr std::int64_t n = 200000;
  std::vector<float> u(n);
  std::vector<float> z(n);
  damo::uniform({.seed = 42}, 0, n, u.data());
  damo::normal({.seed = 42}, 0, n, z.data());
  double mean = 0;
  double square = 0;
  double normal_mean = 0;
  double normal_square = 0;
  double fourth = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!(u[i] >= 0 && u[i] < 1)) FAIL("out of range: " << u[i]);
    mean += u[i] / double(n);
    square += double(u[i]) * u[i] / double(n);
    normal_mean += z[i] / double(n);
    normal_square += double(z[i]) * z[i] / double(n);
    fourth += std::pow(double(z[i]), 4) / double(n);
  }
  CHECK(std::abs(mean - 0.5) < 0.003);
  CHECK(std::abs(square - 1.0 / 3) < 0.003);
  CHECK(std::abs(normal_mean) < 0.01);
  CHECK(std::abs(normal_square - 1) < 0.015);
  CHECK(std::abs(fourth - 3) < 0.15);
}
