#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/engine/mode.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::contains;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

const Array six = test::array({2, 3}, {1, 2, 3, 4, 5, 6});

Array ints(const std::vector<std::int64_t>& values) { return Array::from(values); }

std::string dims_of(const Var& v) { return dims_to_string(v.type().dims); }

}  // namespace

TEST_CASE("shape: sizes are known without the elements") {
  const Var x = matrix("x", float64);
  const Bindings at{{x, six}};
  check_close(evaluate(x.shape(), at), ints({2, 3}), 0);
  check_close(evaluate(shape(exp(x)), at), ints({2, 3}), 0);
  CHECK(evaluate(x.shape(-1), at).item<int>() == 3);
  CHECK(evaluate(size(x), at).item<int>() == 6);
  CHECK(x.shape(0).dtype() == int64);
}

TEST_CASE("shape: a size that the type knows is a constant") {
  const Var x = input({float32, {4, unknown}}, "x");
  CHECK(scalar_constant(x.shape(0)) == 4);
  CHECK_FALSE(scalar_constant(x.shape(1)));
  CHECK(scalar_constant(size(input({float32, {4, 5}}))) == 20);
  CHECK(dims_of(zeros({3, x.shape(0), x.shape(1)})) == "(3, 4, ?)");
}

TEST_CASE("shape: an axis that is not there is an error with the user's line") {
  const Var x = matrix("x");
  const std::string text = error_of<ShapeError>([&] { x.shape(2); });
  CHECK(contains(text, "there is no axis 2 in float32 (?, ?)"));
  CHECK(contains(text, "shape_test.cpp:"));
}

TEST_CASE("transpose: reverses or permutes axes") {
  const Var x = matrix("x", float64);
  const Bindings at{{x, six}};
  check_close(evaluate(x.T(), at), test::array({3, 2}, {1, 4, 2, 5, 3, 6}), 0);
  check_close(evaluate(transpose(x, {1, 0}), at), evaluate(x.T(), at), 0);
  check_close(evaluate(transpose(x, {-2, -1}), at), six, 0);
  CHECK(pprint(x.T()) == "transpose(x)");
  const Var v = vector("v");
  CHECK(same(v.T(), v));
}

TEST_CASE("dimshuffle: inserts and drops axes of size 1") {
  const Var x = col("x", float64);
  const Bindings at{{x, test::array({3, 1}, {1, 2, 3})}};
  check_close(evaluate(dimshuffle(x, {newaxis, 0, newaxis}), at), test::array({1, 3, 1}, {1, 2, 3}),
              0);
  check_close(evaluate(dimshuffle(x, {0}), at), test::vector({1, 2, 3}), 0);
  CHECK(dims_of(dimshuffle(x, {newaxis, 0, newaxis})) == "(1, ?, 1)");
  CHECK(pprint(dimshuffle(x, {newaxis, 0})) == "dimshuffle(x, {newaxis, 0})");
  CHECK(dims_of(squeeze(x)) == "(?,)");
  CHECK(dims_of(expand_dims(x, -1)) == "(?, 1, 1)");
}

TEST_CASE("dimshuffle: an axis that may not be 1 cannot be dropped") {
  const Var x = matrix("x");
  const std::string text = error_of<ShapeError>([&] { dimshuffle(x, {0}); });
  CHECK(contains(text, "drops axis 1 of float32 (?, ?)"));
  CHECK(contains(text, "'x'"));
  CHECK(contains(text, "shape_test.cpp:"));
  CHECK(contains(error_of<ShapeError>([&] { dimshuffle(x, {0, 0, 1}); }), "appears twice"));
  CHECK(contains(error_of<ShapeError>([&] { dimshuffle(x, {0, 2}); }), "no axis 2"));
}

