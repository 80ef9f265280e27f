#include <doctest/doctest.h>

#include <sstream>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::contains;
using test::error_of;

namespace {

using Lines = std::vector<std::string>;

/// A Print that adds to `lines` what it prints.
Print print_to(Lines& lines, const std::string& message) {
  return Print(message, {.callback = [&lines](const std::string& line) { lines.push_back(line); }});
}

const std::vector<Mode> modes{Mode::fast(), Mode::fast_compile(), Mode::none()};

}  // namespace

TEST_CASE("Print: shows dtype and shape and elements on one line") {
  std::ostringstream out;
  const Var x = matrix("x");
  Function g = function({x}, {Print("hidden", {.stream = &out})(x) * 2});
  const xt::xarray<float> v{{1.0F, 2.0F, 3.0F}, {4.0F, 5.0F, 6.5F}};
  check_close(g(v)[0], test::array({2, 3}, {2, 4, 6, 8, 10, 13}).cast(float32), 0);
  CHECK(out.str() == "hidden: float32 (2, 3) [[1, 2, 3], [4, 5, 6.5]]\n");
}

TEST_CASE("Print: shortens long axes and knows further attributes") {
  Lines lines;
  const Var x = vector("x");
  PrintSettings options{.callback = [&](const std::string& line) { lines.push_back(line); },
                        .attributes = {"value", "min", "max", "mean", "norm"},
                        .edge = 2};
  Function f = function({x}, {Print("x", options)(x)});
  f(std::vector<float>{0, 3, 4, 0, 0, 0, 0, 1});
  CHECK(lines.at(0) == "x: [0, 3, ..., 0, 1] min=0 max=4 mean=1 norm=5.0990195135927845");
  CHECK_THROWS_AS(Print("x", {.attributes = {"colour"}}), GraphError);
}

TEST_CASE("Print: in a loop says scan and step and once for each in every mode") {
  for (const Mode& mode : modes) {
    CAPTURE(mode.text());
    Lines lines;
    const Var x = vector("x"), n = lscalar("n");
    const Print print = print_to(lines, "h");
    const auto [h, updates] = scan([&](const Var& h) { return print(h * 2.0); },
                                   {.outputs_info = {x}, .n_steps = n, .name = "double"});
    Function f = function({x, n}, {h[0][-1]}, {.mode = mode});
    f(std::vector<float>{1, 2}, 3);
    CHECK(lines == Lines{"h (scan 'double', step 0): float32 (2,) [2, 4]",
                         "h (scan 'double', step 1): float32 (2,) [4, 8]",
                         "h (scan 'double', step 2): float32 (2,) [8, 16]"});
  }
}

TEST_CASE("Print: in nested loops names both steps") {
  for (const Mode& mode : modes) {
    CAPTURE(mode.text());
    Lines lines;
    const Var x = scalar("x");
    const Print print = print_to(lines, "y");
    const auto [outer, u] = scan(
        [&](const Var& a) {
          const auto [inner, v] = scan([&](const Var& b) { return print(b + 1.0); },
                                       {.outputs_info = {a}, .n_steps = 2, .name = "inner"});
          return inner[0][-1];
        },
        {.outputs_info = {x}, .n_steps = 2, .name = "outer"});
    Function f = function({x}, {outer[0][-1]}, {.mode = mode});
    CHECK(f(0).scalar<float>(0) == 4);
    CHECK(lines == Lines{"y (scan 'outer', step 0, scan 'inner', step 0): float32 () 1",
                         "y (scan 'outer', step 0, scan 'inner', step 1): float32 () 2",
                         "y (scan 'outer', step 1, scan 'inner', step 0): float32 () 3",
                         "y (scan 'outer', step 1, scan 'inner', step 1): float32 () 4"});
  }
}

TEST_CASE("Print: happens once though value and gradient and tangent read it") {
  for (const Mode& mode : modes) {
    CAPTURE(mode.text());
    Lines lines;
    const Var x = vector("x", float64), t = vector("t", float64);
    const Var y = print_to(lines, "s")(sigmoid(x));
    const Var cost = sum(sqr(y));
    Function f = function({x, t}, {cost, grad(cost, x), Rop(cost, x, t)}, {.mode = mode});
    const Outputs out = f(std::vector<double>{0.5}, std::vector<double>{1.0});
    const double s = 1 / (1 + std::exp(-0.5));
    CHECK(out.scalar<double>(0) == doctest::Approx(s * s));
    CHECK(out[1].data<double>()[0] == doctest::Approx(2 * s * s * (1 - s)));
    CHECK(out.scalar<double>(2) == doctest::Approx(2 * s * s * (1 - s)));
    CHECK(lines.size() == 1);
  }
}

