#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/cumprod.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::contains;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

void check(const Var& v, const Bindings& at, const Array& expected, double tolerance = 0) {
  check_close(evaluate(v, at), expected, tolerance);
  check_close(evaluate(test::rewritten(v), at), expected, tolerance);
}

}  // namespace

TEST_CASE("filter: keeps the items for which the step holds, of every sequence") {
  const Var x = dvector("x");
  const Var m = dmatrix("m");
  const auto positive = [](const Var& item) { return item > 0.0; };
  const Bindings at{{x, test::vector({3, -1, 0, 5})}, {m, test::counting({3, 2})}};
  check(damo::filter(positive, x).outputs[0], at, test::vector({3, 5}));
  check(damo::filter(positive, x, {.go_backwards = true}).outputs[0], at, test::vector({5, 3}));
  const auto both = [](const Var& a, const Var& row) { return and_(a >= 0.0, sum(row) < 8.0); };
  const Vars kept = damo::filter(both, {x, m}).outputs;
  check(kept[0], at, test::vector({3}));
  check(kept[1], at, test::array({1, 2}, {0, 1}));
  const Bindings none{{x, Array(float64, {0})}};
  CHECK(evaluate(damo::filter(positive, x).outputs[0], none).shape() == Shape{0});
  check(grad(sum(sqr(damo::filter(positive, x).outputs[0])), x), at, test::vector({6, 0, 0, 10}));
}

TEST_CASE("filter: a step that returns no truth value is an error with the line") {
  const std::string text = error_of<TypeError>(
      [] { damo::filter([](const Var& item) { return item * 2.0; }, dvector("x")); });
  CHECK(contains(text, "filter: the step returns one bool scalar"));
  CHECK(contains(text, "scan_functions_test.cpp:"));
}

TEST_CASE("reduce: over no items is the initial value, and its gradient goes there") {
  const Var x = dvector("x");
  const Var start = dscalar("start");
  const auto step = [](const Var& item, const Var& total) { return total * item; };
  const Var product = damo::reduce(step, x, start).outputs[0];
  const Bindings none{{x, Array(float64, {0})}, {start, test::number(7)}};
  const Bindings some{{x, test::vector({2, 5})}, {start, test::number(7)}};
  check(product, none, test::number(7));
  check(product, some, test::number(70));
  check(grad(product, start), none, test::number(1));
  check(grad(product, start), some, test::number(10));
  CHECK(evaluate(grad(product, x), none).shape() == Shape{0});
  check(grad(product, x), some, test::vector({35, 14}));
  const Var h = dvector("h");
  const Var m = dmatrix("m");
  const Var again =
      damo::foldr([](const Var& row, const Var& sum) { return sum + row; }, m, h).outputs[0];
  check(again, {{m, Array(float64, {0, 2})}, {h, test::vector({1, 2})}}, test::vector({1, 2}));
  check(again, {{m, test::counting({2, 2})}, {h, test::vector({1, 2})}}, test::vector({3, 6}));
  const Var number = damo::reduce(step, x, 1.0).outputs[0];
  check(number, none, test::number(1));
}

TEST_CASE("until: ends a loop after at most max_steps") {
  const Var limit = dscalar("limit");
  const auto doubled = [&](const Var& p) { return until(p * 2.0, p * 2.0 > limit); };
  const Var outs =
      scan(doubled, {.outputs_info = init(constant(test::number(1))), .max_steps = 5}).outputs[0];
  check(outs, {{limit, test::number(7)}}, test::vector({2, 4, 8}));
  check(outs, {{limit, test::number(1e9)}}, test::vector({2, 4, 8, 16, 32}));
  const Var k = lscalar("k");
  const Var some =
      scan(doubled, {.outputs_info = init(constant(test::number(1))), .max_steps = k}).outputs[0];
  const Bindings two{{limit, test::number(1e9)}, {k, Array::scalar<std::int64_t>(2)}};
  check(some, two, test::vector({2, 4}));
  CHECK(contains(
      error_of<GraphError>([&] {
        scan(doubled,
             {.outputs_info = init(constant(test::number(1))), .n_steps = 2, .max_steps = 3});
      }),
      "both n_steps and max_steps"));
}

