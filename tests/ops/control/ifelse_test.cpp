#include <doctest/doctest.h>

#include <algorithm>
#include <tests/support/allocations.hpp>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include "tests/support/counted.hpp"
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::counted;
using test::error_of;
using test::modes;

TEST_CASE("ifelse: only the branch that is taken is computed in every mode") {
  for (const Mode& mode : modes()) {
    int yes = 0;
    int no = 0;
    const Var c = bscalar("c");
    const Var x = dvector("x");
    const Var y = ifelse(c, counted(x * 2.0, yes) + 1.0, exp(counted(x, no)) - 1.0);
    Function f = function({c, x}, {y, sum(y)}, {.mode = mode});
    CHECK(f(true, std::vector<double>{1, 2}).array<double>(0) == xt::xarray<double>{3, 5});
    CHECK(yes == 1);
    CHECK(no == 0);
    CHECK(f(false, std::vector<double>{0, 0, 0}).scalar<double>(1) == 0);
    CHECK(yes == 1);
    CHECK(no == 1);
    CHECK(f(true, std::vector<double>{5}).array<double>(0) == xt::xarray<double>{11});
    CHECK(yes == 2);
    CHECK(no == 1);
  }
}

TEST_CASE("ifelse: what both branches or the outside need is computed once whatever is taken") {
  for (const Mode& mode : modes()) {
    int shared_part = 0;
    int outside = 0;
    const Var c = bscalar("c");
    const Var x = dscalar("x");
    const Var both = counted(x, shared_part);
    const Var out = counted(x + 1.0, outside);
    const Var y = ifelse(c, both * 2.0, both * out);
    Function f = function({c, x}, {y, out * 3.0}, {.mode = mode});
    CHECK(f(true, 4.0).scalar<double>(0) == 8);
    CHECK(f(true, 4.0).scalar<double>(1) == 15);
    CHECK(f(false, 4.0).scalar<double>(0) == 20);
    CHECK(shared_part == 3);
    CHECK(outside == 3);
  }
}

TEST_CASE("ifelse: the reference evaluator is lazy too") {
  int yes = 0;
  int no = 0;
  const Var c = bscalar("c");
  const Var x = dscalar("x");
  const Var y = ifelse(c, counted(x, yes), counted(-x, no));
  const std::vector<std::pair<Var, Array>> at{{c, Array::scalar(false)}, {x, Array::scalar(2.0)}};
  CHECK(evaluate(y, at).item<double>() == -2);
  CHECK(yes == 0);
  CHECK(no == 1);
}

TEST_CASE("ifelse: nested choices compute only what all conditions ask for") {
  for (const Mode& mode : modes()) {
    int count[4] = {};
    int inner_condition = 0;
    const Var x = dscalar("x");
    const Var d = counted(x, inner_condition) > 10.0;
    const Var inner = ifelse(d, counted(x, count[0]), counted(x + 1.0, count[1]));
    const Var other = ifelse(x < -10.0, counted(x + 2.0, count[2]), counted(x + 3.0, count[3]));
    Function f = function({x}, {ifelse(x > 0.0, inner, other)}, {.mode = mode});
    CHECK(f(20.0).scalar<double>(0) == 20);
    CHECK(f(5.0).scalar<double>(0) == 6);
    CHECK(f(-20.0).scalar<double>(0) == -18);
    CHECK(f(-5.0).scalar<double>(0) == -2);
    for (const int n : count) CHECK(n == 1);
    CHECK(inner_condition == 2);
  }
}

TEST_CASE("ifelse: inside a loop each step computes its own branch") {
  for (const Mode& mode : modes()) {
    int yes = 0;
    int no = 0;
    int invariant = 0;
    const Var xs = dvector("xs");
    const Var w = dscalar("w");
    const Var ys =
        map(
            [&](const Var& x) {
              return ifelse(x > 0.0, counted(x, yes) * counted(w, invariant), counted(x, no) - 1.0);
            },
            {xs})
            .outputs[0];
    Function f = function({xs, w}, {ys}, {.mode = mode});
    const Outputs out = f(std::vector<double>{1, -1, 2, 3, -4}, 10.0);
    CHECK(out.array<double>(0) == xt::xarray<double>{10, -2, 20, 30, -5});
    CHECK(yes == 3);
    CHECK(no == 2);
    CHECK(invariant == 3);
    f(std::vector<double>{-1, -1}, 10.0);
    CHECK(yes == 3);
    CHECK(no == 4);
    CHECK(invariant == 3);
  }
}

