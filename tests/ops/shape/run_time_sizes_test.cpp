// Sizes and axes that only a run knows, held to the same with numbers.
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/arranging/diagonals.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/text/graph_text.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::array;
using test::check_close;
using test::contains;
using test::counting;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

Array whole(std::int64_t n) { return Array::scalar(n); }

/// As compiled.
std::vector<Array> run(const Vars& outputs, const Bindings& at) {
  Vars inputs;
  std::vector<Argument> values;
  for (const auto& [input, value] : at) {
    inputs.push_back(input);
    values.emplace_back(value);
  }
  Function f = function(inputs, outputs, {.on_unused_input = Unused::ignore});
  const Outputs out = f.call(values);
  std::vector<Array> all;
  for (std::size_t i = 0; i < outputs.size(); ++i) all.push_back(out[i]);
  return all;
}

/// Fails, evaluated and compiled, with these words and this file's name.
void check_error(const Var& v, const Bindings& at, const std::string& words) {
  CAPTURE(words);
  const std::string text = error_of<ShapeError>([&] { evaluate(v, at); });
  CHECK(contains(text, words));
  CHECK(contains(text, "run_time_sizes_test.cpp:"));
  error_of<ShapeError>([&] { run({v}, at); });
}

/// Evaluated and compiled, in float64 and as it is.
void check(const Var& v, const Bindings& at, const Array& expected) {
  check_close(evaluate(v, at), expected, 0);
  const std::vector<Array> out = run({v, v.shape()}, at);
  check_close(out[0], expected, 0);
  const Shape& s = expected.shape();
  check_close(out[1], Array::from(std::vector<std::int64_t>(s.begin(), s.end())), 0);
}

Shape random_shape(std::size_t rank, std::mt19937& rng) {
  Shape s;
  for (std::size_t i = 0; i < rank; ++i) s.push_back(static_cast<std::int64_t>(rng() % 4));
  return s;
}

Vars inputs_of_rank(std::size_t rank, int n) {
  Vars all;
  for (int i = 0; i < n; ++i)
    all.push_back(input({float64, Shape(std::vector<std::int64_t>(rank, unknown))}));
  return all;
}

}  // namespace

TEST_CASE("reshape: a size that a run finds to be -1 is whatever is left") {
  const Var x = dmatrix("x");
  const Var n = lscalar("n"), m = lscalar("m");
  const Array six = counting({2, 3});
  const auto at = [&](std::int64_t a, std::int64_t b) {
    return Bindings{{x, six}, {n, whole(a)}, {m, whole(b)}};
  };
  const Var y = reshape(x, {n, m});
  check(y, at(-1, 2), counting({3, 2}));
  check(y, at(6, -1), counting({6, 1}));
  check(y, at(2, 3), six);
  check(reshape(x, {n, 3, 1}), at(-1, 0), counting({2, 3, 1}));
  const Var s = lvector("s");
  check(reshape(x, {s[1], s[0]}), {{x, six}, {s, Array::from(std::vector<std::int64_t>{3, -1})}},
        counting({2, 3}));
}

TEST_CASE("reshape: run-time sizes that do not fit are errors, and of these only") {
  const Var x = dmatrix("x");
  const Var n = lscalar("n"), m = lscalar("m");
  const auto at = [&](std::int64_t a, std::int64_t b, const Shape& s) {
    return Bindings{{x, counting(s)}, {n, whole(a)}, {m, whole(b)}};
  };
  const Var y = reshape(x, {n, m});
  check_error(y, at(-1, -1, {2, 3}), "more than one size of {-1, -1} is -1");
  check_error(y, at(-1, 4, {2, 3}), "shape (2, 3) has 6 elements and cannot become {-1, 4}");
  check_error(y, at(-1, 0, {0, 3}), "cannot become {-1, 0}");
  check_error(y, at(-2, 3, {2, 3}), "a size is negative, -2");
  check_error(reshape(x, {n, -1}), at(-1, 0, {2, 3}), "more than one size");
  check(y, at(-1, 3, {0, 3}), Array(float64, {0, 3}));
  // Where only the shape is asked for, the sizes are still held to each other.
  for (const auto& [a, b] : std::vector<std::pair<int, int>>{{-1, -1}, {-1, 4}, {-3, 2}, {-1, 0}})
    error_of<ShapeError>([&] { run({y.shape()}, at(a, b, {2, 3})); });
  check_close(run({y.shape()}, at(-1, 2, {2, 3}))[0], Array::from(std::vector<std::int64_t>{3, 2}),
              0);
}

