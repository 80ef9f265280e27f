#include <sstream>
#include <type_traits>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/updates.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include <damo/runtime/function/to_array.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

// What must not compile; the messages are held by tests/compile/compile_test.sh.
template <class T>
concept Chains = requires(T v) {
  0 <= v < 1;
};
template <class T>
concept AssignsToParts = requires(T v) {
  v[0] = v;
};
template <class T>
concept Indexes = requires(T v) {
  v[0];
};

static_assert(!Chains<Var> && !AssignsToParts<Var> && Indexes<Var>);
static_assert(std::is_copy_assignable_v<Var> && std::is_move_assignable_v<Var>);

}  // namespace

TEST_CASE("a Var prints as its expression") {
  const Var x = matrix("x"), y = matrix("y");
  std::ostringstream out;
  out << x + 2.0 * y << ", " << Var{};
  CHECK(out.str() == "x + 2 * y, (no variable)");
}

TEST_CASE("reductions are methods, of all axes or some") {
  const Var x = constant(Array::from<double>({3, 1, 2, 6, 5, 4}, {2, 3}));
  const auto check = [](const Var& method, const Var& function) {
    test::check_same_bits(evaluate(method), evaluate(function));
  };
  check(x.sum(0), sum(x, 0));
  check(x.sum(), sum(x));
  check(x.sum(-1, {.keepdims = true}), sum(x, -1, {.keepdims = true}));
  check(x.prod(1), prod(x, 1));
  check(x.mean({0, 1}), mean(x));
  check(x.max(1), max(x, 1));
  check(x.min(0), min(x, 0));
  check(x.argmax(1), argmax(x, 1));
  check(x.argmin(), argmin(x));
  check((x > 3.0).any(0), any(x > 3.0, 0));
  check((x > 3.0).all(0), all(x > 3.0, 0));
  check(x.var(0), var(x, 0));
  check(x.std(0, {.ddof = 1}), damo::std(x, 0, {.ddof = 1}));
  check(x.norm(), norm(x));
}

TEST_CASE("a reduction along an axis that is not there names operand and line") {
  const Var v = vector("v");
  const auto names_all = [](const std::string& text) {
    CAPTURE(text);
    CHECK(contains(text, "there is no axis 1 in a tensor of 1 dimensions"));
    CHECK(contains(text, "'v' (an input)"));
    CHECK(contains(text, "made at var_test.cpp"));
  };
  names_all(error_of<ShapeError>([&] { sum(v, 1); }));
  names_all(error_of<ShapeError>([&] { v.sum(1); }));
  names_all(error_of<ShapeError>([&] { v.max(1); }));
  names_all(error_of<ShapeError>([&] { softmax(v, 1); }));
  names_all(error_of<ShapeError>([&] { log_softmax(v, 1); }));
  names_all(error_of<ShapeError>([&] { logsumexp(v, 1); }));
  names_all(error_of<ShapeError>([&] { mean(v, 1); }));
  names_all(error_of<ShapeError>([&] { v.std(1); }));
  names_all(error_of<ShapeError>([&] { norm(v, 1); }));
  names_all(error_of<ShapeError>([&] { argmax(v, 1); }));
}

TEST_CASE("a transpose or a new axis that is not there names operand and line") {
  const Var x = matrix("x");
  for (const std::string& text : {error_of<ShapeError>([&] {
                                    transpose(x, {0, 2});
                                  }),
                                  error_of<ShapeError>([&] { expand_dims(x, 4); })}) {
    CAPTURE(text);
    CHECK(contains(text, "there is no axis"));
    CHECK(contains(text, "'x' (an input)"));
    CHECK(contains(text, "at var_test.cpp"));
  }
}

TEST_CASE("an empty Var as an operand names the user's line") {
  CHECK(contains(error_of<GraphError>([] { exp(Var{}); }), "at var_test.cpp"));
}

