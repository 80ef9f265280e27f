#include <doctest/doctest.h>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

std::string here(int line) { return "made at guard_test.cpp:" + std::to_string(line); }
using Doubles = std::vector<double>;

}  // namespace

TEST_CASE("guard: names node and line and element and operands of the first bad number") {
  const Var x = matrix("x", float64), w = vector("w", float64);
  const int line = __LINE__ + 1;
  const Var bad = sqrt(x - w);
  Function f = function({x, w}, {sum(bad * 2 + 1, 0)}, {.name = "f", .mode = Mode::guard()});
  const xt::xarray<double> v{{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}};
  CHECK_NOTHROW(f(v, Doubles{1, 1, 1}));
  const std::string text = error_of<NumericError>([&] { f(v, Doubles{0, 2.5, 0}); });
  CAPTURE(text);
  CHECK(contains(text, "guard: sqrt gives nan at (0, 1) of (2, 3)"));
  CHECK(contains(text, "node   float64 sqrt("));
  CHECK(contains(text, here(line)));
  CHECK(contains(text, "input  float64 (2, 3)"));
  CHECK(contains(text, "; -0.5 at (0, 1); min -0.5, max 6"));
  CHECK(contains(text, "in     function 'f', instruction"));
}

TEST_CASE("guard: each mode of rewriting finds the same node") {
  for (const Mode& mode : {Mode::fast(), Mode::fast_compile(), Mode::none()}) {
    const Var x = vector("x", float64), y = vector("y", float64);
    const int line = __LINE__ + 1;
    const Var bad = exp(x) * y;
    Function f = function({x, y}, {tanh(bad) + 1}, {.mode = mode.guarded()});
    const std::string text = error_of<NumericError>([&] { f(Doubles{1, 800}, Doubles{1, 0}); });
    CAPTURE(text);
    CHECK(contains(text, "exp gives inf at (1,)"));
    CHECK(contains(text, here(line)));
    CHECK(contains(text, "800 at (1,)"));
    CHECK(contains(text, "'x' (an input)"));
    CHECK(f(Doubles{1}, Doubles{0})[0].data<double>()[0] == 1);
  }
}

TEST_CASE("guard: in nested loops names every scan and step") {
  for (const Mode& mode : {Mode::guard(), Mode::none().guarded()}) {
    const SharedVar w = shared(Array::scalar(1.0), "w");
    const Var x = scalar("x", float64);
    const auto [outer, u] = scan(
        [&](const Var& a) {
          const auto [inner, v] = scan([&](const Var& b) { return sqrt(b) - 0.5; },
                                       {.outputs_info = {a}, .n_steps = 3, .name = "inner"});
          return inner[0][-1];
        },
        {.outputs_info = {x}, .n_steps = 2, .name = "outer"});
    Updates updates;
    updates[w] = w + outer[0][-1];
    Function f = function({x}, {}, {.updates = updates, .name = "train", .mode = mode});
    const std::string text =
        error_of<NumericError>([&] { f(9.0); });  // 2.5, 1.08, 0.54, 0.23, -0.02
    CAPTURE(text);
    CHECK(contains(text, "guard: sqrt gives nan"));
    CHECK(contains(text, "; -0.015"));
    CHECK(contains(text, "in     scan 'inner', step 2, instruction"));
    CHECK(contains(text, "in     scan 'outer', step 1, instruction"));
    CHECK(contains(text, "in     function 'train', instruction"));
    CHECK(w.get_value<double>()() == 1);
    double v = 100;
    for (int i = 0; i < 6; ++i) v = std::sqrt(v) - 0.5;
    f(100.0);
    CHECK(w.get_value<double>()() == 1 + v);
  }
}

TEST_CASE("guard: arguments and shared variables are named as such") {
  const SharedVar w = shared(xt::xarray<double>{1.0, 2.0}, "w");
  const Var x = vector("x", float64);
  Function f = function({x}, {sum(x * w)}, {.name = "f", .mode = Mode::guard()});
  const std::string given = error_of<NumericError>([&] { f(Doubles{1, INFINITY}); });
  CHECK(contains(given, "guard: the call is given inf at (1,) of (2,)"));
  CHECK(contains(given, "'x' (an input)"));
  w.set_value(xt::xarray<double>{NAN, 2.0});
  const std::string stored = error_of<NumericError>([&] { f(Doubles{1, 2}); });
  CHECK(contains(stored, "nan at (0,)"));
  CHECK(contains(stored, "'w' (a shared variable)"));
}

