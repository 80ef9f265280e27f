#include <doctest/doctest.h>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include "tests/support/rule_cases.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::test;

// What depends on constants only is computed when a function is made. Where that fails, the
// function is made all the same, and fails when it runs, with the user's line.

namespace {

Var vector_of(std::vector<double> values) { return constant(test::vector(std::move(values))); }

/// Made without an error, in every mode; the error comes from the call.
void check_fails_in_call(const Var& out, const std::string& says) {
  for (const Mode& mode : {Mode::fast(), Mode::fast_compile(), Mode::none()}) {
    CAPTURE(mode.text());
    Function f;
    REQUIRE_NOTHROW(f = function({}, {out}, {.mode = mode}));
    try {
      f();
      FAIL_CHECK("no error");
    } catch (const Error& e) {
      CHECK(contains(e.what(), says));
      CHECK(contains(e.what(), "fold_test.cpp"));
    }
  }
}

RuleCases fold_cases() {
  const Var x = vector("x", float64);
  return {
      {"fold_constant", exp(constant(Array::scalar(2.0))), exp(x)},
  };
}

const RuleTheme folds(fold_cases);

}  // namespace

TEST_CASE("rules: of constants apply where they should and nowhere else") {
  check_cases(fold_cases());
}

TEST_CASE("folding: a loop over constants whose step fails is an error of the call") {
  const Var c = vector_of({1, 2, 3});
  const Var at = constant(Array::from<std::int64_t>({0, 7}));
  check_fails_in_call(
      damo::scan([&](const Var& i) { return c[i]; }, {.sequences = {at}}).outputs[0], "7");
  check_fails_in_call(damo::scan([&](const Var& h) { return Assert("small")(h * 2.0, h < 3.0); },
                                 {.outputs_info = {1.0}, .n_steps = 5})
                          .outputs[0],
                      "small");
}

TEST_CASE("folding: a loop in a loop, and an op of a graph, fail in the call, too") {
  const Var c = vector_of({1, 2, 3});
  const Var rows = constant(Array::from<std::int64_t>({0, 1, 2, 9}, {2, 2}));
  const auto inner = [&](const Var& row) {
    return damo::scan([&](const Var& i) { return c[i]; }, {.sequences = {row}}).outputs[0];
  };
  check_fails_in_call(damo::scan(inner, {.sequences = {rows}}).outputs[0], "9");
  const Var i = lscalar("i");
  check_fails_in_call(
      OpFromGraph({i}, {c[i] * 2.0})(Vars{constant(Array::scalar(std::int64_t{5}))})[0], "5");
}

TEST_CASE("folding: an index out of range is an error of the call") {
  const Var three = constant(Array::scalar(std::int64_t{3}));
  check_fails_in_call(vector_of({1, 2, 3})[three * three] + 1.0, "9");
}

TEST_CASE("folding: a long loop over constants is left to the program, a short one is not") {
  const auto add_up = [](std::int64_t n) {
    const Var numbers =
        constant(Array::from(std::vector<double>(static_cast<std::size_t>(n), 0.5)));
    return scan([](Var x, Var h) { return h + x; },
                {.sequences = {numbers}, .outputs_info = {Arg(0.0).var(float64)}})
        .outputs[0][-1];
  };
  const auto loops = [](const Function& f) {
    int n = 0;
    for (const Apply* node : f.graph().order()) n += node->op().body() != nullptr ? 1 : 0;
    return n;
  };
  Function is_long = function({}, {add_up(100000)}), is_short = function({}, {add_up(100)});
  CHECK(loops(is_long) == 1);
  CHECK(loops(is_short) == 0);
  CHECK(is_long()[0].item<double>() == 50000);
  CHECK(is_short()[0].item<double>() == 50);
}
