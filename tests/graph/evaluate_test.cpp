#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/errors/running_loop.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/control/debug.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/control/op_from_graph.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/counted.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using Bindings = std::vector<std::pair<Var, Array>>;

TEST_CASE("evaluate: any variable may be given a value, which counts in place of its node") {
  const Var x = dscalar("x");
  const Var y = exp(x), z = y * 2.0;
  const Bindings at{{x, test::number(0)}, {y, test::number(5)}};
  CHECK(evaluate(z, at).item<double>() == 10);
  CHECK(evaluate(z, std::span(at).subspan(1)).item<double>() == 10);  // x is not needed
}

TEST_CASE(
    "evaluate: an input without a value is an error that names it, and shared ones have one") {
  const Var x = dscalar("forgotten");
  const SharedVar s = shared(test::number(3), "s");
  CHECK(evaluate(s * 2.0).item<double>() == 6);
  CHECK(test::contains(test::error_of<GraphError>([&] { evaluate(x + s); }), "forgotten"));
}

TEST_CASE("evaluate: of a choice the branch that is not taken is not computed") {
  const Var c = bscalar("c"), x = dvector("x");
  const Var fails = Assert("never")(x, x.shape(0) > 99);
  const Var out = ifelse(c, sum(x), sum(fails));
  const Bindings yes{{c, Array::scalar(true)}, {x, test::vector({1, 2})}};
  const Bindings no{{c, Array::scalar(false)}, {x, test::vector({1, 2})}};
  CHECK(evaluate(out, yes).item<double>() == 3);
  CHECK_THROWS_AS(evaluate(out, no), AssertionError);
}

TEST_CASE("evaluate: an evaluation remembers values until it is told to forget them") {
  const Var x = dvector("x");
  const Bindings at{{x, test::vector({1, 2, 3})}};
  Evaluation values(at);
  const Var y = exp(x);
  const Tensor first = values.value(y);
  CHECK(values.value(y).data == first.data);
  CHECK(values.value(sum(y)).first<double>() ==
        doctest::Approx(std::exp(1.0) + std::exp(2.0) + std::exp(3.0)));
  CHECK(values.bytes() >= 3 * sizeof(double));
  values.forget();
  CHECK(values.bytes() == 0);
  CHECK(values.value(y).first<double>() == std::exp(1.0));
}

TEST_CASE("evaluate: errors inside an evaluation carry their node, and say it when raised") {
  const Var x = dvector("x"), y = dvector("y");
  const Bindings at{{x, test::vector({1, 2})}, {y, test::vector({1, 2, 3})}};
  Evaluation values(at);
  bool caught = false;
  try {
    values.value(x + y);
  } catch (const LocatedError& e) {
    caught = true;
    const std::string text = test::error_of<ShapeError>([&] { e.raise(); });
    CHECK(test::contains(text, "add"));
    CHECK(test::contains(text, "evaluate_test.cpp"));
  }
  CHECK(caught);
}

TEST_CASE("evaluate: what has failed fails again, and so does what reads it") {
  const Var x = dvector("x"), n = lvector("n");
  const Var rows = repeat(x, n, 0);
  const Bindings at{{x, test::vector({7})}, {n, Array::from(std::vector<std::int64_t>{-1})}};
  Evaluation values(at);
  for (const Var& v : {rows, rows, sum(rows), rows.shape(0), Var(rows[0])}) {
    CAPTURE(pprint(v));
    CHECK_THROWS_AS(values.value(v), LocatedError);
  }
}

TEST_CASE("evaluate: loops in loops, and graphs as ops, compute each step once") {
  int count = 0;
  const std::function<Var(const Var&, int)> loops = [&](const Var& x, int depth) -> Var {
    if (depth == 0) return test::counted(x, count);
    return scan([&](const Var& h) { return loops(h, depth - 1); },
                {.outputs_info = x, .n_steps = 2})
        .outputs[0][-1];
  };
  const Var x = dscalar("x");
  const Bindings at{{x, test::number(3)}};
  CHECK(evaluate(loops(x, 4), at).item<double>() == 3);
  CHECK(count == 16);
  count = 0;
  const OpFromGraph inner({x}, {test::counted(x, count) * 2.0});
  const OpFromGraph outer({x}, {inner(x)[0] + 1.0});
  CHECK(evaluate(outer(x)[0], at).item<double>() == 7);
  CHECK(count == 1);
}
