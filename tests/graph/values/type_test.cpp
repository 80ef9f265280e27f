#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include <damo/graph/values/type.hpp>

using namespace damo;

namespace {

/// All types of two axes whose sizes are 1, 2 or unknown, and some of another rank or dtype.
std::vector<TensorType> types() {
  std::vector<TensorType> all{{float64, {}}, {float64, {unknown}}, {float32, {unknown, unknown}}};
  for (const std::int64_t a : {unknown, std::int64_t{1}, std::int64_t{2}}) {
    for (const std::int64_t b : {unknown, std::int64_t{1}, std::int64_t{2}})
      all.push_back({float64, {a, b}});
  }
  return all;
}

/// The shapes of two axes of sizes 0 to 2 that a type allows, as bits.
unsigned shapes_of(const TensorType& t) {
  unsigned bits = 0;
  for (std::int64_t a = 0; a < 3; ++a) {
    for (std::int64_t b = 0; b < 3; ++b) {
      const bool fits = t.rank() == 2 && (t.dims[0] == unknown || t.dims[0] == a) &&
                        (t.dims[1] == unknown || t.dims[1] == b);
      if (fits) bits |= 1U << static_cast<unsigned>(3 * a + b);
    }
  }
  return bits;
}

}  // namespace

TEST_CASE("types: one refines another when it allows no shape that the other does not") {
  for (const TensorType& a : types()) {
    CHECK(refines(a, a));
    for (const TensorType& b : types()) {
      CAPTURE(to_string(a));
      CAPTURE(to_string(b));
      if (a.rank() != b.rank() || a.dtype != b.dtype) {
        CHECK_FALSE(refines(a, b));
        CHECK_FALSE(compatible(a, b));
      } else if (a.rank() == 2) {
        CHECK(refines(a, b) == ((shapes_of(a) & ~shapes_of(b)) == 0));
        CHECK(compatible(a, b) == ((shapes_of(a) & shapes_of(b)) != 0));
      }
    }
  }
}

TEST_CASE("types: two that some shape has unify to the type of just those shapes") {
  for (const TensorType& a : types()) {
    for (const TensorType& b : types()) {
      if (!compatible(a, b)) continue;
      const TensorType both = unify(a, b);
      CHECK(both == unify(b, a));
      CHECK(refines(both, a));
      CHECK(refines(both, b));
      if (a.rank() == 2) CHECK(shapes_of(both) == (shapes_of(a) & shapes_of(b)));
    }
  }
}

TEST_CASE("types: promoting goes from bool over int64 and float32 to float64, in any order") {
  const DType order[] = {boolean, int64, float32, float64};
  for (int a = 0; a < 4; ++a) {
    for (int b = 0; b < 4; ++b) CHECK(promote(order[a], order[b]) == order[std::max(a, b)]);
  }
}