TEST_CASE("reshape: takes numbers and symbolic sizes and one size left open") {
  const Var x = matrix("x", float64);
  const Bindings at{{x, six}};
  check_close(evaluate(reshape(x, {3, 2}), at), test::array({3, 2}, {1, 2, 3, 4, 5, 6}), 0);
  check_close(evaluate(reshape(x.T(), {-1}), at), test::vector({1, 4, 2, 5, 3, 6}), 0);
  check_close(evaluate(reshape(x, {x.shape(1), -1}), at), test::array({3, 2}, {1, 2, 3, 4, 5, 6}),
              0);
  check_close(evaluate(reshape(ravel(x), x.shape()), at), six, 0);
  CHECK(dims_of(reshape(input({float32, {4, 6}}), {3, -1})) == "(3, 8)");
  CHECK(dims_of(reshape(x, {3, -1})) == "(3, ?)");
}

TEST_CASE("reshape: says which shapes do not go together") {
  const Var x = matrix("x", float64);
  const Bindings at{{x, six}};
  const std::string text = error_of<ShapeError>([&] { evaluate(reshape(x, {4, -1}), at); });
  CHECK(contains(text, "shape (2, 3) has 6 elements and cannot become {4, -1}"));
  CHECK(contains(text, "shape_test.cpp:"));
  CHECK(contains(error_of<ShapeError>([&] {
                   reshape(input({float32, {5}}), {2, 2});
                 }),
                 "shape (5,) has 5 elements"));
  CHECK(contains(error_of<ShapeError>([&] { reshape(x, {-1, -1}); }), "more than one size is -1"));
  CHECK(contains(error_of<ShapeError>([&] { reshape(x, {-3}); }), "negative"));
  const Array empty(float64, {0, 3});
  const Bindings nothing{{x, empty}};
  CHECK_THROWS_AS(evaluate(reshape(x, {0, -1}), nothing), ShapeError);
  CHECK(evaluate(flatten(x, 2), nothing).shape() == Shape{0, 3});
}

TEST_CASE("flatten: keeps leading axes") {
  const Var x = tensor3("x", float64);
  const Bindings at{{x, Array(float64, {2, 0, 4})}};
  CHECK(evaluate(flatten(x, 2), at).shape() == Shape{2, 0});
  CHECK(evaluate(flatten(x), at).shape() == Shape{0});
  const Var s = scalar("s", float64);
  const Bindings number{{s, test::number(3)}};
  check_close(evaluate(flatten(s), number), test::vector({3}), 0);
  CHECK(contains(error_of<ShapeError>([&] { flatten(x, 4); }), "cannot leave 4 dimensions"));
}

TEST_CASE("broadcast_to: repeats without copying and only what is known to be 1") {
  const Var v = vector("v", float64);
  const Var c = col("c", float64);
  const Bindings at{{v, test::vector({1, 2})}, {c, test::array({2, 1}, {1, 2})}};
  check_close(evaluate(broadcast_to(v, {3, 2}), at), test::array({3, 2}, {1, 2, 1, 2, 1, 2}), 0);
  check_close(evaluate(broadcast_to(c, {2, 3}), at), test::array({2, 3}, {1, 1, 1, 2, 2, 2}), 0);
  CHECK(broadcast_to(c, {2, 3}).op().is_view());
  const Bindings one{{v, test::vector({1})}};
  const std::string text = error_of<ShapeError>([&] { evaluate(broadcast_to(v, {3, 2}), one); });
  CHECK(contains(text, "axis 1 has size 1 and cannot become 2"));
  CHECK(contains(text, "specify_shape"));
  CHECK_THROWS_AS(broadcast_to(input({float32, {3}}), {4}), ShapeError);
  CHECK_THROWS_AS(broadcast_to(c, {4}), ShapeError);
}

TEST_CASE("broadcast_like: takes the pattern of the other operand") {
  const Var s = scalar("s", float64);
  const Var x = input({float64, {unknown, 1, 3}}, "x");
  CHECK(dims_of(broadcast_like(s, x)) == "(?, 1, 3)");
  CHECK(same(broadcast_like(x, x), x));
  CHECK(dims_of(broadcast_like(vector("v", float64), x)) == "(?, 1, 3)");
  const Bindings at{{s, test::number(2)}, {x, Array(float64, {2, 1, 3})}};
  check_close(evaluate(broadcast_like(s, x), at), test::array({2, 1, 3}, {2, 2, 2, 2, 2, 2}), 0);
}

