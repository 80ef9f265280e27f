#include <doctest/doctest.h>

#include "tests/support/values.hpp"

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>

using namespace damo;
using test::contains;
using test::error_of;

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

}  // namespace

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
