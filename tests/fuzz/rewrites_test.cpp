#include <doctest/doctest.h>

#include "tests/fuzz/differential.hpp"

using namespace damo;

TEST_CASE("fuzz: graphs that a rewrite once got wrong are computed as written") {
  // An item read as a whole by another loop, a dropped stretch, a zero of the other sign, exp(-inf)
  // over itself, a quotient by a sum of nothing without end, the largest of nothing.
  for (const std::uint64_t seed : {9903178, 7707301, 9900628, 30009670, 30055010, 30062467,
                                   50054338, 70080096, 70096504, 70092687, 70038380}) {
    const auto finding = test::differential(seed);
    INFO((finding ? finding->text() : ""));
    CHECK_FALSE(finding);
  }
}

TEST_CASE("fuzz: what rounding explains, or long double does not know either, is no difference") {
  // A tie, an underflow made an integer, a loop that overflows.
  for (const std::uint64_t seed : {5500240, 13005546, 13019945, 7702370}) {
    const auto finding = test::differential(seed);
    INFO((finding ? finding->text() : ""));
    CHECK_FALSE(finding);
  }
}

TEST_CASE("fuzz: every mode computes what was written, in a thousand random graphs") {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const auto finding = test::differential(seed);
    INFO((finding ? finding->text() : ""));
    CHECK_FALSE(finding);
  }
}