TEST_CASE("specify_shape: is checked when the function runs") {
  const Var x = matrix("x", float64);
  const Var n = lscalar("n");
  const Bindings at{{x, six}, {n, Array::scalar(3)}};
  CHECK(dims_of(specify_shape(x, {-1, 3})) == "(?, 3)");
  check_close(evaluate(specify_shape(x, {2, n}), at), six, 0);
  const std::string text = error_of<ShapeError>([&] { evaluate(specify_shape(x, {n, -1}), at); });
  CHECK(contains(text, "axis 0 was promised to be 3 and has size 2"));
  CHECK_THROWS_AS(specify_shape(input({float32, {3}}), {4}), ShapeError);
  const Var row_like = specify_shape(x, {1, -1});
  CHECK(dims_of(row_like + matrix("y", float64)) == "(?, ?)");
}

TEST_CASE("sizes: must be integers") {
  const Var x = matrix("x", float64);
  CHECK(contains(error_of<TypeError>([&] { zeros({x, 3}); }), "int64 scalar"));
  CHECK_THROWS_AS(zeros({2.5}), TypeError);
  CHECK(contains(error_of<ShapeError>([&] { zeros({2, -1}); }), "the size -1 of axis 1"));
  const Var n = lscalar("n");
  const Bindings at{{n, Array::scalar(-4)}};
  CHECK(contains(error_of<ShapeError>([&] { evaluate(zeros({n}), at); }), "negative, -4"));
}

TEST_CASE("zeros and ones and full: make tensors from sizes of any kind") {
  const Var x = matrix("x", float64);
  const Bindings at{{x, six}};
  CHECK(evaluate(zeros({2, x.shape(1)}), at).shape() == Shape{2, 3});
  CHECK(zeros({2}).dtype() == floatX());
  CHECK(zeros(5, int64).dtype() == int64);
  CHECK(evaluate(zeros({})).shape() == Shape{});
  CHECK(evaluate(ones(x.shape(), float64), at).values<double>()[5] == 1);
  check_close(evaluate(full({2}, 7)), ints({7, 7}), 0);
  check_close(evaluate(full_like(x, 1.5), at), test::array({2, 3}, std::vector<double>(6, 1.5)), 0);
  CHECK(zeros_like(x, boolean).dtype() == boolean);
  CHECK(ones_like(x).dtype() == float64);
  CHECK_THROWS_AS(full({2}, x), ShapeError);
}

TEST_CASE("arange: takes its dtype from its arguments") {
  check_close(evaluate(arange(4)), ints({0, 1, 2, 3}), 0);
  CHECK(dims_of(arange(4)) == "(4,)");
  check_close(evaluate(arange(5, -2, -3)), ints({5, 2, -1}), 0);
  check_close(evaluate(arange(3, 3)), ints({}), 0);
  CHECK(arange(0.5).dtype() == floatX());
  check_close(evaluate(arange(0, 1, 0.25)), test::vector({0, 0.25, 0.5, 0.75}), 0);
  const Var n = lscalar("n");
  CHECK(dims_of(arange(n)) == "(?,)");
  const Bindings none{{n, Array::scalar(-3)}};
  CHECK(evaluate(arange(n), none).elements() == 0);
  CHECK_THROWS_AS(arange(0, 4, 0), ShapeError);
}

TEST_CASE("arange: is differentiable in start and step") {
  const Var a = dscalar("a");
  const Var s = dscalar("s");
  const Bindings at{{a, test::number(1)}, {s, test::number(0.5)}};
  const Vars g = grad(sum(sqr(arange(a, 3, s))), {a, s});  // 1, 1.5, 2, 2.5
  check_close(evaluate(g[0], at), test::number(14), 1e-14);
  check_close(evaluate(g[1], at), test::number(2 * (1.5 * 1 + 2 * 2 + 2.5 * 3)), 1e-14);
}

