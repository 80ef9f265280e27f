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

Words element(const damo::PhiloxKey& key, std::uint64_t e) {
  return reference(
      {static_cast<std::uint32_t>(e), static_cast<std::uint32_t>(e >> 32),
       static_cast<std::uint32_t>(key.draw), static_cast<std::uint32_t>(key.draw >> 32)},
      static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.stream));
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

TEST_CASE("element e of draw d of stream s is Philox at counter e and d under key seed and s") {
  const std::int64_t first = (std::int64_t{1} << 32) - 21;  // crosses into the high counter word
  on_each_isa([&] {
    std::vector<std::uint32_t> words(std::size_t{4} * 77);
    std::vector<float> floats(77);
    std::vector<double> doubles(77);
    damo::raw(key, first, 77, words.data());
    damo::uniform(key, first, 77, floats.data());
    damo::uniform(key, first, 77, doubles.data());
    for (std::size_t i = 0; i < 77; ++i) {
      const Words w = element(key, static_cast<std::uint64_t>(first) + i);
      for (std::size_t j = 0; j < 4; ++j) REQUIRE(words[4 * i + j] == w[j]);
      REQUIRE(floats[i] == std::ldexp(static_cast<float>(w[0] >> 8), -24));
      REQUIRE(doubles[i] == bits53(w[0], w[1]));
    }
  });
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
      const Words w = element(key, 3 + i);
      const double pi = 3.14159265358979323846;
      const double u = std::ldexp((w[0] >> 8) + 1.0, -24);
      const double v = std::ldexp(static_cast<double>(w[1] >> 8), -24);
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
  on_each_isa([&] {
    std::vector<double> parts(1000);
    std::vector<float> float_parts(1000);
    for (std::int64_t first = 0, n = 1; first < 1000; first += n, n = n % 97 + 13) {
      n = std::min<std::int64_t>(n, 1000 - first);
      damo::normal(key, first, n, parts.data() + first);
      damo::normal(key, first, n, float_parts.data() + first);
    }
    CHECK(parts == whole);
    CHECK(float_parts == whole_float);
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