TEST_CASE("Print: backpropagation through time and tangents do not print the steps again") {
  for (const Mode& mode : modes) {
    CAPTURE(mode.text());
    Lines lines;
    const Var x = scalar("x", float64);
    const Print print = print_to(lines, "h");
    const auto [h, updates] = scan([&](const Var& h) { return sin(print(h * h)) + h; },
                                   {.outputs_info = {x}, .n_steps = 4, .name = "loop"});
    const Var cost = h[0][-1];
    Function f = function({x}, {cost, grad(cost, x), Rop(cost, x, constant(Array::scalar(1.0)))},
                          {.mode = mode});
    const Outputs out = f(0.3);
    double v = 0.3, d = 1;
    for (int i = 0; i < 4; ++i) {
      d = std::cos(v * v) * 2 * v * d + d;
      v = std::sin(v * v) + v;
    }
    CHECK(out.scalar<double>(0) == doctest::Approx(v));
    CHECK(out.scalar<double>(1) == doctest::Approx(d));
    CHECK(out.scalar<double>(2) == doctest::Approx(d));
    CHECK(lines.size() == 4);
    CHECK(contains(lines.back(), "step 3"));
  }
}

TEST_CASE("Print: order is that of the program text whatever the expression's") {
  for (const Mode& mode : modes) {
    Lines lines;
    const Var x = scalar("x");
    const Var a = print_to(lines, "a")(x + 1), b = print_to(lines, "b")(x * 3),
              c = print_to(lines, "c")(x - 1);
    Function f = function({x}, {c * b + a, b}, {.mode = mode});
    f(2);
    CHECK(lines == Lines{"a: float32 () 3", "b: float32 () 6", "c: float32 () 1"});
  }
}

TEST_CASE("Print: two of one value are two and constants are printed at every call") {
  for (const Mode& mode : modes) {
    Lines lines;
    const Var x = scalar("x");
    const Var y = print_to(lines, "p")(x) + print_to(lines, "p")(x);
    const Var c = print_to(lines, "c")(constant(2.0F));
    Function f = function({x}, {y * c}, {.mode = mode});
    f(1);
    CHECK(f(1).scalar<float>(0) == 4);
    CHECK(lines.size() == 6);
  }
}

TEST_CASE("Print: a value that no step changes is still printed at each step") {
  Lines lines;
  const Var x = scalar("x"), w = scalar("w");
  const Print print = print_to(lines, "w");
  const auto [h, updates] =
      scan([&](const Var& h) { return h + print(w * 2); }, {.outputs_info = {x}, .n_steps = 3});
  Function f = function({x, w}, {h[0][-1]});
  CHECK(f(1, 2).scalar<float>(0) == 13);
  CHECK(lines.size() == 3);
}

TEST_CASE("Print: in a branch of a choice happens when the branch is taken") {
  for (const Mode& mode : modes) {
    Lines lines;
    const Var x = scalar("x");
    const Var y = ifelse(x > 0, print_to(lines, "a")(exp(x)), print_to(lines, "b")(x * 2));
    Function f = function({x}, {y, print_to(lines, "c")(x + 1)}, {.mode = mode});
    CHECK(f(-3).scalar<float>(0) == -6);
    CHECK(lines == Lines{"b: float32 () -6", "c: float32 () -2"});
    CHECK(f(0).scalar<float>(0) == 0);
    CHECK(lines.size() == 4);
  }
}

TEST_CASE("Print: the shape of what is printed prints nothing") {
  Lines lines;
  const Var x = matrix("x");
  Function f = function({x}, {print_to(lines, "x")(x).shape(0)});
  const xt::xarray<float> v = xt::zeros<float>({4, 2});
  CHECK(f(v).scalar<std::int64_t>(0) == 4);
  CHECK(lines.empty());
}

TEST_CASE("Print: stable forms are found through it and it still prints") {
  for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) {
    Lines lines;
    const Var x = scalar("x", float64);
    const Var cost = log(print_to(lines, "s")(sigmoid(x)));
    Function f = function({x}, {cost, grad(cost, x)}, {.mode = mode});
    const Outputs out = f(-1000);
    CHECK(out.scalar<double>(0) == -1000);
    CHECK(out.scalar<double>(1) == 1);
    CHECK(lines == Lines{"s: float64 () 0"});
  }
}

TEST_CASE("Print: in a loop whose values meet a logarithm outside") {
  Lines lines;
  const Var x = vector("x", float64);
  const Print print = print_to(lines, "s");
  const auto [s, updates] =
      scan([&](const Var& v) { return print(sigmoid(v)); }, {.sequences = {x}, .name = "loop"});
  const Var cost = sum(log(s[0]));
  Function f = function({x}, {cost, grad(cost, x)});
  const Outputs out = f(std::vector<double>{-1000, 0, -800});
  CHECK(out.scalar<double>(0) == doctest::Approx(-1800 - std::log(2.0)));
  CHECK(out[1].data<double>()[0] == 1);
  CHECK(lines.size() == 3);
}

