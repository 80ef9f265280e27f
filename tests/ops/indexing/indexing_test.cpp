#include <optional>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/indexing/index_spec.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::contains;
using test::counting;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

Array ints(const std::vector<std::int64_t>& values) { return Array::from(values); }
std::string dims_of(const Var& v) { return dims_to_string(v.type().dims); }

/// Which of 0 .. n-1 the loop `for (i = start; i < stop; i += step)` of Python visits, found by
/// trying: bounds counted from the end and then walked towards from beyond.
std::vector<double> python_range(std::int64_t n, std::optional<std::int64_t> start,
                                 std::optional<std::int64_t> stop, std::int64_t step) {
  const std::int64_t first = start ? (*start < 0 ? *start + n : *start) : (step > 0 ? 0 : n - 1);
  const std::int64_t end = stop ? (*stop < 0 ? *stop + n : *stop) : (step > 0 ? n : -1);
  std::vector<double> visited;
  for (std::int64_t k = 0; k < n; ++k) {
    const std::int64_t i = step > 0 ? k : n - 1 - k;
    // A start outside is moved to the end that the walk meets first.
    const std::int64_t from = step > 0 ? std::max<std::int64_t>(first, 0) : std::min(first, n - 1);
    const bool inside = step > 0 ? i >= from && i < end : i <= from && i > end;
    if (inside && (i - from) % step == 0) visited.push_back(static_cast<double>(i));
  }
  return visited;
}

}  // namespace

TEST_CASE("index: an integer selects and drops an axis") {
  const Var x = matrix("x", float64);
  const Var i = lscalar("i");
  const Bindings at{{x, counting({3, 4})}, {i, Array::scalar(-2)}};
  check_close(evaluate(x[1], at), test::vector({4, 5, 6, 7}), 0);
  check_close(evaluate(x[-1], at), test::vector({8, 9, 10, 11}), 0);
  check_close(evaluate(x[i], at), test::vector({4, 5, 6, 7}), 0);
  check_close(evaluate(x(all(), i), at), test::vector({2, 6, 10}), 0);
  check_close(evaluate(x(0, i), at), test::number(2), 0);
  check_close(evaluate(x[i + 1][0], at), test::number(8), 0);
  CHECK(x[i].op().is_view());
  CHECK(pprint(x(all(), i)) == "x[:, i]");
  CHECK(pprint(x(range(1, i), newaxis, -1)) == "x[1:i, newaxis, -1]");
}

TEST_CASE("index: a position outside is an error with index and size and line") {
  const Var x = matrix("x", float64);
  const Var i = lscalar("i");
  const Bindings at{{x, counting({3, 4})}, {i, Array::scalar(4)}};
  const std::string text = error_of<ShapeError>([&] { evaluate(x(all(), i), at); });
  CHECK(contains(text, "index 4 is out of bounds for axis 1 of size 4"));
  CHECK(contains(text, "'x'"));
  CHECK(contains(text, "indexing_test.cpp:"));
  CHECK(contains(error_of<ShapeError>([] {
                   input({float32, {3}})[-4];
                 }),
                 "index -4 is out of bounds for axis 0 of size 3"));
  CHECK(contains(error_of<ShapeError>([&] { x(0, 0, 0); }), "3 entries for the 2 dimensions"));
  CHECK(contains(error_of<TypeError>([&] { x[0.5]; }), "expected an integer or bool"));
  CHECK_THROWS_AS(x[scalar("f")], TypeError);
}

TEST_CASE("index: every range means what it means in Python") {
  const Var x = vector("x", float64);
  const Var a = lscalar("a");
  const Var b = lscalar("b");
  for (const std::int64_t n : {0, 1, 4}) {
    const Array values = counting({n});
    for (std::int64_t start = -6; start <= 6; ++start) {
      for (std::int64_t stop = -6; stop <= 6; ++stop) {
        for (const std::int64_t step : {1, 2, -1, -2}) {
          CAPTURE(n);
          CAPTURE(start);
          CAPTURE(stop);
          CAPTURE(step);
          const auto expected = python_range(n, start, stop, step);
          const Bindings at{{x, values}, {a, Array::scalar(start)}, {b, Array::scalar(stop)}};
          check_close(evaluate(x[range(a, b, step)], at), Array::from(expected), 0);
          const Var fixed = input({float64, {n}})[range(start, stop, step)];
          CHECK(fixed.type().dims[0] == static_cast<std::int64_t>(expected.size()));
        }
      }
    }
  }
}

TEST_CASE("index: bounds left out are the ends") {
  const Var x = vector("x", float64);
  const Bindings at{{x, counting({4})}};
  check_close(evaluate(x[from(2)], at), test::vector({2, 3}), 0);
  check_close(evaluate(x[range(-3)], at), test::vector({0}), 0);
  check_close(evaluate(x[Range{{}, {}, int_constant(-1)}], at), test::vector({3, 2, 1, 0}), 0);
  check_close(evaluate(x[all()], at), counting({4}), 0);
  check_close(evaluate(x(newaxis, all()), at), counting({1, 4}), 0);
  const Var zero = lscalar("zero");
  const Bindings with_zero{{x, counting({4})}, {zero, Array::scalar(0)}};
  CHECK(contains(error_of<ShapeError>([&] { evaluate(x[range(0, 3, zero)], with_zero); }),
                 "the step"));
}

