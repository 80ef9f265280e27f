#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/random/below_sigmoid.hpp>
#include "tests/support/each_isa.hpp"

using damo::PhiloxKey;
using damo::test::on_each_isa;

namespace {

std::vector<float> decided(const PhiloxKey& key, std::int64_t first, const std::vector<float>& z) {
  std::vector<float> out(z.size() + 1, -1.0F);
  damo::uniform_below_sigmoid(key, first, static_cast<std::int64_t>(z.size()), z.data(),
                              out.data());
  REQUIRE(out.back() == -1);
  out.pop_back();
  return out;
}

/// By drawing, computing and comparing.
std::vector<float> step_by_step(const PhiloxKey& key, std::int64_t first,
                                const std::vector<float>& z) {
  std::vector<float> u(z.size());
  damo::uniform(key, first, static_cast<std::int64_t>(z.size()), u.data());
  std::vector<float> out;
  for (std::size_t i = 0; i < z.size(); ++i)
    out.push_back(u[i] < damo::math::sigmoid(z[i]) ? 1.0F : 0.0F);
  return out;
}

/// Where the uniform number meets the sigmoid, in steps of `ulps` around it.
std::vector<float> at_the_edge(const PhiloxKey& key, std::size_t n, int ulps) {
  std::vector<float> u(n);
  damo::uniform(key, 0, static_cast<std::int64_t>(n), u.data());
  std::vector<float> z;
  for (std::size_t i = 0; i < n; ++i) {
    const double p = std::max(double(u[i]), 0x1p-40);
    float at = static_cast<float>(std::log(p) - std::log1p(-p));
    const float end = i % 2 == 0 ? 100.0F : -100.0F;
    for (int k = 0; k < ulps; ++k) at = std::nextafter(at, end);
    z.push_back(at);
  }
  return z;
}

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float extremes[] = {0.0F,   -0.0F,  inf,    -inf,   nan,     1e-45F, -1e-45F,
                              3e38F,  -3e38F, 16.6F,  -16.6F, 24.9F,   -25.1F, 41.5F,
                              -41.7F, 88.0F,  -88.0F, 103.0F, -103.9F, -104.1F};

}  // namespace

TEST_CASE("one pass decides as drawing, computing the sigmoid and comparing do, bit for bit") {
  std::mt19937 rng(11);
  on_each_isa([&] {
    for (std::uint64_t draw = 0; draw < 12; ++draw) {
      const PhiloxKey key{.seed = 3, .stream = 5, .draw = draw};
      for (const double width : {0.5, 4.0, 30.0, 120.0}) {
        std::uniform_real_distribution<double> wide(-width, width);
        std::vector<float> z(5003);
        for (float& x : z) x = static_cast<float>(wide(rng));
        for (std::size_t i = 0; i < z.size(); i += 7) z[i] = extremes[i / 7 % std::size(extremes)];
        REQUIRE(decided(key, 0, z) == step_by_step(key, 0, z));
      }
    }
  });
}

TEST_CASE("it does where the uniform number is next to the sigmoid") {
  on_each_isa([&] {
    const PhiloxKey key{.seed = 8, .stream = 1, .draw = 2};
    for (const int ulps : {0, 1, 2, 3, 10, 100, 300, 1000, 3000}) {
      const std::vector<float> z = at_the_edge(key, 20000, ulps);
      REQUIRE(decided(key, 0, z) == step_by_step(key, 0, z));
    }
  });
}

TEST_CASE("a uniform number of 0 is below every sigmoid that is not 0") {
  // Found by search: the first zeros among the 24-bit numbers of draw 0 of stream (12, 1).
  const PhiloxKey key{.seed = 12, .stream = 1, .draw = 0};
  std::vector<float> u(1 << 16);
  std::int64_t zero = -1;
  for (std::int64_t first = 0; zero < 0; first += std::ssize(u)) {
    damo::uniform(key, first, std::ssize(u), u.data());
    const auto found = std::find(u.begin(), u.end(), 0.0F);
    if (found != u.end()) zero = first + (found - u.begin());
  }
  on_each_isa([&] {
    for (const float z : extremes) {
      const bool positive = damo::math::sigmoid(z) > 0;
      REQUIRE(decided(key, zero, {z}) == std::vector<float>{positive ? 1.0F : 0.0F});
    }
  });
}

TEST_CASE("it begins and ends at any element, over its operand too") {
  std::mt19937 rng(4);
  std::normal_distribution<float> normal(0, 2);
  const PhiloxKey key{.seed = 9, .stream = 2, .draw = 3};
  on_each_isa([&] {
    for (const std::size_t n : {0, 1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 100}) {
      for (const std::int64_t first : {0, 1, 2, 3, 4, 13, 1000}) {
        std::vector<float> z(n);
        for (float& x : z) x = normal(rng);
        const std::vector<float> expected = step_by_step(key, first, z);
        REQUIRE(decided(key, first, z) == expected);
        damo::uniform_below_sigmoid(key, first, static_cast<std::int64_t>(n), z.data(), z.data());
        REQUIRE(z == expected);
      }
    }
  });
}

TEST_CASE("draws fall below as often as the sigmoid says, and independently") {
  constexpr std::size_t n = 1 << 20;
  for (const float z : {-3.0F, -1.0F, 0.0F, 0.7F, 2.5F}) {
    const std::vector<float> x = decided({.seed = 77}, 0, std::vector<float>(n, z));
    const double p = 1 / (1 + std::exp(-double(z)));
    // Counts of the sixteen patterns of the four words of a counter.
    std::array<double, 16> count{};
    for (std::size_t i = 0; i < n; i += 4) {
      unsigned pattern = 0;
      for (std::size_t k = 0; k < 4; ++k) pattern |= (x[i + k] > 0 ? 1U : 0U) << k;
      ++count[pattern];
    }
    double chi_square = 0;
    for (unsigned pattern = 0; pattern < 16; ++pattern) {
      const int ones = __builtin_popcount(pattern);
      const double expected = n / 4 * std::pow(p, ones) * std::pow(1 - p, 4 - ones);
      chi_square += (count[pattern] - expected) * (count[pattern] - expected) / expected;
    }
    CHECK(chi_square < 44.3);  // exceeded once in 10,000, 15 degrees of freedom
  }
}
