#include <damo/damo.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;

namespace {

const std::vector<Mode>& modes() {
  static const std::vector<Mode> all{Mode::none(), Mode::fast_compile(), Mode::fast(),
                                     Mode::debug()};
  return all;
}

/// Checks that a loop over the step runs no step, and fails when it does.
template <class Step>
void check_lazy(const Var& x, const Array& short_x, const Step& step) {
  for (const Mode& mode : modes()) {
    const Var k = lscalar("k");
    const Var h = scan(step, {.outputs_info = constant(test::number(2)), .n_steps = k}).outputs[0];
    Function f = function({x, k}, {h}, {.mode = mode});
    const Outputs none = f(short_x, std::int64_t{0});
    CHECK(to_string(none[0].shape()) == "(0,)");
    CHECK_THROWS_AS(f(short_x, std::int64_t{1}), Error);
    check_close(f(short_x, std::int64_t{0})[0], none[0], 0);
  }
}

}  // namespace

TEST_CASE("what leaves a loop does not fail when the loop does not run") {
  const Var x = dvector("x");
  const Array three = test::vector({1, 2, 3});
  check_lazy(x, three, [&](Var h) { return h + x[7]; });
  check_lazy(x, three, [&](Var h) { return h * sum(x * constant(test::vector({1, 2}))); });
  check_lazy(x, three, [&](Var h) { return h + dot(x, constant(test::vector({1, 2}))); });
  check_lazy(x, three, [&](Var h) { return h + sum(reshape(x, Sizes{2, 2})); });
  check_lazy(x, three, [&](Var h) { return h + max(x[from(5)]); });
  check_lazy(x, three, [&](Var h) {
    return h + scan([&](Var p) { return p * x[9]; },
                    {.outputs_info = constant(test::number(1)), .n_steps = 2})
                   .outputs[0][-1];
  });
}

TEST_CASE("a loop in a loop that does not run computes nothing") {
  for (const Mode& mode : modes()) {
    const Var x = dvector("x");
    const Var k = lscalar("k");
    const auto row = [&](Var v) {
      const Var h =
          scan([&](Var p) { return p * x[9]; }, {.outputs_info = v, .n_steps = k}).outputs[0];
      return v + sum(h);
    };
    Function f = function({x, k}, {map(row, x).outputs[0]}, {.mode = mode});
    check_close(f(test::vector({1, 2}), std::int64_t{0})[0], test::vector({1, 2}), 0);
    CHECK_THROWS_AS(f(test::vector({1, 2}), std::int64_t{1}), Error);
  }
}

TEST_CASE("the shapes of a loop that does not run are those that its steps would have had") {
  for (const Mode& mode : modes()) {
    const Var x = dmatrix("x");
    const Var w = dmatrix("w");
    const Var k = lscalar("k");
    const Var h = scan(
                      [&](Var h) {
                        return Vars{h + 1.0, dot(x, w)(0) * h};
                      },
                      {.outputs_info = {constant(test::number(1)), none}, .n_steps = k})
                      .outputs[1];
    Function f = function({x, w, k}, {h}, {.mode = mode});
    const Array a(float64, {2, 3});
    const Array b(float64, {3, 5});
    CHECK(to_string(f(a, b, std::int64_t{0})[0].shape()) == "(0, 5)");
    CHECK(to_string(f(a, b, std::int64_t{2})[0].shape()) == "(2, 5)");
  }
}

TEST_CASE("a last value that no branch reads does not fail when the loop does not run") {
  for (const Mode& mode : modes()) {
    const Var x = dvector("x"), k = lscalar("k");
    const SharedVar w = shared(test::number(1), "w");
    auto [outs, updates] = scan(
        [&](Var h) -> StepResult {
          return {Vars{h + w, h * x}, Updates{{w, 2.0 * w}}};
        },
        {.outputs_info = {x, none}, .n_steps = k});
    const Var result = ifelse(k > 0, outs[0][-1] + outs[1][-1], x);
    Function f = function({x, k}, {result}, {.updates = updates, .mode = mode});
    Function g = function({x, k}, {ifelse(k >= 0, outs[0][-1], x)}, {.updates = updates});
    check_close(f(test::vector({1, 3}), std::int64_t{0})[0], test::vector({1, 3}), 0);
    CHECK(w.value().item<double>() == 1);
    check_close(f(test::vector({1, 3}), std::int64_t{2})[0], test::vector({6, 18}), 0);
    CHECK(w.value().item<double>() == 4);
    CHECK_THROWS_AS(g(test::vector({1, 3}), std::int64_t{0}), Error);
  }
}