TEST_CASE("index: static sizes follow from numbers") {
  const Var x = input({float64, {unknown, 10}}, "x");
  CHECK(dims_of(x(all(), range(2, 8, 3))) == "(?, 2)");
  CHECK(dims_of(x(range(0, 5), 3)) == "(?,)");
  CHECK(dims_of(x(newaxis, 0, range(-1, 99))) == "(1, 1)");
  const Var i = lscalar("i");
  CHECK(dims_of(x(all(), range(i, i + 1))) == "(?, ?)");
}

TEST_CASE("index: an int64 tensor gathers") {
  const Var x = matrix("x", float64);
  const Var i = lvector("i");
  const Var j = lmatrix("j");
  const Bindings at{{x, counting({3, 4})},
                    {i, ints({2, 0, -1})},
                    {j, Array::from(std::vector<std::int64_t>{0, 1, 2, 3}, {2, 2})}};
  check_close(evaluate(x[i], at), test::array({3, 4}, {8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11}), 0);
  check_close(evaluate(x(all(), i), at), test::array({3, 3}, {2, 0, 3, 6, 4, 7, 10, 8, 11}), 0);
  check_close(evaluate(x(0, j), at), test::array({2, 2}, {0, 1, 2, 3}), 0);
  check_close(evaluate(x(i, i), at), test::vector({10, 0, 11}), 0);
  check_close(evaluate(take(x, j), at), test::array({2, 2}, {0, 1, 2, 3}), 0);
  check_close(evaluate(take(x, i, -1), at), evaluate(x(all(), i), at), 0);
  CHECK(pprint(x(all(), i)) == "x[:, i]");
}

TEST_CASE("index: gathered axes stay in place or come first as in NumPy") {
  const Var x = input({float64, {2, 3, 4, 5}}, "x");
  const Var i = lvector("i");
  CHECK(dims_of(x(all(), i)) == "(2, ?, 4, 5)");
  CHECK(dims_of(x(all(), i, i)) == "(2, ?, 5)");
  CHECK(dims_of(x(i, all(), i)) == "(?, 3, 5)");
  CHECK(dims_of(x(0, all(), i)) == "(?, 3, 5)");
  CHECK(dims_of(x(all(), 0, i)) == "(2, ?, 5)");
  CHECK(dims_of(x(all(), i, newaxis, 0)) == "(?, 2, 1, 5)");
  CHECK(dims_of(x(all(), expand_dims(i, 1), range(0, 2), i)) == "(?, ?, 2, 2)");
}

TEST_CASE("index: index tensors are stretched together only where known to be 1") {
  const Var x = matrix("x", float64);
  const Var i = lvector("i");
  const Var j = lvector("j");
  const Bindings at{{x, counting({3, 4})}, {i, ints({0, 2})}, {j, ints({1, 2, 3})}};
  check_close(evaluate(x(expand_dims(i, 1), j), at), test::array({2, 3}, {1, 2, 3, 9, 10, 11}), 0);
  CHECK(contains(error_of<ShapeError>([&] { evaluate(x(i, j), at); }),
                 "index tensors of shapes (2,) and (3,) do not go together"));
}

TEST_CASE("index: a gathered position outside is an error") {
  const Var x = matrix("x", float64);
  const Var i = lvector("i");
  const Bindings at{{x, counting({3, 4})}, {i, ints({0, 3})}};
  CHECK(contains(error_of<ShapeError>([&] { evaluate(x[i], at); }),
                 "index 3 is out of bounds for axis 0 of size 3"));
  CHECK_THROWS_AS(evaluate(inc_subtensor(x[i], 1), at), ShapeError);
}

TEST_CASE("index: a bool mask keeps what holds") {
  const Var x = matrix("x", float64);
  const Var m = bvector("m");
  const Bindings at{{x, counting({3, 4})}, {m, Array::from(std::vector<bool>{true, false, true})}};
  check_close(evaluate(x[m], at), test::array({2, 4}, {0, 1, 2, 3, 8, 9, 10, 11}), 0);
  check_close(evaluate(x[x > 8], at), test::vector({9, 10, 11}), 0);
  check_close(evaluate(x(m, -1), at), test::vector({3, 11}), 0);
  check_close(evaluate(x[x > 99], at), Array(float64, {0}), 0);
  check_close(evaluate(set_subtensor(x[x > 1], 7), at),
              test::array({3, 4}, {0, 1, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}), 0);
  CHECK(contains(error_of<ShapeError>([&] { evaluate(x(all(), m), at); }),
                 "axis 0 of the mask has size 3, what it selects from has 4"));
  CHECK_THROWS_AS(x[bscalar("s")], TypeError);
  check_close(evaluate(nonzero(x)[0], at), ints({0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2}), 0);
}