TEST_CASE("guard: an infinity of a constant may be handed on but not become NaN") {
  const Var x = vector("x", float64);
  const auto [most, u] = scan([](const Var& v, const Var& m) { return maximum(m, v); },
                              {.sequences = {x},
                               .outputs_info = {constant(Array::scalar(double(-INFINITY)))},
                               .name = "max"});
  const Var masked = softmax(where(x > 0, x, -INFINITY));
  Function f = function({x}, {most[0][-1], masked, most[0]}, {.mode = Mode::guard()});
  const Outputs out = f(Doubles{1, 3, -2});
  CHECK(out.scalar<double>(0) == 3);
  CHECK(out[1].data<double>()[2] == 0);
  for (const Mode& mode : {Mode::guard(), Mode::none().guarded()}) {
    const Var shifted = where(x > 0, x, -INFINITY);
    Function g = function({x}, {shifted - max(shifted)}, {.mode = mode});
    CHECK_NOTHROW(g(Doubles{1, -1}));
    const std::string text = error_of<NumericError>([&] { g(Doubles{-1, -1}); });
    CHECK(contains(text, "sub gives"));
  }
}

TEST_CASE("guard: what a choice does not take does not count") {
  const Var x = vector("x", float64);
  Function f = function({x}, {where(x > 0, log(x), 0.0)}, {.mode = Mode::guard()});
  CHECK(f(Doubles{1, 0, -1})[0].data<double>()[2] == 0);
  const std::string text = error_of<NumericError>([&] {
    f(Doubles{1, std::numeric_limits<double>::infinity()});
  });
  CHECK(contains(text, "'x' (an input)"));
}

TEST_CASE("guard: stops at NaN only or infinity only or at large numbers") {
  const Var x = vector("x", float64);
  const auto run = [&](const Var& y, GuardOptions what, double at) {
    Function f = function({x}, {y}, {.mode = Mode::guard(what)});
    f(Doubles{at});
  };
  CHECK_NOTHROW(run(exp(x), {.inf = false}, 1000));
  CHECK_NOTHROW(run(sqrt(x), {.nan = false}, -1));
  CHECK_THROWS_AS(run(exp(x), {.nan = false}, 1000), NumericError);
  CHECK_THROWS_AS(run(sqrt(x), {.inf = false}, -1), NumericError);
  CHECK_NOTHROW(run(exp(x), {.big = 1e4}, 9));
  const std::string text = error_of<NumericError>([&] { run(exp(x) + 1, {.big = 1e4}, 10); });
  CHECK(contains(text, "exp gives 22026."));
}

TEST_CASE("guard: random streams and integers do not trip and draws are the same") {
  const auto draws = [](const Mode& mode) {
    RandomStream rng(7);
    const Var n = lscalar("n");
    const auto [s, u] = scan([&](const Var& p) { return rng.bernoulli(sigmoid(p * 2.0F - 1)); },
                             {.outputs_info = {zeros({100})}, .n_steps = n});
    Function f = function({n}, {s[0]}, {.updates = u, .mode = mode});
    f(5);
    return Array(f(5)[0]);
  };
  test::check_same_bits(draws(Mode::guard()), draws(Mode::fast()));
}

TEST_CASE("guard: reductions and products name the range of their operands") {
  const Var x = matrix("x", float32), y = matrix("y", float32);
  Function f = function({x, y}, {dot(x, y)}, {.mode = Mode::guard()});
  const xt::xarray<float> big = xt::ones<float>({2, 2}) * 3e38F;
  const std::string text = error_of<NumericError>([&] { f(big, big); });
  CAPTURE(text);
  CHECK(contains(text, "dot gives inf at (0, 0) of (2, 2)"));
  CHECK(contains(text, "input 0  float32 (2, 2)  'x' (an input)"));
  CHECK(contains(text, "min 3e+38, max 3e+38"));
}

TEST_CASE("guard: gradients are guarded and name the expression's line") {
  const Var x = vector("x", float64);
  const int line = __LINE__ + 1;
  const Var cost = sum(sqrt(x));
  Function f = function({x}, {grad(cost, x)}, {.mode = Mode::guard()});
  const std::string text = error_of<NumericError>([&] { f(Doubles{1, 0}); });
  CAPTURE(text);
  CHECK(contains(text, "gives inf at (1,)"));
  CHECK(contains(text, here(line)));
}
