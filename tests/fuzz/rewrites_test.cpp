#include <doctest/doctest.h>

#include "tests/fuzz/differential.hpp"

using namespace damo;

TEST_CASE("fuzz: every mode computes what was written, in a thousand random graphs") {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const auto finding = test::differential(seed);
    INFO((finding ? finding->text() : ""));
    CHECK_FALSE(finding);
  }
}
