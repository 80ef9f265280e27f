// What NumPy 1.24 prints.
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/bitwise.hpp>
#include <damo/ops/elementwise/extended_math.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/near.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::contains;
using test::error_of;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
using Integers = std::vector<std::int64_t>;

Var doubles(const std::vector<double>& values) { return constant(Array::from(values)); }
Var integers(const Integers& values) { return constant(Array::from(values)); }
Var bools(const std::vector<bool>& values) { return constant(Array::from(values)); }

void check(const Var& v, const std::vector<double>& expected) {
  check_close(evaluate(v), test::vector(expected), 0);
  check_close(evaluate(test::rewritten(v)), test::vector(expected), 0);
}

}  // namespace

TEST_CASE("isclose: as NumPy, with infinities, NaN and the second operand's size") {
  const Var a = doubles({1, 1, 1e10, inf, inf, not_a_number, 0, 1e-9, 1});
  const Var b = doubles({1 + 1e-6, 1.1, 1.00001e10, inf, -inf, not_a_number, 1e-8, 0, inf});
  check(isclose(a, b), {1, 0, 1, 1, 0, 0, 1, 1, 0});
  check(isclose(a, b, {.equal_nan = true}), {1, 0, 1, 1, 0, 1, 1, 1, 0});
  check(isclose(a, b, {.rtol = 0.2, .atol = 0}), {1, 1, 1, 1, 0, 0, 0, 0, 0});
  CHECK(evaluate(allclose(a, b)).item<bool>() == false);
  CHECK(evaluate(allclose(doubles({1, inf}), doubles({1, inf}))).item<bool>());
  CHECK(evaluate(allclose(doubles({}), doubles({}))).item<bool>());
  CHECK(isclose(integers({1}), integers({2})).dtype() == boolean);
  // The difference of these is no int64.
  const auto least = std::numeric_limits<std::int64_t>::min();
  check(isclose(integers({least, 5}), integers({-(least + 1), 5})), {0, 1});
  check(isclose(integers({1, 2}), 2), {0, 1});
  check(isclose(bools({true, false}), bools({true, true})), {1, 0});
}

TEST_CASE("isfinite: of NaN and the infinities is false, of integers true") {
  check(isfinite(doubles({0, -1e308, inf, -inf, not_a_number})), {1, 1, 0, 0, 0});
  check(isfinite(integers({3})), {1});
  check(isfinite(bools({false})), {1});
}

TEST_CASE("nan_to_num: the largest numbers of the dtype stand for infinities") {
  const double most = std::numeric_limits<double>::max();
  check(nan_to_num(doubles({1, inf, -inf, not_a_number})), {1, most, -most, 0});
  check(nan_to_num(doubles({1, inf, -inf, not_a_number}), {.nan = 2, .posinf = 3, .neginf = 4}),
        {1, 3, 4, 2});
  const Var narrow = nan_to_num(cast(doubles({inf, not_a_number}), float32));
  CHECK(narrow.dtype() == float32);
  CHECK(evaluate(narrow).data<float>()[0] == std::numeric_limits<float>::max());
  CHECK(nan_to_num(integers({1})).dtype() == int64);
}

TEST_CASE("bitwise: integers by bits, bools by truth") {
  const Var a = integers({12, -1, 7, std::numeric_limits<std::int64_t>::min()});
  const Var b = integers({10, 5, -8, -1});
  check(bitwise_and(a, b), {8, 5, 0, -0x1p63});
  check(bitwise_or(a, b), {14, -1, -1, -1});
  check(bitwise_xor(a, b), {6, -6, -1, 0x1p63});
  check(invert(integers({0, 5, -1})), {-1, -6, 0});
  check(bitwise_and(bools({true, true}), bools({true, false})), {1, 0});
  check(bitwise_xor(bools({true, true}), bools({true, false})), {0, 1});
  check(invert(bools({true, false})), {0, 1});
  CHECK(invert(bools({true})).dtype() == boolean);
  CHECK(bitwise_or(bools({true}), integers({2})).dtype() == int64);
}

TEST_CASE("bitwise: shifts by more than there are bits leave nothing but the sign") {
  check(left_shift(integers({1, 3, -1, 1, 5}), integers({4, 62, 1, 64, -1})),
        {16, -0x1p62, -2, 0, 0});
  check(right_shift(integers({16, -1, -5, 7, -7, 9}), integers({2, 70, 1, 64, -1, -1})),
        {4, -1, -3, 0, -1, 0});
}

TEST_CASE("bitwise: floats are refused with the user's line") {
  const Var x = dvector("x");
  const std::string text = error_of<TypeError>([&] { bitwise_and(x, 1); });
  CHECK(contains(text, "bitwise_and: expected integers or bools, got"));
  CHECK(contains(text, "extended_math_test.cpp:"));
  error_of<TypeError>([&] { left_shift(1, x); });
  error_of<TypeError>([&] { invert(x); });
}

TEST_CASE("rounding: halves go away from zero on demand") {
  check(round_half_away_from_zero(doubles({0.5, 1.5, 2.5, -0.5, -2.5, 0.49999999999999994, -inf})),
        {1, 2, 3, -1, -3, 0, -inf});
  check(damo::round(doubles({0.5, 1.5, 2.5, -0.5})), {0, 2, 2, 0});
}

TEST_CASE("divmod and ceil_intdiv: as in Python, and the quotient rounded up") {
  const auto [quotient, remainder] = divmod(integers({7, -7, 7, -7}), integers({2, 2, -2, -2}));
  check(quotient, {3, -4, -4, 3});
  check(remainder, {1, 1, -1, -1});
  check(ceil_intdiv(integers({7, -7, 7, -7, 8}), integers({2, 2, -2, -2, 4})), {4, -3, -3, 4, 2});
  CHECK(contains(error_of<TypeError>([&] { ceil_intdiv(dvector("x"), 2); }), "expected integers"));
}

TEST_CASE("angles: degrees and radians") {
  check_close(evaluate(deg2rad(doubles({180, -90, 0}))), test::vector({M_PI, -M_PI / 2, 0}), 1e-16);
  check_close(evaluate(rad2deg(doubles({M_PI, 1}))), test::vector({180, 57.29577951308232}), 1e-16);
  CHECK(is_float(deg2rad(lvector("i")).dtype()));
}
