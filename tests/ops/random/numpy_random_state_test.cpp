#include <bit>
#include <limits>

#include <damo/ops/random/numpy_random_state.hpp>
#include "tests/support/numpy_values.hpp"
#include "tests/support/values.hpp"

// The numbers below are NumPy 1.24.2's, printed by the Python line above them, where
//   import numpy; R = numpy.random.RandomState
//   xor = lambda x: hex(numpy.bitwise_xor.reduce(x.view(numpy.uint64)))
//   mix = lambda x: (x.sum(), (x * numpy.arange(len(x))).sum())
using namespace damo;
using test::check_same_bits;
using test::Integers;
using test::integers;
using test::Mix;
using test::mix;

namespace {

std::uint64_t xor_of_bits(const Array& a) {
  std::uint64_t all = 0;
  for (const double x : a.values<double>()) all ^= std::bit_cast<std::uint64_t>(x);
  return all;
}

}  // namespace

TEST_CASE("numpy streams: RandomState gives NumPy's numbers") {
  // R(42).uniform(-2, 3, 6)
  check_same_bits(NumpyRandomState(42).uniform(-2, 3, {6}),
                  test::vector({-0.12729940576318755, 2.7535715320495804, 1.6599697090570253,
                                0.993292420985183, -1.2199067977878175, -1.2200273983189867}));
  // r = R(42); r.normal(1, 2, 5); r.uniform(); r.normal()
  NumpyRandomState r(42);
  check_same_bits(r.normal(1, 2, {5}),
                  test::vector({1.9934283060224653, 0.7234713976576307, 2.295377076201385,
                                4.046059712816051, 0.5316932505533281}));
  CHECK(r.uniform() == 0.05808361216819946);
  CHECK(r.normal() == -0.23413695694918055);
  // R(42).randint(1000, size=6); .randint(-5, 5, size=8); .randint(2**40, size=3)
  CHECK(integers(NumpyRandomState(42).randint(0, 1000, {6})) ==
        Integers{102, 435, 860, 270, 106, 71});
  CHECK(integers(NumpyRandomState(42).randint(-5, 5, {8})) == Integers{1, -2, 2, -1, 1, 4, -3, 1});
  CHECK(integers(NumpyRandomState(42).randint(0, std::int64_t{1} << 40, {3})) ==
        Integers{441507790259, 395924837646, 458615280711});
  // R(42).randint(-2**63, 2**63 - 1, size=2)
  using Limits = std::numeric_limits<std::int64_t>;
  CHECK(integers(NumpyRandomState(42).randint(Limits::min(), Limits::max(), {2})) ==
        Integers{-2314326399425823309, 8314211556539077902});
  // R(42).permutation(10); x = list("abcdefg"); R(42).shuffle(x)
  CHECK(integers(NumpyRandomState(42).permutation(10)) == Integers{8, 1, 5, 0, 7, 2, 9, 4, 3, 6});
  std::vector<char> letters{'a', 'b', 'c', 'd', 'e', 'f', 'g'};
  NumpyRandomState(42).shuffle(letters);
  CHECK(std::string(letters.begin(), letters.end()) == "abfcedg");
  // x = numpy.arange(12).reshape(4, 3); R(42).shuffle(x)
  Array rows = Array::from<std::int64_t>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {4, 3});
  NumpyRandomState(42).shuffle(rows);
  CHECK(integers(rows) == Integers{3, 4, 5, 9, 10, 11, 0, 1, 2, 6, 7, 8});
}

TEST_CASE("numpy streams: long runs have the same bits") {
  // xor(R(7).normal(0, 1, 200001)); xor(R(7).uniform(-0.3, 0.7, 200000))
  CHECK(xor_of_bits(NumpyRandomState(7).normal(0, 1, {200001})) == 0xc12e0b5209a04ca9);
  CHECK(xor_of_bits(NumpyRandomState(7).uniform(-0.3, 0.7, {200000})) == 0xbc1a85e12b5074);
  // mix(R(7).binomial(n, p, 200000)): by inversion, and by rejection where n p is above 30
  struct Case {
    std::int64_t n;
    double p;
    Mix expected;
  };
  for (const Case& c :
       {Case{1, 0.3, {60184, 6019420580}}, Case{1, 0.7, {139816, 13980479420}},
        Case{10, 0.25, {500754, 50108770980}}, Case{10, 0.9, {1799618, 179941694117}},
        Case{100, 0.5, {9999275, 999808767770}}, Case{1000, 0.03, {6002765, 600422259479}},
        Case{1000, 0.97, {194004733, 19400395106797}},
        Case{100000, 0.4, {7999974617, 799998277396053}}}) {
    CAPTURE(c.n);
    CAPTURE(c.p);
    CHECK(mix(NumpyRandomState(7).binomial(c.n, c.p, {200000})) == c.expected);
  }
}
