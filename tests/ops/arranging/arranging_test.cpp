// Values that NumPy 1.24 prints.
#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/arranging/choosing.hpp>
#include <damo/ops/arranging/diagonals.hpp>
#include <damo/ops/arranging/grids.hpp>
#include <damo/ops/arranging/pad.hpp>
#include <damo/ops/arranging/turns.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/reduction/cumprod.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/axes.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::array;
using test::check_close;
using test::contains;
using test::counting;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;
using Integers = std::vector<std::int64_t>;

namespace {

Var count_to(const Shape& shape) { return constant(counting(shape)); }
Var integers(const Integers& values) { return constant(Array::from(values)); }

void check(const Var& v, const Array& expected, double tolerance = 0) {
  check_close(evaluate(v), expected, tolerance);
  check_close(evaluate(test::rewritten(v)), expected, tolerance);
}
void check(const Var& v, std::vector<double> expected, double tolerance = 0) {
  check(v, test::vector(std::move(expected)), tolerance);
}

const VerifyGradOptions all_modes{.second_order = true, .forward_mode = true};

/// Derivatives of a function of matrices against finite differences.
template <class F>
void check_derivatives(F&& f, const Shape& shape = {3, 4}) {
  CHECK_NOTHROW(verify_grad([&](const Var& v) { return f(v); }, {counting(shape, 0.5)}, all_modes));
}

}  // namespace