TEST_CASE("Assert: is the identity while its conditions hold") {
  for (const Mode& mode : modes) {
    const Var x = vector("x", float64);
    const Var y = Assert("positive")(x, x > 0, sum(x) < 100.0);
    const Var cost = sum(sqr(y));
    Function f = function({x}, {cost, grad(cost, x)}, {.mode = mode});
    CHECK(f(std::vector<double>{1, 2}).scalar<double>(0) == 5);
    const std::string text = error_of<AssertionError>([&] {
      f(std::vector<double>{1, 2, -3, -4});
    });
    CAPTURE(text);
    CHECK(contains(text, "Assert: positive\n"));
    CHECK(contains(text, "x > 0"));
    CHECK(contains(text, "first at (2,) of (4,)"));
    CHECK(contains(text, "[1, 2, -3, -4]"));
    CHECK(contains(text, "'x' (an input)"));
    CHECK(contains(text, "made at effects_test.cpp:"));
    CHECK_THROWS_AS(f(std::vector<double>{99, 2}), NumericError);
    CHECK(f(std::vector<double>{3}).scalar<double>(0) == 9);
  }
  CHECK_THROWS_AS(Assert("no")(scalar("x"), scalar("c")), TypeError);
}

TEST_CASE("Assert: in nested loops names the steps and leaves shared variables alone") {
  for (const Mode& mode : modes) {
    const SharedVar w = shared(Array::scalar(1.0), "w");
    const Var x = scalar("x", float64);
    const auto [outer, u] = scan(
        [&](const Var& a) {
          const auto [inner, v] =
              scan([&](const Var& b) { return Assert("below 6")(b + 1.0, b + 1.0 < 6.0); },
                   {.outputs_info = {a}, .n_steps = 3, .name = "inner"});
          return inner[0][-1];
        },
        {.outputs_info = {x}, .n_steps = 3, .name = "outer"});
    Updates updates;
    updates[w] = w + outer[0][-1];
    Function f = function({x}, {}, {.updates = updates, .name = "train", .mode = mode});
    const std::string text = error_of<AssertionError>([&] { f(0); });
    CAPTURE(text);
    CHECK(contains(text, "scan 'inner', step 2"));
    CHECK(contains(text, "scan 'outer', step 1"));
    CHECK(contains(text, "function 'train'"));
    CHECK(w.get_value<double>()() == 1);
    f(-4);
    CHECK(w.get_value<double>()() == 6);
  }
}

TEST_CASE("Breakpoint: sees the values and the place and may stop the call") {
  for (const Mode& mode : modes) {
    const SharedVar w = shared(Array::scalar(1.0), "w");
    const Var x = scalar("x", float64), limit = scalar("limit", float64);
    std::vector<BreakpointEvent> events;
    const auto [h, u] = scan(
        [&](const Var& h) {
          const Var next = h * 2.0;
          const auto stop = [&](const BreakpointEvent& e) {
            events.push_back(e);
            if (e.values[0].item<double>() > 20) throw std::runtime_error("enough");
          };
          return Breakpoint(stop, {.name = "big", .condition = next > limit})(next, h);
        },
        {.outputs_info = {x}, .n_steps = 5, .name = "loop"});
    Updates updates;
    updates[w] = w + h[0][-1];
    Function f = function({x, limit}, {}, {.updates = updates, .mode = mode});
    CHECK(error_of<std::runtime_error>([&] { f(1, 7); }) == "enough");
    CHECK(w.get_value<double>()() == 1);
    REQUIRE(events.size() == 3);
    CHECK(events[0].name == "big");
    CHECK(contains(to_string(events[0].site), "effects_test.cpp:"));
    CHECK(to_string(events[0].loops) == "scan 'loop', step 2");
    CHECK(events[0].values[0].item<double>() == 8);
    CHECK(events[0].values[1].item<double>() == 4);
    CHECK(events[0].names.size() == 2);
    f(0, 7);
    CHECK(w.get_value<double>()() == 1);
    CHECK(events.size() == 3);
  }
}

TEST_CASE("effects: what evaluate computes prints once too") {
  Lines lines;
  const Print print = print_to(lines, "h");
  const auto [h, u] = scan([&](const Var& h) { return print(h + 1.0); },
                           {.outputs_info = {constant(Array::scalar(1.0))}, .n_steps = 3});
  CHECK(evaluate(h[0][-1]).item<double>() == 4);
  CHECK(lines.size() == 3);
}