TEST_CASE("reshape: derivatives go through a size that is -1 when it runs") {
  const Array n = whole(-1);
  CHECK_NOTHROW(verify_grad(
      [&](const Var& v) {
        return sqr(reshape(v, {constant(n) + 0 * v.shape(0), 2}));
      },
      {counting({2, 3}, 0.5)}, {.second_order = true, .forward_mode = true}));
}

TEST_CASE("expand_dims: several axes at once, as NumPy") {
  const Var x = dmatrix("x");
  const auto dims = [](const Var& v) { return dims_to_string(v.type().dims); };
  CHECK(dims(expand_dims(x, {0, 2})) == "(1, ?, 1, ?)");
  CHECK(dims(expand_dims(x, {-1, 0})) == "(1, ?, ?, 1)");
  CHECK(dims(expand_dims(x, {1, 2})) == "(?, 1, 1, ?)");
  CHECK(dims(expand_dims(x, std::vector<int>{})) == "(?, ?)");
  check(expand_dims(x, {0, -1, 2}), {{x, counting({2, 3})}}, counting({1, 2, 1, 3, 1}));
  const std::string text = error_of<ShapeError>([&] { expand_dims(x, {0, -4}); });
  CHECK(contains(text, "expand_dims: axis -4 is named twice, at "));
  CHECK(contains(text, "run_time_sizes_test.cpp:"));
  CHECK(contains(error_of<ShapeError>([&] { expand_dims(x, {0, 4}); }), "no axis 4"));
}

TEST_CASE("concatenate, stack, split: an axis that a run finds does what its number does") {
  std::mt19937 rng(7);
  const Var axis = lscalar("axis");
  for (int trial = 0; trial < 60; ++trial) {
    const std::size_t rank = 1 + rng() % 3;
    const auto along = static_cast<std::int64_t>(rng() % rank);
    const std::int64_t named = rng() % 2 == 0 ? along : along - static_cast<std::int64_t>(rank);
    CAPTURE(rank);
    CAPTURE(named);
    const Vars xs = inputs_of_rank(rank, 3);
    Shape s = random_shape(rank, rng);
    Bindings at{{axis, whole(named)}};
    for (const Var& x : xs) {
      s[static_cast<std::size_t>(along)] = static_cast<std::int64_t>(rng() % 4);
      at.emplace_back(x, counting(s, static_cast<double>(rng() % 100)));
    }
    check(concatenate(xs, axis), at, evaluate(concatenate(xs, static_cast<int>(named)), at));

    const Var lengths = lvector("lengths");
    const std::int64_t first = s[static_cast<std::size_t>(along)] / 2;
    const std::int64_t second = s[static_cast<std::size_t>(along)] - first;
    const Vars pieces = split(xs[2], {int_constant(first), int_constant(second)}, axis);
    const Vars truth = split(xs[2], Shape{first, second}, static_cast<int>(named));
    for (int i = 0; i < 2; ++i) check(pieces[i], at, evaluate(truth[i], at));

    const auto place = static_cast<std::int64_t>(rng() % (rank + 1));
    const Bindings alike{{axis, whole(place)}, {xs[0], counting(s)}, {xs[1], counting(s, 50)}};
    check(stack({xs[0], xs[1]}, axis), alike,
          evaluate(stack({xs[0], xs[1]}, static_cast<int>(place)), alike));
  }
  const Vars numbers = inputs_of_rank(0, 2);
  const Bindings at{
      {axis, whole(-1)}, {numbers[0], test::number(1)}, {numbers[1], test::number(2)}};
  check(stack(numbers, axis), at, test::vector({1, 2}));
  // A constant is a number.
  CHECK(dims_to_string(concatenate({zeros({2, 3}), ones({2, 3})}, int_constant(1)).type().dims) ==
        "(2, 6)");
}

TEST_CASE("concatenate, stack, split: what does not fit along a run-time axis is an error") {
  const Var a = dmatrix("a"), b = dmatrix("b"), axis = lscalar("axis");
  const auto at = [&](std::int64_t k, const Shape& s, const Shape& t) {
    return Bindings{{axis, whole(k)}, {a, counting(s)}, {b, counting(t)}};
  };
  // As many elements, and yet other sizes.
  const Var joined = concatenate({a, b}, axis);
  check_error(joined, at(0, {2, 3}, {3, 2}), "concatenate: sizes differ: 3 and 2");
  check_error(joined, at(1, {2, 3}, {3, 3}), "concatenate: sizes differ: 2 and 3");
  check_error(joined, at(2, {2, 3}, {2, 3}), "concatenate: index 2 is out of bounds for size 2");
  check_error(joined, at(-3, {2, 3}, {2, 3}), "concatenate: index -3 is out of bounds");
  check_error(stack({a, b}, axis), at(0, {2, 3}, {3, 2}), "stack: sizes differ: 2 and 3");
  check_error(stack({a, b}, axis), at(3, {2, 2}, {2, 2}), "stack: index 3 is out of bounds");
  const Vars pieces = split(a, {1, 2}, axis);
  check_error(pieces[0], at(0, {2, 3}, {2, 3}), "3");
  check_error(pieces[0], at(5, {2, 3}, {2, 3}), "split: index 5 is out of bounds for size 2");
  CHECK(contains(error_of<ShapeError>([&] {
                   concatenate({a, dvector()}, axis);
                 }),
                 "differ in rank"));
  CHECK(contains(error_of<TypeError>([&] {
                   concatenate({a, b}, dscalar("k"));
                 }),
                 "an int64 scalar"));
  CHECK(contains(error_of<TypeError>([&] { stack({a, b}, lvector("k")); }), "an int64 scalar"));
  CHECK(contains(error_of<ShapeError>([&] {
                   concatenate({dscalar(), dscalar()}, axis);
                 }),
                 "no axis"));
}