TEST_CASE("roll: elements that leave come in at the other end") {
  const Var a = count_to({3, 4});
  check(roll(a, 1), array({3, 4}, {11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  check(roll(a, -1, 0), array({3, 4}, {4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3}));
  check(roll(a, 6, 1), array({3, 4}, {2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9}));
  CHECK(evaluate(roll(count_to({0}), 3)).shape() == Shape{0});
  const Var k = lscalar("k");
  const Bindings at{{k, Array::scalar<std::int64_t>(-5)}};
  check_close(evaluate(roll(count_to({4}), k, 0), at), test::vector({1, 2, 3, 0}), 0);
  check_derivatives([](const Var& v) { return roll(v, 1, 1); });
}

TEST_CASE("flip and rot90: as NumPy") {
  const Var a = count_to({3, 4});
  check(flip(a), array({3, 4}, {11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}));
  check(flipud(a), array({3, 4}, {8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3}));
  check(fliplr(a), array({3, 4}, {3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8}));
  const Array once = array({4, 3}, {3, 7, 11, 2, 6, 10, 1, 5, 9, 0, 4, 8});
  const Array thrice = array({4, 3}, {8, 4, 0, 9, 5, 1, 10, 6, 2, 11, 7, 3});
  check(rot90(a), once);
  check(rot90(a, 5), once);
  check(rot90(a, 3), thrice);
  check(rot90(a, -1), thrice);
  check(rot90(a, 2), array({3, 4}, {11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}));
  check(rot90(a, 4), counting({3, 4}));
  check_derivatives([](const Var& v) { return rot90(v); });
}

TEST_CASE("diff: of neighbours, again and again") {
  check(diff(integers({1, 4, 9, 16}), 2), {2, 2});
  check(diff(constant(Array::from<bool>({true, false, false}))), {1, 0});
  check(diff(count_to({3, 4}), 1, 0), array({2, 4}, {4, 4, 4, 4, 4, 4, 4, 4}));
  CHECK(evaluate(diff(count_to({1}), 3)).shape() == Shape{0});
  check_derivatives([](const Var& v) { return diff(v, 2); });
}

TEST_CASE("pad: constant, edge, reflect, symmetric and wrap are NumPy's") {
  using P = PadMode;
  const Var v = count_to({3});
  const std::vector<std::pair<PadMode, std::vector<double>>> of_vector{
      {P::constant, {0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0}},
      {P::edge, {0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2}},
      {P::reflect, {0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1}},
      {P::symmetric, {2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1}},
      {P::wrap, {2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1}}};
  for (const auto& [mode, expected] : of_vector) check(pad(v, {{4, 5}}, {.mode = mode}), expected);
  const Var a = count_to({3, 4});
  const std::vector<std::pair<Arg, Arg>> widths{{1, 0}, {2, 1}};
  check(pad(a, widths), array({4, 7}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2,  3,  0,
                                       0, 0, 4, 5, 6, 7, 0, 0, 0, 8, 9, 10, 11, 0}));
  check(pad(a, widths, {.mode = P::reflect}),
        array({4, 7}, {6, 5, 4, 5, 6, 7, 6, 2,  1, 0, 1, 2,  3,  2,
                       6, 5, 4, 5, 6, 7, 6, 10, 9, 8, 9, 10, 11, 10}));
  check(pad(a, widths, {.mode = P::symmetric}),
        array({4, 7}, {1, 0, 0, 1, 2, 3, 3, 1, 0, 0, 1, 2,  3,  3,
                       5, 4, 4, 5, 6, 7, 7, 9, 8, 8, 9, 10, 11, 11}));
  check(pad(constant(test::vector({7})), 2, {.mode = P::reflect}), {7, 7, 7, 7, 7});
  check(pad(v, 1, {.value = 2.5}), {2.5, 0, 1, 2, 2.5});
  check(pad(count_to({0}), 2, {.value = 1.0}), {1, 1, 1, 1});
  for (const auto& [mode, unused] : of_vector) {
    check_derivatives([mode](const Var& x) { return pad(x, 2, {.mode = mode}); });
  }
}

TEST_CASE("pad: widths that do not fit are errors") {
  const Var a = dmatrix("a");
  CHECK(contains(error_of<ShapeError>([&] { pad(a, {{1, 1}}); }), "1 pairs of widths for the 2"));
  CHECK(contains(error_of<ShapeError>([&] { pad(a, -1); }), "a width of -1"));
  const Var k = lscalar("k");
  const Bindings at{{a, counting({2, 2})}, {k, Array::scalar<std::int64_t>(-1)}};
  CHECK(contains(error_of<ShapeError>([&] { evaluate(pad(a, k), at); }), "at least 0 is needed"));
  const Bindings none{{a, Array(float64, {0, 2})}, {k, Array::scalar<std::int64_t>(1)}};
  error_of<ShapeError>([&] { evaluate(pad(a, k, {.mode = PadMode::edge}), none); });
}

TEST_CASE("linspace and its kin: as NumPy, with exact ends") {
  check(linspace(2, 3, 5), {2, 2.25, 2.5, 2.75, 3});
  check(linspace(constant(test::number(2)), 3, 5, {.endpoint = false}), {2, 2.2, 2.4, 2.6, 2.8},
        1e-15);
  check(linspace(0, 1, 1), {0});
  CHECK(evaluate(linspace(5, 6, 0)).shape() == Shape{0});
  CHECK(linspace(0, 1).dtype() == floatX());
  CHECK(evaluate(linspace(0, 1)).shape() == Shape{50});
  check(linspace(constant(test::vector({0, 1})), constant(test::vector({10, 20})), 3),
        array({3, 2}, {0, 1, 5, 10.5, 10, 20}), 1e-15);
  const Var end = constant(test::number(3));
  check(logspace(0, end, 4), {1, 10, 100, 1000}, 1e-14);
  check(logspace(0, end, 4, 2.0), {1, 2, 4, 8}, 1e-14);
  check(geomspace(constant(test::number(1)), 1000, 4), {1, 10, 100, 1000}, 1e-14);
  check(geomspace(-1, constant(test::number(-8)), 4), {-1, -2, -4, -8}, 1e-14);
  CHECK_NOTHROW(verify_grad([](const Var& a, const Var& b) { return linspace(a, b, 5); },
                            {test::number(0.3), test::number(2)}, all_modes));
}

TEST_CASE("meshgrid, mgrid, ogrid and broadcast_arrays: as NumPy") {
  const Var a = integers({1, 2, 3}), b = integers({4, 5});
  const Vars xy = meshgrid({a, b});
  check(xy[0], array({2, 3}, {1, 2, 3, 1, 2, 3}));
  check(xy[1], array({2, 3}, {4, 4, 4, 5, 5, 5}));
  const Vars ij = meshgrid({a, b}, Indexing::ij);
  check(ij[0], array({3, 2}, {1, 1, 2, 2, 3, 3}));
  check(ij[1], array({3, 2}, {4, 5, 4, 5, 4, 5}));
  const Vars grid = mgrid({range(0, 3), range(1, 5, 2)});
  check(grid[0], array({3, 2}, {0, 0, 1, 1, 2, 2}));
  check(grid[1], array({3, 2}, {1, 3, 1, 3, 1, 3}));
  CHECK(evaluate(ogrid({range(0, 3), range(1, 5, 2)})[1]).shape() == Shape{1, 2});
  const Vars same_shape = broadcast_arrays({row("r"), dmatrix("m")});
  CHECK(same_shape[0].ndim() == 2);
  const Vars both = broadcast_arrays({constant(counting({1, 3})), constant(counting({2, 1}))});
  check(both[0], array({2, 3}, {0, 1, 2, 0, 1, 2}));
  check(both[1], array({2, 3}, {0, 0, 0, 1, 1, 1}));
}

TEST_CASE("diagonals: taken, made and filled") {
  const Var b = count_to({2, 3, 4});
  check(diagonal(b), array({4, 2}, {0, 16, 1, 17, 2, 18, 3, 19}));
  check(diagonal(b, 1, 1, 2), array({2, 3}, {1, 6, 11, 13, 18, 23}));
  check(diagonal(b, -1, 2, 0), array({3, 2}, {1, 14, 5, 18, 9, 22}));
  CHECK(evaluate(diagonal(count_to({2, 3}), 7)).shape() == Shape{0});
  check(alloc_diag(count_to({2, 2}), 1),
        array({2, 3, 3}, {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0}));
  check(diagonal(alloc_diag(count_to({3}), -2), -2), {0, 1, 2});
  check(fill_diagonal(count_to({4, 3}), 5), array({4, 3}, {5, 1, 2, 3, 5, 5, 6, 7, 5, 9, 10, 11}));
  check(fill_diagonal_offset(count_to({2, 3}), -1, 1), array({2, 3}, {0, -1, 2, 3, 4, -1}));
  check(tri(3, 5, 2), array({3, 5}, {1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1}));
  check(tri(2, 2, -1), array({2, 2}, {0, 0, 1, 0}));
  check_derivatives([](const Var& v) { return diagonal(v, 1); });
  check_derivatives([](const Var& v) { return alloc_diag(v, 1); });
  check_derivatives([](const Var& v) { return fill_diagonal(v, 2); });
}

TEST_CASE("one_hot: rows with a one, and an error for a class that is not there") {
  check(one_hot(integers({2, 0}), 3), array({2, 3}, {0, 0, 1, 1, 0, 0}));
  CHECK(one_hot(integers({1}), 3).dtype() == floatX());
  CHECK(evaluate(one_hot(integers({}), 3)).shape() == Shape{0, 3});
  for (const std::int64_t wrong : {-1, 3}) {
    const std::string text = error_of<ShapeError>([&] { evaluate(one_hot(integers({wrong}), 3)); });
    CHECK(contains(text, "arranging_test.cpp:"));
  }
}

TEST_CASE("compress and choose: as NumPy") {
  const Var a = count_to({3, 4});
  check(compress(integers({0, 1, 1}), a, 0), array({2, 4}, {4, 5, 6, 7, 8, 9, 10, 11}));
  check(compress(integers({1, 0, 1}), a), {0, 2});
  check(compress(integers({0, 1}), a, 1), array({3, 1}, {1, 5, 9}));
  const Vars choices{integers({0, 1, 2}), integers({10, 11, 12}), integers({20, 21, 22})};
  check(choose(integers({2, 0, 1}), choices), {20, 1, 12});
  check(choose(integers({5, -1, 1}), choices, Outside::clip), {20, 1, 12});
  check(choose(integers({5, -1, 1}), choices, Outside::wrap), {20, 21, 12});
  error_of<ShapeError>([&] { evaluate(choose(integers({0, 3, 0}), choices)); });
  error_of<ShapeError>([&] { evaluate(choose(integers({0, -1, 0}), choices)); });
}

TEST_CASE("ravel_multi_index and unravel_index: as NumPy, one the inverse of the other") {
  const Vars at{integers({3, 6, 6}), integers({4, 5, 1})};
  check(ravel_multi_index(at, {7, 6}), {22, 41, 37});
  const Vars outside{integers({3, -1, 9}), integers({4, 7, 1})};
  check(ravel_multi_index(outside, {7, 6}, Outside::clip), {22, 5, 37});
  check(ravel_multi_index(outside, {7, 6}, Outside::wrap), {22, 37, 13});
  error_of<ShapeError>([&] { evaluate(ravel_multi_index(outside, {7, 6})); });
  const Vars back = unravel_index(integers({22, 41, 37}), {7, 6});
  check(back[0], {3, 6, 6});
  check(back[1], {4, 5, 1});
  const Vars four = unravel_index(1621, {6, 7, 8, 9});
  const std::vector<std::int64_t> expected{3, 1, 4, 1};
  for (std::size_t i = 0; i < 4; ++i) CHECK(evaluate(four[i]).item<std::int64_t>() == expected[i]);
  error_of<ShapeError>([&] { evaluate(unravel_index(integers({42}), {7, 6})[0]); });
}

TEST_CASE("cumprod: its gradient is exact where elements are 0") {
  check(cumprod(constant(array({2, 3}, {1, 2, 0, 3, 4, 5}))), array({2, 3}, {1, 2, 0, 3, 8, 0}));
  check(cumprod(integers({2, 3, -1})), {2, 6, -6});
  const Array zeros = test::vector({2, 0, 3, 0, 5});
  CHECK_NOTHROW(verify_grad([](const Var& v) { return cumprod(v); }, {zeros}, all_modes));
  CHECK_NOTHROW(verify_grad([](const Var& v) { return cumprod(v, 1); },
                            {array({2, 3}, {1, 0, 2, 0.5, 3, -1})}, all_modes));
}

TEST_CASE("axes: dropped, exchanged and moved") {
  const Var x = constant(counting({2, 1, 3}));
  CHECK(evaluate(squeeze(x, 1)).shape() == Shape{2, 3});
  CHECK(evaluate(squeeze(x, {-2})).shape() == Shape{2, 3});
  CHECK(contains(error_of<ShapeError>([&] { squeeze(x, 0); }), "squeeze: axis 0 of"));
  const Var open = tensor3("open", float64);
  const Bindings wrong{{open, counting({2, 2, 2})}};
  error_of<ShapeError>([&] { evaluate(squeeze(open, 1), wrong); });
  const Bindings right{{open, counting({2, 1, 2})}};
  CHECK(evaluate(squeeze(open, 1), right).shape() == Shape{2, 2});
  CHECK(evaluate(swapaxes(x, 0, -1)).shape() == Shape{3, 1, 2});
  CHECK(evaluate(moveaxis(x, 0, -1)).shape() == Shape{1, 3, 2});
  CHECK(evaluate(moveaxis(x, {0, 1}, {-1, 0})).shape() == Shape{1, 3, 2});
  CHECK(contains(error_of<ShapeError>([&] { moveaxis(x, {0, 0}, {1, 2}); }), "named twice"));
}

TEST_CASE("methods: are the functions of their names") {
  const Var x = constant(array({2, 3}, {3, -1.5, 2.5, 0, 1, -2}));
  CHECK(evaluate(x.reshape({3, -1})).shape() == Shape{3, 2});
  CHECK(evaluate(x.flatten()).shape() == Shape{6});
  CHECK(evaluate(x.ravel()).shape() == Shape{6});
  CHECK(evaluate(x.transpose()).shape() == Shape{3, 2});
  CHECK(evaluate(x.transpose({1, 0})).shape() == Shape{3, 2});
  CHECK(evaluate(x.dimshuffle({newaxis, 1, 0})).shape() == Shape{1, 3, 2});
  CHECK(evaluate(x.swapaxes(0, 1)).shape() == Shape{3, 2});
  CHECK(evaluate(x.dimshuffle({0, newaxis, 1}).squeeze()).shape() == Shape{2, 3});
  CHECK(evaluate(x.dimshuffle({0, newaxis, 1}).squeeze(1)).shape() == Shape{2, 3});
  CHECK(x.astype(int64).dtype() == int64);
  check(x.dot(x.T()), array({2, 2}, {17.5, -6.5, -6.5, 5}));
  check(x.clip(-1, 2), array({2, 3}, {2, -1, 2, 0, 1, -1}));
  check(x.round(), array({2, 3}, {3, -2, 2, 0, 1, -2}));
  check(x.cumsum(1), array({2, 3}, {3, 1.5, 4, 0, 1, -1}));
  check(x.cumprod(1), array({2, 3}, {3, -4.5, -11.25, 0, 0, 0}));
  check(x.take(integers({4, 0})), {1, 3});
  check(x.take(integers({2}), 1), array({2, 1}, {2.5, -2}));
  check(x.repeat(2, 0)[1], {3, -1.5, 2.5});
  check(x[1].repeat(2), {0, 0, 1, 1, -2, -2});
  check(x.sort(), array({2, 3}, {-1.5, 2.5, 3, -2, 0, 1}));
  check(x.argsort(), array({2, 3}, {1, 2, 0, 2, 0, 1}));
  CHECK(contains(error_of<ShapeError>([&] { x.sort(2); }), "arranging_test.cpp:"));
}

TEST_CASE("ellipsis: stands for the axes that the others leave") {
  const Var b = count_to({2, 3, 4});
  check(b(ellipsis, 0), array({2, 3}, {0, 4, 8, 12, 16, 20}));
  check(b(1, ellipsis, 3), {15, 19, 23});
  check(b(ellipsis, range(0, 1), integers({0, 3})), array({2, 1, 2}, {0, 3, 12, 15}));
  check(b(ellipsis, newaxis)[1](ellipsis, 0),
        array({3, 4}, {12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}));
  check(b[ellipsis], counting({2, 3, 4}));
  CHECK(contains(error_of<ShapeError>([&] { b(ellipsis, ellipsis); }), "two ellipses"));
  check(set_subtensor(b(ellipsis, 1), 0)(0, 0), {0, 0, 2, 3});
}