TEST_CASE("associative_scan: of sums and products is cumsum and cumprod, for any length") {
  const Var x = dmatrix("x");
  const Var sums = associative_scan([](const Var& a, const Var& b) { return a + b; }, x);
  const Var products = associative_scan([](const Var& a, const Var& b) { return a * b; }, x);
  for (const std::int64_t n : {0, 1, 2, 3, 4, 7, 8, 9, 33}) {
    CAPTURE(n);
    Array values = test::counting({n, 2}, -3);
    for (std::int64_t i = 0; i < values.elements(); ++i) values.data<double>()[i] *= 0.1;
    const Bindings at{{x, values}};
    check(sums, at, evaluate(cumsum(x), at), 1e-13);
    check(products, at, evaluate(cumprod(x), at), 1e-13);
  }
  CHECK_NOTHROW(verify_grad(
      [](const Var& v) {
        return associative_scan([](const Var& a, const Var& b) { return a * b; }, v);
      },
      {test::array({5, 2}, {1, 2, -1, 0.5, 2, 3, 1.5, 0.2, 1, -2})}));
}

TEST_CASE("associative_scan: of pairs solves a linear recurrence") {
  const Var a = dvector("a");
  const Var b = dvector("b");
  const auto combine = [](const Vars& first, const Vars& second) {
    return Vars{second[0] * first[0], second[0] * first[1] + second[1]};
  };
  const Vars made = associative_scan(combine, Vars{a, b});
  const Bindings at{{a, test::vector({9, 2, 3, -1, 0.5})}, {b, test::vector({1, 1, 0, 2, 4})}};
  check(made[1], at, test::vector({1, 3, 9, -7, 0.5}), 1e-15);
}

TEST_CASE("jacobian: of a matrix has the axes of both") {
  const Var x = dmatrix("x");
  const Var w = constant(test::array({3, 2}, {1, 2, 3, 4, 5, 6}));
  const Var j = jacobian(dot(x, w), x);
  const Bindings at{{x, test::counting({2, 3})}};
  const Array value = evaluate(j, at);
  REQUIRE(value.shape() == Shape{2, 2, 2, 3});
  for (std::int64_t i = 0; i < 24; ++i) {
    const std::int64_t row = i / 12, column = i / 6 % 2, r = i / 3 % 2, c = i % 3;
    CHECK(value.data<double>()[i] == (row == r ? static_cast<double>(1 + 2 * c + column) : 0));
  }
  check(j, at, value);
}

TEST_CASE("vectorize: a graph for each item of some of its variables") {
  const Var x = dvector("x");
  const Var w = dmatrix("w");
  const Var cost = sum(sqr(dot(w, x)));
  const Var xs = dmatrix("xs");
  const Bindings at{{xs, test::array({3, 2}, {1, 0, 0, 1, 1, 2})},
                    {w, test::array({2, 2}, {1, 2, 3, 4})}};
  check(vectorize(cost, {{x, xs}}), at, test::vector({10, 20, 146}));
  const Vars both = vectorize(Vars{cost, x + 1.0}, {{x, xs}});
  check(both[1], at, test::array({3, 2}, {2, 1, 1, 2, 2, 3}));
  // Gradients for each item by itself.
  check(vectorize(grad(cost, x), {{x, xs}}), at, test::array({3, 2}, {20, 28, 28, 40, 76, 108}));
  const std::string text = error_of<ShapeError>([&] { vectorize(cost, {{x, dvector("flat")}}); });
  CHECK(contains(text, "'flat'"));
  CHECK(contains(text, "scan_functions_test.cpp:"));
}

TEST_CASE(
    "associative_scan: what has no items, or is combined to fewer, is an error with the line") {
  const auto refused = [](auto&& combine, const Vars& items, auto error) {
    const std::string text = error_of<decltype(error)>([&] { associative_scan(combine, items); });
    CHECK(contains(text, "scan_functions_test.cpp:"));
  };
  const auto first = [](const Vars& a, const Vars&) { return Vars{a[0]}; };
  const auto three = [](const Vars& a, const Vars& b) { return Vars{a[0], b[0], b[0]}; };
  const Vars two{dvector("a"), dvector("b")};
  refused(first, {dscalar("a")}, ShapeError(""));
  refused(first, two, GraphError(""));
  refused(three, two, GraphError(""));
}