TEST_CASE("ifelse: a pure invariant branch of a loop does not leave it") {
  // The product would fail outside: its sizes only match in calls in which no step takes it.
  const Var xs = dvector("xs");
  const Var a = dmatrix("a");
  const Var b = dmatrix("b");
  const auto step = [&](const Var& x) { return ifelse(x > 0.0, sum(dot(a, b)), x); };
  const Var ys = map(step, {xs}).outputs[0];
  Function f = function({xs, a, b}, {ys});
  const xt::xarray<double> two = xt::ones<double>({2, 2});
  const xt::xarray<double> three = xt::ones<double>({3, 3});
  CHECK(f(std::vector<double>{-1, -2}, two, three).array<double>(0) == xt::xarray<double>{-1, -2});
  CHECK(f(std::vector<double>{-1, 2}, two, two).array<double>(0) == xt::xarray<double>{-1, 8});
  CHECK_THROWS_AS(f(std::vector<double>{-1, 2}, two, three), ShapeError);
}

TEST_CASE("ifelse: sizes may differ between branches and from call to call") {
  for (const Mode& mode : modes()) {
    const Var c = bscalar("c");
    const Var x = dvector("x");
    const Var y = dvector("y");
    const Var z = ifelse(c, x * 2.0, y);
    Function f = function({c, x, y}, {z, z.shape(0), z + 1.0}, {.mode = mode});
    const std::vector<double> one{1};
    const std::vector<double> three{1, 2, 3};
    for (int i = 0; i < 2; ++i) {
      CHECK(f(true, one, three).array<double>(2) == xt::xarray<double>{3});
      const Outputs out = f(false, one, three);
      CHECK(out.array<double>(0) == xt::xarray<double>{1, 2, 3});
      CHECK(out.scalar<std::int64_t>(1) == 3);
      CHECK(f(true, three, one).array<double>(0) == xt::xarray<double>{2, 4, 6});
      CHECK(f(false, three, one).scalar<std::int64_t>(1) == 1);
    }
  }
}

TEST_CASE("ifelse: known sizes join") {
  const Var c = bscalar("c");
  const Var a = input({float64, {1, 4}});
  const Var b = input({float64, {3, 4}});
  CHECK(ifelse(c, a, b).type() == TensorType{float64, {unknown, 4}});
  CHECK(ifelse(c, b, b + 1.0).type() == b.type());
}

TEST_CASE("ifelse: branches and conditions that do not match are errors") {
  const Var c = bscalar("c");
  const Var x = dvector("x");
  CHECK(contains(error_of<TypeError>([&] { ifelse(c, x, fvector("y")); }), "'y'"));
  CHECK(contains(error_of<ShapeError>([&] { ifelse(c, x, dmatrix("m")); }), "dimensions"));
  CHECK(contains(error_of<TypeError>([&] { ifelse(x > 0.0, x, x); }), "bool scalar"));
  CHECK(contains(error_of<GraphError>([&] { ifelse(c, Vars{x, x}, Vars{x}); }), "ifelse_test.cpp"));
}

TEST_CASE("ifelse: several values are chosen together and numbers are weak") {
  const Var n = lscalar("n");
  const Var x = fscalar("x");
  const Vars z = ifelse(n, Vars{x, x + 1.0}, Vars{x * 3.0, x * x});
  Function f = function({n, x}, {z[0], z[1], ifelse(x > 0.0, 1.0, x)});
  CHECK(f(2, 3.0F).scalar<float>(1) == 4);
  CHECK(f(0, 3.0F).scalar<float>(0) == 9);
  CHECK(f(0, 3.0F)[2].dtype() == float32);
}

TEST_CASE("ifelse: a constant condition and equal branches leave no choice") {
  const Var c = bscalar("c");
  const Var x = dvector("x");
  const Var a = x * 2.0;
  const Var b = x - 1.0;
  test::check_rewrite(ifelse(true, a, b), a);
  test::check_rewrite(ifelse(0, a, b), b);
  test::check_rewrite(ifelse(c, a, x * 2.0), a);
  test::check_rewrite(ifelse(not_(c), a, b), ifelse(c, b, a));
  test::check_rewrite(ifelse(c, exp(ifelse(c, a, b)), x), ifelse(c, exp(a), x));
  test::check_lacks(ifelse(c, a, x * 2.0), "ifelse");
}