TEST_CASE("eye and diag and tril and triu: place elements by diagonal") {
  const Var x = matrix("x", float64);
  const Bindings at{{x, six}};
  check_close(evaluate(eye(2, 3, 1)), test::array({2, 3}, {0, 1, 0, 0, 0, 1}), 0);
  check_close(evaluate(eye(2, int64)), test::array({2, 2}, {1, 0, 0, 1}), 0);
  check_close(evaluate(tril(x), at), test::array({2, 3}, {1, 0, 0, 4, 5, 0}), 0);
  check_close(evaluate(triu(x, 1), at), test::array({2, 3}, {0, 2, 3, 0, 0, 6}), 0);
  check_close(evaluate(diag(x), at), test::vector({1, 5}), 0);
  check_close(evaluate(diag(x, 1), at), test::vector({2, 6}), 0);
  check_close(evaluate(diag(x, -1), at), test::vector({4}), 0);
  check_close(evaluate(diag(diag(x)), at), test::array({2, 2}, {1, 0, 0, 5}), 0);
  check_close(evaluate(diag(diag(x, -1), -1), at), test::array({2, 2}, {0, 0, 4, 0}), 0);
  verify_grad([](const Var& v) { return diag(v, 1); }, {test::vector({1, 2})});
  verify_grad([](const Var& m) { return diag(m, -1) * diag(tril(m), -1); }, {six});
}

TEST_CASE("concatenate: joins along an axis and promotes dtypes") {
  const Var x = matrix("x", float64);
  const Var i = lmatrix("i");
  const Bindings at{{x, six}, {i, Array::from(std::vector<std::int64_t>{7, 8}, {2, 1})}};
  check_close(evaluate(concatenate({x, i}, 1), at), test::array({2, 4}, {1, 2, 3, 7, 4, 5, 6, 8}),
              0);
  CHECK(dims_of(concatenate({row("r"), row("s")})) == "(2, ?)");
  CHECK(contains(error_of<ShapeError>([&] {
                   concatenate({x, vector("v", float64)});
                 }),
                 "differ along another axis than 0"));
  CHECK(contains(error_of<ShapeError>([&] {
                   evaluate(concatenate({x, x.T()}), at);
                 }),
                 "shapes (2, 3) and (3, 2) differ along another axis than 0"));
  CHECK_THROWS_AS(concatenate({}), ShapeError);
  CHECK_THROWS_AS(concatenate({x}, 2), ShapeError);
}

TEST_CASE("stack: adds an axis") {
  const Var v = vector("v", float64);
  const Bindings at{{v, test::vector({1, 2})}};
  check_close(evaluate(stack({v, 10 * v}), at), test::array({2, 2}, {1, 2, 10, 20}), 0);
  check_close(evaluate(stack({v, 10 * v}, -1), at), test::array({2, 2}, {1, 10, 2, 20}), 0);
  CHECK(contains(error_of<ShapeError>([&] { stack({v, scalar("s", float64)}); }), "rank"));
}

TEST_CASE("split: gives back what concatenate joined") {
  const Var x = matrix("x", float64);
  const Bindings at{{x, six}};
  const Vars parts = split(x, {1, 2}, 1);
  check_close(evaluate(parts[0], at), test::array({2, 1}, {1, 4}), 0);
  check_close(evaluate(concatenate(parts, 1), at), six, 0);
  const Vars wrong = split(x, {1, 1}, 1);
  CHECK(contains(error_of<ShapeError>([&] { evaluate(wrong[0], at); }),
                 "axis 1 was promised to be 2 and has size 3"));
}

