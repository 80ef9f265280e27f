#include <doctest/doctest.h>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include "tests/support/values.hpp"

using namespace damo;

namespace {

/// Every member says that there is no function.
void check_empty(Function& f) {
  CHECK_THROWS_AS(f(1.0), GraphError);
  CHECK_THROWS_AS(f.call({}), GraphError);
  CHECK_THROWS_AS(static_cast<void>(f.copy()), GraphError);
  CHECK_THROWS_AS(static_cast<void>(f.value("x")), GraphError);
  CHECK_THROWS_AS(static_cast<void>(f.name()), GraphError);
  CHECK_THROWS_AS(static_cast<void>(f.graph()), GraphError);
  CHECK_THROWS_AS(static_cast<void>(f.asked()), GraphError);
  CHECK_THROWS_AS(static_cast<void>(f.trace()), GraphError);
  CHECK_THROWS_AS(static_cast<void>(f.rewrites()), GraphError);
  CHECK_THROWS_AS(static_cast<void>(f.profile()), GraphError);
  CHECK_THROWS_AS(f.set_profiling(true), GraphError);
  CHECK_THROWS_AS(static_cast<void>(f.n_instructions()), GraphError);
  CHECK_THROWS_AS(debugprint(f), GraphError);
  CHECK_THROWS_AS(to_dot(f), GraphError);
}

}  // namespace

TEST_CASE(
    "function: one that was moved from, or never made, is an error to use, and can be given") {
  const Var x = dscalar("x");
  Function f = function({x}, {x * 2.0}, {.name = "twice"});
  Function g = std::move(f);
  CHECK(g.name() == "twice");
  check_empty(f);  // NOLINT(bugprone-use-after-move)
  Function none;
  check_empty(none);
  CHECK(test::contains(test::error_of<GraphError>([&] { static_cast<void>(none.name()); }),
                       "name of an empty Function"));
  f = std::move(g);
  CHECK(f(3.0).scalar<double>(0) == 6);
  check_empty(g);  // NOLINT(bugprone-use-after-move)
}
