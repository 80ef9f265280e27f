#include <doctest/doctest.h>

#include <cmath>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/ops/text/graph_text.hpp>
#include <damo/optim/language/rule.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

/// log(x - 1) of each number, under a mode of the loop's own.
Var logs(const Var& xs, const Mode& mode, const std::string& name = "logs") {
  return damo::scan([](const Var& x) { return log(x - 1.0); },
                    {.sequences = {xs}, .name = name, .mode = mode})
      .outputs[0];
}

/// exp(x) becomes sinh(x), so that its use shows.
Mode with_odd_rule() {
  const Var x = optim::any("x");
  return Mode::fast().with_rule(optim::rule("exp_is_sinh", exp(x), sinh(x))
                                    .sound(optim::Soundness::approximate)
                                    .canonicalizes());
}

}  // namespace

TEST_CASE("scan mode: a guard of the loop's own stops in the loop, at the step, and only there") {
  const Var xs = dvector("xs");
  Function f = function({xs}, {logs(xs, Mode::guard()), log(xs - 1.0)});
  CHECK(f(std::vector<double>{2, 3}).array<double>(0)(0) == 0);
  const std::string error = error_of<NumericError>([&] { f(std::vector<double>{2, 1, 0.5}); });
  CHECK(contains(error, "guard: log gives -inf"));
  CHECK(contains(error, "scan 'logs', step 1"));
  // Outside the loop nothing is guarded, nor in a loop without the mode.
  Function g =
      function({xs}, {log(xs - 1.0), logs(xs, Mode::fast()), logs(abs(xs) + 2.0, Mode::guard())});
  CHECK(std::isnan(g(std::vector<double>{0.5}).array<double>(0)(0)));
  CHECK(contains(error_of<NumericError>([&] {
                   f(std::vector<double>{2, NAN});
                 }),
                 "guard: the loop is given nan"));
  // A constant may bring in an infinity, as the initial value of a maximum does.
  const Var largest = damo::scan([](const Var& x, const Var& h) { return maximum(x, h); },
                                 {.sequences = {xs},
                                  .outputs_info = {constant(test::number(-INFINITY))},
                                  .mode = Mode::guard()})
                          .outputs[0];
  CHECK(function({xs}, {largest})(std::vector<double>{2, 1}).array<double>(0)(1) == 2);
  // What it is told to let pass, it does.
  Function h = function({xs}, {logs(xs, Mode::guard({.inf = false}))});
  CHECK(std::isinf(h(std::vector<double>{1}).array<double>(0)(0)));
  CHECK_THROWS_AS(h(std::vector<double>{0.5}), NumericError);
  CHECK_THROWS_AS(
      function({xs}, {logs(xs, Mode::guard({.big = 10}))})(std::vector<double>{std::exp(11.0)}),
      NumericError);
}

TEST_CASE("scan mode: a guard goes on in loops inside, and after a function is copied") {
  const Var xs = dmatrix("xs");
  const Var all = damo::scan([](const Var& row) { return logs(row, Mode::fast(), "inner"); },
                             {.sequences = {xs}, .name = "outer", .mode = Mode::guard()})
                      .outputs[0];
  Function f = function({xs}, {all});
  // The inner loop has a mode without a guard: that of the outer one looks on.
  const std::string error = error_of<NumericError>([&] { f(xt::xarray<double>{{2, 3}, {2, 0}}); });
  CHECK(contains(error, "scan 'inner', step 1"));
  CHECK(contains(error, "scan 'outer', step 1"));
  Function g = f.copy();
  CHECK_THROWS_AS(g(xt::xarray<double>{{2, 0}}), NumericError);
}

TEST_CASE("scan mode: a rule of the caller's own is used in the loop that has it, and only there") {
  const Var xs = dvector("xs");
  const auto exps = [&](const Mode& mode) {
    return damo::scan([](const Var& x) { return exp(x); }, {.sequences = {xs}, .mode = mode})
        .outputs[0];
  };
  Function f = function({xs}, {exps(with_odd_rule()), exps(Mode::fast()), exp(xs)});
  const Outputs out = f(std::vector<double>{1, 2});
  CHECK(out.array<double>(0)(1) == doctest::Approx(std::sinh(2.0)));
  CHECK(out.array<double>(1)(1) == doctest::Approx(std::exp(2.0)));
  CHECK(out.array<double>(2)(1) == doctest::Approx(std::exp(2.0)));
}

TEST_CASE("scan mode: modes are equal when they change the same, with the very same rules") {
  CHECK(Mode::fast() == Mode::fast());
  CHECK_FALSE(Mode::fast() == Mode::none());
  CHECK_FALSE(Mode::guard() == Mode::fast());
  CHECK_FALSE(Mode::guard() == Mode::guard({.big = 3}));
  const Mode odd = with_odd_rule();
  CHECK(odd == Mode(odd));
  CHECK_FALSE(odd == with_odd_rule());
  const Var xs = dvector("xs");
  const auto loop = [&](const Mode& mode) { return logs(xs, mode); };
  CHECK(same_graph(loop(Mode::none()), loop(Mode::none())));
  CHECK_FALSE(same_graph(loop(Mode::none()), loop(Mode::fast())));
  CHECK(same_graph(loop(odd), loop(odd)));
  CHECK_FALSE(same_graph(loop(odd), loop(with_odd_rule())));
}

TEST_CASE("scan mode: a mode's text gives it back, and that of a rule of one's own is refused") {
  for (const Mode& mode :
       {Mode::fast(), Mode::none(), Mode::fast_compile(), Mode::guard(), Mode::debug(),
        Mode::guard({.nan = false}), Mode::guard({.inf = false, .big = 1.5e300}),
        Mode::guard({.nan = false, .inf = false, .big = 10}),
        Mode::fast().excluding("log_sigmoid").guarded().checked()}) {
    CAPTURE(mode.text());
    CHECK(Mode::of_text(mode.text()) == mode);
  }
  for (const char* text : {"fast, guarded nan", "fast, guarded above", "fast, guardedx",
                           "fast, guarded above 1x", "fast, checked twice"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(Mode::of_text(text), GraphError);
  }
  const std::string error = error_of<GraphError>([] { Mode::of_text(with_odd_rule().text()); });
  CHECK(contains(error, "a rule of a program's own"));
}

TEST_CASE("scan mode: a guarded loop is guarded after it has been text") {
  const Var xs = dvector("xs");
  const FunctionGraph graph{{xs}, {logs(xs, Mode::guard({.nan = false}))}, {}, ""};
  const FunctionGraph back = parse(print(graph));
  CHECK(back == graph);
  Function f = function(back.inputs, back.outputs);
  CHECK_THROWS_AS(f(std::vector<double>{1}), NumericError);
  CHECK(std::isnan(f(std::vector<double>{0.5}).array<double>(0)(0)));
}

TEST_CASE("scan mode: a checked loop has its rules checked at each call") {
  const Var xs = dvector("xs");
  const auto exps = [&](const Mode& mode) {
    return damo::scan([](const Var& x) { return exp(x); }, {.sequences = {xs}, .mode = mode})
        .outputs[0];
  };
  Function f = function({xs}, {exps(with_odd_rule().checked())});
  const std::string error = error_of<InternalError>([&] { f(std::vector<double>{1, 2}); });
  CHECK(contains(error, "rule 'exp_is_sinh' changes a value"));
  Function g = function({xs}, {exps(Mode::debug())});
  CHECK(g(std::vector<double>{1}).array<double>(0)(0) == doctest::Approx(std::exp(1.0)));
}