TEST_CASE("repeat and tile: repeat elements and wholes") {
  const Var x = matrix("x", float64);
  const Var n = lscalar("n");
  const Var counts = lvector("counts");
  const Bindings at{{x, six}, {n, Array::scalar(2)}, {counts, ints({2, 0, 1})}};
  check_close(evaluate(repeat(x, 2), at), test::vector({1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6}), 0);
  check_close(evaluate(repeat(x, n, 0), at),
              test::array({4, 3}, {1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}), 0);
  check_close(evaluate(repeat(x, counts, 1), at), test::array({2, 3}, {1, 1, 3, 4, 4, 6}), 0);
  check_close(evaluate(tile(x, {n}), at), test::array({2, 6}, {1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}),
              0);
  check_close(evaluate(tile(x[0], {2, 1}), at), test::array({2, 3}, {1, 2, 3, 1, 2, 3}), 0);
}

TEST_CASE("repeat and tile and split: gradients are those of finite differences") {
  verify_grad([](const Var& x) { return sqr(repeat(x, 3, 1)); }, {six});
  verify_grad([](const Var& x) { return sqr(tile(x, {2, 1, 2})); }, {six});
  verify_grad(
      [](const Var& x) {
        return split(x, {1, 2}, 1)[1] * x(all(), range(0, 2));
      },
      {six}, {.second_order = true});
}

TEST_CASE("shape: repeat refuses counts of another number, negative or fractional, with the line") {
  const Var x = vector("x"), counts = lvector("counts"), n = lscalar("n");
  const Array values = test::vector({1, 2, 3}).cast(float32);
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    Function f = function({x, counts}, {repeat(x, counts)}, {.mode = mode});
    test::check_close(f(values, Array::from<std::int64_t>({2, 0, 1}))[0],
                      test::vector({1, 1, 3}).cast(float32), 0);
    for (const Array& bad :
         {Array::from<std::int64_t>({1, 1}), Array::from<std::int64_t>({1, 1, 1, 1}),
          Array::from<std::int64_t>({2, -1, 1})}) {
      const std::string text = test::error_of<ShapeError>([&] { f(values, bad); });
      CAPTURE(text);
      CHECK(test::contains(text, "repeat"));
      CHECK(test::contains(text, "shape_test.cpp"));
    }
    Function g = function({x, n}, {repeat(x, n, 0)}, {.mode = mode});
    CHECK(g(values, 2)[0].shape() == Shape{6});
    CHECK_THROWS_AS(g(values, -1), ShapeError);
  }
  CHECK_THROWS_AS(repeat(x, vector("half")), TypeError);
  CHECK_THROWS_AS(repeat(x, 1.5), TypeError);
  CHECK_THROWS_AS(repeat(x, -1), ShapeError);
}

TEST_CASE("shape: split refuses a length that is negative when it runs") {
  const Var x = vector("x"), n = lscalar("n");
  const Vars pieces = split(x, {n, 3 - n, x.shape(0) - 3});
  const Array values = test::vector({1, 2, 3, 4}).cast(float32);
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    for (const Var& piece : pieces) {
      Function f = function({x, n}, {piece}, {.mode = mode});
      CHECK_NOTHROW(f(values, 2));
      CHECK(test::contains(test::error_of<ShapeError>([&] { f(values, -1); }), "split: -1"));
      CHECK_THROWS_AS(f(values, 4), ShapeError);
    }
  }
}

TEST_CASE("shape: unbroadcast makes an axis of size 1 one that does not stretch") {
  const Var x = row("x"), y = matrix("y");
  const Var plain = unbroadcast(x, 0);
  CHECK(plain.type().dims[0] == unknown);
  CHECK_THROWS_AS(unbroadcast(constant(Array(float32, {2, 3})), 0), ShapeError);
  CHECK_THROWS_AS(unbroadcast(x, 2), ShapeError);
  const Array one(float32, {1, 3}), two(float32, {2, 3});
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    Function f = function({x, y}, {plain + y}, {.mode = mode});
    CHECK(f(one, one)[0].shape() == Shape{1, 3});
    CHECK_THROWS_AS(f(one, two), ShapeError);
  }
}