TEST_CASE("tensordot of sizes that differ names operands and line") {
  const Var a = input({float32, {3, 4}}, "a"), b = input({float32, {5, 3}}, "b");
  const std::string text = error_of<ShapeError>([&] { tensordot(a, b, 1); });
  CAPTURE(text);
  CHECK(contains(text, "4 and 5"));
  CHECK(contains(text, "'a'"));
  CHECK(contains(text, "'b'"));
  CHECK(contains(text, "var_test.cpp"));
}

TEST_CASE("an update is an operand wherever a variable is") {
  SharedVar w = shared(Array::from<float>({1, 2}), "w");
  Updates u;
  u[w] = w + 1.0;
  const Var x = vector("x");
  u[w] = u[w] * 2.0;
  Function f = function({x}, {dot(u[w], x), exp(u[w])[0], u[w].sum()}, {.updates = u});
  const Outputs out = f(Array::from<float>({1, 10}));
  CHECK(out.scalar<float>(0) == 64);
  CHECK(out.scalar<float>(2) == 10);
  test::check_close(w.value(), test::vector({4, 6}), 0);
  SharedVar v = shared(Array::from<float>({1, 2}), "v");
  u[v] = u[w];
  CHECK(same(u.find(v), u.find(w)));
}

TEST_CASE("clone of a list in braces is a list") {
  const Var x = scalar("x"), y = scalar("y");
  const auto copies = clone({x * 2.0}, {{x, y}});
  static_assert(std::is_same_v<decltype(copies), const Vars>);
  REQUIRE(copies.size() == 1);
  CHECK(same(copies[0].inputs()[0], y) != same(copies[0].inputs()[1], y));
}

TEST_CASE("vectors of vectors are tensors, rows of differing length an error") {
  const std::vector<std::vector<float>> rows{{1, 2, 3}, {4, 5, 6}};
  const SharedVar w = shared(rows, "w");
  CHECK(w.value().shape() == Shape{2, 3});
  CHECK(w.value().values<float>()[4] == 5);
  const std::vector<std::vector<std::vector<double>>> deep{{{1}, {2}}, {{3}, {4}}, {{5}, {6}}};
  CHECK(constant(deep).type() == TensorType{float64, {3, 2, 1}});
  const std::vector<std::vector<int>> ragged{{1, 2}, {3}};
  CHECK(contains(error_of<ShapeError>([&] { shared(ragged); }), "row 1 has shape (1,)"));
  CHECK(shared(std::vector<std::vector<float>>{}).value().shape() == Shape{0, 0});
}

TEST_CASE("conditions are bool or int64: a float is a TypeError with the line") {
  const Var x = vector("x"), b = bvector("b"), n = lvector("n");
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { where(x, 1.0, 2.0); }, [&] { and_(x > 0.5, x); }, [&] { and_(x, b); },
           [&] { or_(b, x); }, [&] { xor_(x, x); }, [&] { not_(x); }}) {
    const std::string text = error_of<TypeError>(call);
    CAPTURE(text);
    CHECK(contains(text, "a condition is bool"));
    CHECK(contains(text, "neq(x, 0)"));
    CHECK(contains(text, "var_test.cpp"));
  }
  CHECK_THROWS_AS(where(1.0, x, x), TypeError);
  CHECK_THROWS_AS(and_(b, 0.5), TypeError);
  CHECK_THROWS_AS(scan([&](Var h) { return until(h, h); }, {.outputs_info = {x[0]}, .n_steps = 2}),
                  TypeError);
  CHECK(where(1, x, x).ndim() == 1);
  CHECK(where(n, 1.0, 2.0).ndim() == 1);
  CHECK(and_(n, b).dtype() == boolean);
}

TEST_CASE("a real literal that int64 cannot hold is a TypeError") {
  CHECK_THROWS_AS(Arg(1e300).var(int64), TypeError);
  CHECK_THROWS_AS(Arg(0x1p63).var(int64), TypeError);
  CHECK(constant_value(Arg(-0x1p62).var(int64))->item<std::int64_t>() == -(std::int64_t{1} << 62));
}