TEST_CASE("set_subtensor: replaces a part and leaves the rest") {
  const Var x = matrix("x", float64);
  const Var i = lscalar("i");
  const Bindings at{{x, counting({2, 3})}, {i, Array::scalar(1)}};
  check_close(evaluate(set_subtensor(x(all(), i), 1 - x(all(), i)), at),
              test::array({2, 3}, {0, 0, 2, 3, -3, 5}), 0);
  check_close(evaluate(set_subtensor(x[i], 9), at), test::array({2, 3}, {0, 1, 2, 9, 9, 9}), 0);
  check_close(evaluate(inc_subtensor(x[all()], x[0]), at), test::array({2, 3}, {0, 2, 4, 3, 5, 7}),
              0);
  check_close(evaluate(x, at), counting({2, 3}), 0);
  CHECK(pprint(set_subtensor(x[i], x[0])) == "set_subtensor(x[i], x[0])");
}

TEST_CASE("set_subtensor: of elements named twice the last stays and inc adds both") {
  const Var x = vector("x", float64);
  const Var i = lvector("i");
  const Var y = vector("y", float64);
  const Bindings at{{x, counting({3})}, {i, ints({1, 1, -1})}, {y, test::vector({10, 20, 30})}};
  check_close(evaluate(set_subtensor(x[i], y), at), test::vector({0, 20, 30}), 0);
  check_close(evaluate(inc_subtensor(x[i], y), at), test::vector({0, 31, 32}), 0);
  const Vars g = grad(sum(sqr(set_subtensor(x[i], y))), {x, y});
  check_close(evaluate(g[0], at), test::vector({0, 0, 0}), 0);
  check_close(evaluate(g[1], at), test::vector({0, 40, 60}), 0);
}

TEST_CASE("set_subtensor: says what does not fit") {
  const Var x = matrix("x", float32);
  const Var i = lvector("i");
  CHECK(contains(error_of<TypeError>([&] { set_subtensor(x, 0); }),
                 "expected part of a tensor, such as x(all(), i)"));
  CHECK(contains(error_of<TypeError>([&] { set_subtensor(x[0], vector("d", float64)); }),
                 "cannot put float64 (?,) 'd'"));
  CHECK_THROWS_AS(set_subtensor(lvector("l")[0], 0.5), TypeError);
  CHECK_THROWS_AS(inc_subtensor(bvector("b")[0], true), TypeError);
  CHECK_THROWS_AS(set_subtensor(x[0], x), ShapeError);
  const Var y = vector("y", float32);
  const Bindings at{{x, counting({2, 3}).cast(float32)}, {y, Array(float32, {2})}};
  CHECK(contains(error_of<ShapeError>([&] { evaluate(set_subtensor(x[0], y), at); }),
                 "the part selected has shape (3,), its new value (2,)"));
}

TEST_CASE("set_subtensor: works on integers and bools") {
  const Var i = lvector("i");
  const Var b = bvector("b");
  const Bindings at{{i, ints({1, 2, 3})}, {b, Array::from(std::vector<bool>{true, true})}};
  check_close(evaluate(inc_subtensor(i[range(0, 2)], 5), at), ints({6, 7, 3}), 0);
  check_close(evaluate(set_subtensor(b[0], false), at), test::vector({0, 1}), 0);
}

TEST_CASE("index: gradients are those of finite differences in every combination") {
  const VerifyGradOptions all_ways{.second_order = true, .forward_mode = true};
  const Array x = counting({2, 3, 2});
  const Array i = ints({1, 0, 1});
  verify_grad([](const Var& v) { return sqr(v(all(), range(2, 0, -1), newaxis, -1)); }, {x},
              all_ways);
  verify_grad([](const Var& v, const Var& k) { return sqr(v(k, range(1, 9), k)); }, {x, i},
              all_ways);
  verify_grad([](const Var& v) { return sqr(v[v > 4.5]); }, {counting({7})}, all_ways);
  verify_grad([](const Var& v, const Var& y) { return sqr(set_subtensor(v(0, all(), -1), y)); },
              {x, counting({3})}, all_ways);
  verify_grad([](const Var& v, const Var& y,
                 const Var& k) { return sqr(inc_subtensor(v(all(), k, 0), y)); },
              {x, counting({3}), i}, all_ways);
  verify_grad([](const Var& v, const Var& y, const Var& k) { return sqr(set_subtensor(v[k], y)); },
              {x, counting({3, 1, 1}), i}, all_ways);
}

TEST_CASE("index: part of an integer tensor is a float gradient's dead end") {
  const Var k = lvector("k");
  const Var w = scalar("w", float64);
  const Bindings at{{k, ints({1, 2, 3})}, {w, test::number(2)}};
  const Vars g = grad(sum(cast(k[range(1, 3)], float64) * w), {w, k});
  check_close(evaluate(g[0], at), test::number(5), 0);
  check_close(evaluate(g[1], at), test::vector({0, 2, 2}), 1e-6);
}