TEST_CASE("concatenate, stack, split: an axis beyond int is as little there as others") {
  const Var a = dmatrix("a");
  const Bindings at{{a, counting({2, 3})}};
  for (const std::int64_t k : {std::int64_t{1} << 32, (std::int64_t{1} << 32) + 1,
                               -(std::int64_t{1} << 40), std::int64_t{1} << 62}) {
    const Var axis = constant(whole(k));
    const std::string words = "index " + std::to_string(k) + " is out of bounds for size ";
    check_error(concatenate({a, a}, axis), at, "concatenate: " + words + "2");
    check_error(stack({a, a}, axis), at, "stack: " + words + "3");
    check_error(split(a, {1, 1}, axis)[0], at, "split: " + words + "2");
  }
}

TEST_CASE("concatenate, stack, split: derivatives go along a run-time axis") {
  const VerifyGradOptions all{.second_order = true, .forward_mode = true};
  for (const int k : {0, 1, -1}) {
    // A constant that is no constant leaf.
    const auto axis = [&](const Var& v) { return int_constant(k) + 0 * v.shape(0); };
    const std::vector<Array> points{counting({2, 2}, 0.5), counting({2, 2}, 3)};
    CHECK_NOTHROW(verify_grad(
        [&](const Var& a, const Var& b) {
          return sqr(concatenate({a, b, a}, axis(a)));
        },
        points, all));
    CHECK_NOTHROW(verify_grad(
        [&](const Var& a, const Var& b) {
          return sqr(stack({a, b}, axis(a)));
        },
        points, all));
    CHECK_NOTHROW(verify_grad(
        [&](const Var& a, const Var& b) {
          const Vars p = split(a * b, {1, 1}, axis(a));
          return sqr(p[0]) * p[1];
        },
        points, all));
  }
}

TEST_CASE("a graph with sizes and axes of a run survives being written and read") {
  const Var a = dmatrix("a"), axis = lscalar("axis"), n = lscalar("n");
  const FunctionGraph graph{{a, axis, n}, {reshape(concatenate({a, a}, axis), {n, 2})}};
  const FunctionGraph back = parse(print(graph));
  const Bindings at{
      {back.inputs[0], counting({2, 2})}, {back.inputs[1], whole(1)}, {back.inputs[2], whole(-1)}};
  check_close(evaluate(back.outputs[0], at), array({4, 2}, {0, 1, 0, 1, 2, 3, 2, 3}), 0);
}

TEST_CASE("alloc_diag and diagonal: of batches, on any two axes") {
  const Var v = dmatrix("v");
  const Bindings at{{v, counting({2, 3}, 1)}};
  const Array last = evaluate(alloc_diag(v, 1), at);
  REQUIRE(last.shape() == Shape{2, 4, 4});
  for (std::int64_t b = 0; b < 2; ++b) {
    for (std::int64_t i = 0; i < 4; ++i) {
      for (std::int64_t j = 0; j < 4; ++j) {
        const double expected = j == i + 1 ? static_cast<double>(1 + b * 3 + i) : 0;
        CHECK(last.data<double>()[(b * 4 + i) * 4 + j] == expected);
      }
    }
  }
  check(transpose(alloc_diag(v, 1, 0, 1), {2, 0, 1}), at, last);
  check(transpose(alloc_diag(v, 1, 2, 0), {1, 2, 0}), at, last);
  check(diagonal(alloc_diag(v, -2, 0, 2), -2, 0, 2), at, counting({2, 3}, 1));
  const std::string text = error_of<ShapeError>([&] { alloc_diag(v, 0, 1, -2); });
  CHECK(contains(text, "named twice"));
  CHECK(
      contains(error_of<ShapeError>([&] { diag(tensor3("x")); }), "hint: of batches, diagonal(x)"));
}
