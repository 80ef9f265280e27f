#include <array>
#include <map>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/runtime/function/function.hpp>
#include <damo/runtime/function/xtensor.hpp>
#include "tests/support/values.hpp"

// Rows without replacement, with probabilities: each is drawn from those that are left, in
// proportion to their probabilities. Truth by enumerating every order.
using namespace damo;
using test::contains;
using test::error_of;

namespace {

using Triple = std::array<std::int64_t, 3>;

/// The probability of every order of three rows.
std::map<Triple, double> all_triples(const std::vector<double>& p) {
  std::map<Triple, double> result;
  const auto n = static_cast<std::int64_t>(p.size());
  const auto at = [&](std::int64_t i) { return p[static_cast<std::size_t>(i)]; };
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t k = 0; k < n; ++k) {
        const double all = i == j || j == k || i == k
                               ? 0
                               : at(i) * at(j) / (1 - at(i)) * at(k) / (1 - at(i) - at(j));
        if (all > 0) result[{i, j, k}] = all;
      }
    }
  }
  return result;
}

/// Chi-square of how often each outcome was seen, over those that can be.
template <class Key>
double chi_square(const std::map<Key, double>& probability, std::map<Key, double> seen, double n) {
  double sum = 0;
  for (const auto& [outcome, p] : probability) {
    const double off = seen[outcome] - n * p;
    sum += off * off / (n * p);
  }
  return sum;
}

constexpr int calls = 30000;
const std::vector<double> p{0.1, 0, 0.4, 0.2, 0.3};

}  // namespace

TEST_CASE("choice: rows without replacement come in every order as often as enumeration says") {
  const std::map<Triple, double> exact = all_triples(p);
  REQUIRE(exact.size() == 24);
  std::map<std::int64_t, double> included;  // the probability of being among the three, over 3
  for (const auto& [rows, all] : exact) {
    for (const std::int64_t row : rows) included[row] += all / 3;
  }
  for (const bool numpy : {false, true}) {
    CAPTURE(numpy);
    RandomStream rng = numpy ? RandomStream::numpy_compatible(7) : RandomStream(41);
    const Var weights = dvector("weights");
    Function f = function({weights}, {rng.choice(5, 3, false, weights)});
    std::map<Triple, double> seen;
    std::map<std::int64_t, double> rows_seen;
    for (int call = 0; call < calls; ++call) {
      const Outputs out = f(p);
      Triple rows{};
      std::copy_n(out[0].data<std::int64_t>(), 3, rows.begin());
      REQUIRE(exact.contains(rows));
      seen[rows] += 1;
      for (const std::int64_t row : rows) rows_seen[row] += 1;
    }
    CHECK(rows_seen.size() == 4);
    // Of each three at least two are among rows 2 to 4: rows are no independent trials, and their
    // counts vary less than those of such.
    CHECK(chi_square(included, rows_seen, 3.0 * calls) < 16.3);  // 3 degrees of freedom, p = 0.001
    CHECK(chi_square(exact, seen, calls) < 49.7);                // 23 degrees of freedom, p = 0.001
  }
}

TEST_CASE("choice: in a loop each step draws its own rows with probabilities of its own") {
  RandomStream rng(42);
  const Var weights = dmatrix("weights");
  const auto [rows, updates] =
      scan([&](Var w) { return rng.choice(3, 1, false, w)[0]; }, {.sequences = {weights}});
  Function f = function({weights}, {rows[0]});
  Array w(float64, {calls, 3});
  for (int i = 0; i < calls; ++i) {
    const std::vector<double> mine =
        i % 2 == 0 ? std::vector<double>{1, 2, 5} : std::vector<double>{3, 0, 1};
    std::copy_n(mine.begin(), 3, w.data<double>() + std::ptrdiff_t{3} * i);
  }
  const Outputs out = f(w);
  std::map<std::int64_t, double> even, odd;
  for (int i = 0; i < calls; ++i) (i % 2 == 0 ? even : odd)[out[0].data<std::int64_t>()[i]] += 1;
  const std::map<std::int64_t, double> exact_even{{0, 0.125}, {1, 0.25}, {2, 0.625}};
  const std::map<std::int64_t, double> exact_odd{{0, 0.75}, {2, 0.25}};
  CHECK(odd.size() == 2);
  CHECK(chi_square(exact_even, even, calls / 2.0) < 13.8);  // 2 degrees of freedom, p = 0.001
  CHECK(chi_square(exact_odd, odd, calls / 2.0) < 10.8);    // 1 degree of freedom
}

TEST_CASE("choice: as many probabilities as rows are asked for") {
  RandomStream rng(44);
  const Var weights = dvector("weights"), x = dmatrix("x");
  for (const bool replace : {false, true}) {
    Function numbers = function({weights}, {rng.choice(4, 2, replace, weights)});
    Function rows = function({weights, x}, {rng.choice(x, 2, replace, weights)});
    const std::vector<double> five{0.2, 0.2, 0.2, 0.2, 0.2};
    const std::string error = error_of<ShapeError>([&] { numbers(five); });
    CHECK(contains(error, "choice_test.cpp"));
    CHECK(contains(error, "'weights'"));
    CHECK_THROWS_AS(rows(five, Array(float64, {4, 2})), ShapeError);
    CHECK(rows(five, Array(float64, {5, 2}))[0].elements() == 4);
    const Var fixed = constant(Array::from(five));
    CHECK_THROWS_AS(rng.choice(4, 2, replace, fixed), ShapeError);
  }
}

TEST_CASE("choice: all rows without replacement are an order of those that can be drawn") {
  RandomStream rng(43);
  const Var weights = dvector("weights"), x = dmatrix("x"), count = lscalar("count");
  Function f = function({weights, x, count}, {rng.choice(x, count, false, weights)});
  const Array rows = Array::from<double>({0, 0, 1, 1, 2, 2, 3, 3}, {4, 2});
  const std::vector<double> tiny{1e-300, 0, 1e300, 1};
  const Outputs out = f(tiny, rows, 3);
  CHECK(out.array<double>(0) == xt::xarray<double>{{2, 2}, {3, 3}, {0, 0}});
  CHECK(f(tiny, rows, 0)[0].elements() == 0);
  const std::string few = error_of<NumericError>([&] { f(tiny, rows, 4); });
  CHECK(contains(few, "4 rows are to be drawn without replacement from 3 with a positive"));
  CHECK(contains(few, "choice_test.cpp"));
  CHECK(contains(error_of<NumericError>([&] {
                   f(std::vector<double>{0, 0, 0, 0}, rows, 1);
                 }),
                 "none of the 4 probabilities"));
  CHECK_THROWS_AS(f(std::vector<double>{1, -1, 1, 1}, rows, 1), NumericError);
}