TEST_CASE("ifelse: a stream that a branch draws from moves on when the branch is taken") {
  for (const Mode& mode : modes()) {
    RandomStream rng(7);
    const Var c = bscalar("c");
    const Var u = rng.uniform({3});
    const Var w = rng.uniform({3});
    Function f = function({c}, {ifelse(c, u, w * 0.0)}, {.mode = mode});
    Function every = function({}, {RandomStream(7).uniform({3})}, {.mode = mode});
    for (const bool taken : {true, false, false, true, true}) {
      const Outputs out = f(taken);
      const xt::xarray<float> expected = taken ? every().array<float>(0) : xt::zeros<float>({3});
      CHECK(out.array<float>(0) == expected);
    }
    CHECK(rng.state().values<std::int64_t>()[2] == 3);
    CHECK(rng.state().values<std::int64_t>()[5] == 2);
  }
}

TEST_CASE(
    "ifelse: draws in the branches of a loop's step never repeat and are not run for nothing") {
  for (const Mode& mode : modes()) {
    RandomStream rng(3);
    int chains = 0;
    const Var flags = bvector("flags");
    const auto chain = [&](const Var& h) {
      return h + counted(rng.uniform({}, 0.0, 1.0, float64), chains);
    };
    const auto step = [&](const Var& flag) {
      const Var last = scan(chain, {.outputs_info = {constant(Array::scalar(0.0))}, .n_steps = 2})
                           .outputs[0][-1];
      return ifelse(flag, last, constant(Array::scalar(-1.0)));
    };
    Function f = function({flags}, {map(step, {flags}).outputs[0]}, {.mode = mode});
    const xt::xarray<bool> some{true, false, true, true, false};
    std::vector<double> seen;
    for (int call = 0; call < 2; ++call) {
      const Outputs out = f(some);
      for (std::size_t i = 0; i < some.size(); ++i) {
        const double value = out[0].values<double>()[i];
        CHECK((value == -1) == !some(i));
        if (some(i)) seen.push_back(value);
      }
    }
    CHECK(chains == 12);
    std::sort(seen.begin(), seen.end());
    CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
    CHECK(rng.state().values<std::int64_t>()[2] == 12);
  }
}

TEST_CASE("ifelse: the classic streams move on when the branch is taken too") {
  const Var c = bscalar("c");
  auto rng = RandomStream::numpy_compatible(5);
  auto same_rng = RandomStream::numpy_compatible(5);
  const Var u = rng.normal({3}, 0.0, 1.0, float64);
  Function f = function({c}, {ifelse(c, u, zeros_like(u))});
  Function every = function({}, {same_rng.normal({3}, 0.0, 1.0, float64)});
  for (const bool taken : {false, true, false, true, true}) {
    const Array out = f(taken)[0];
    test::check_same_bits(out, taken ? every()[0] : Array(float64, {3}));
  }
}

TEST_CASE("ifelse: a warmed-up call allocates nothing whatever it takes") {
  const Var c = bscalar("c");
  const Var x = matrix("x");
  const SharedVar w = shared(xt::xarray<float>(xt::ones<float>({4, 4})), "w");
  const Var y = ifelse(c, dot(x, w), sum(x, 0, {.keepdims = true}) + tanh(x));
  const Var z = ifelse(c, x, x[range(1, 3)]);
  Function f = function({c, x}, {y, z * 2.0}, {.updates = {{w, ifelse(c, w + 1.0, w)}}});
  const xt::xarray<float> rows = xt::ones<float>({5, 4});
  for (int i = 0; i < 4; ++i) {
    f(true, rows);
    f(false, rows);
    f(false, rows);
  }
  const std::uint64_t before = test::allocations();
  for (int i = 0; i < 3; ++i) {
    f(true, rows);
    f(false, rows);
    f(false, rows);
  }
  CHECK(test::allocations() == before);
}

TEST_CASE("ifelse: an update may keep its variable as it is") {
  const SharedVar best = shared(1e9, "best");
  const Var loss = scalar("loss");
  Function f =
      function({loss}, {best * 1.0}, {.updates = {{best, ifelse(loss < best, loss, best)}}});
  for (const double l : {5.0, 7.0, 3.0, 4.0}) f(l);
  CHECK(best.get_value<float>()() == 3);
}

TEST_CASE("ifelse: prints as it is called") {
  const Var c = bscalar("c");
  const Var x = dvector("x");
  CHECK(pprint(ifelse(c, x, x + 1.0)) == "ifelse(c, x, x + 1)");
}
