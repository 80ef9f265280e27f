#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/runtime/function/function.hpp>
#include <damo/runtime/function/to_array.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

double first(const Outputs& out) { return out[0].cast(float64).item<double>(); }

}  // namespace

TEST_CASE("function: an expression as an input takes the place of what computes it") {
  const Var x = dscalar("x");
  const Var y = exp(x) + 1.0;
  const Var z = y * y + 3.0;
  CHECK(first(function({y}, {z})(2.0)) == 7);
  // What needs x beside y still does.
  const Var both = z + x;
  CHECK(first(function({y, x}, {both})(2.0, 10.0)) == 17);
  CHECK(contains(error_of<GraphError>([&] { function({y}, {both}); }), "an input is missing"));
  CHECK(contains(error_of<GraphError>([&] { function({y, x}, {z}); }), "an input is not used"));
  CHECK(first(function({y}, {y})(4.0)) == 4);
}

TEST_CASE("function: an expression as an input is known by its name, and has its type") {
  const Var x = dvector("x");
  const Var total = sum(x).named("total");
  Function f = function({total}, {total * 2.0});
  CHECK(first(f(named("total", 3.0))) == 6);
  error_of<ShapeError>([&] { f(std::vector<double>{1, 2}); });
}

TEST_CASE("function: an expression as an input goes into updates, givens and gradients") {
  const SharedVar w = shared(Array::scalar(1.0), "w");
  const Var x = dscalar("x");
  const Var y = x * w;
  Function f = function({y}, {y * y}, {.updates = {{w, w + y}}});
  CHECK(first(f(5.0)) == 25);
  CHECK(w.value().item<double>() == 6);
  const Var a = dscalar("a");
  CHECK(first(function({y}, {a + 1.0}, {.givens = {{a, y * 10.0}}})(2.0)) == 21);
}

TEST_CASE("function: constants and shared variables are no inputs") {
  const SharedVar w = shared(Array::scalar(1.0), "w");
  CHECK(contains(error_of<GraphError>([&] { function({w}, {w + 1.0}); }), "shared variable"));
  const Var c = constant(Array::scalar(1.0));
  CHECK(contains(error_of<GraphError>([&] { function({c}, {c + 1.0}); }), "a constant cannot be"));
}

TEST_CASE("givens: what is given for a shared variable may read it, as in Theano") {
  const SharedVar a = shared(Array::scalar(1.0), "a");
  a.set_default_update(a + 3.0);
  Function f = function({}, {a + 10.0}, {.givens = {{a, a + 10.0}}});
  CHECK(first(f()) == 21);
  // The default update reads what is given, too: a is 14 now.
  CHECK(first(f()) == 34);
  CHECK(a.value().item<double>() == 27);
  const SharedVar b = shared(Array::scalar(2.0), "b");
  Function g = function({}, {b * 2.0}, {.updates = {{b, b + 1.0}}, .givens = {{b, b * 10.0}}});
  CHECK(first(g()) == 40);
  CHECK(b.value().item<double>() == 21);
}

TEST_CASE("givens: of another rank or dtype are errors that say what would do") {
  const Var m = dmatrix("m");
  const Var v = dvector("v");
  const auto text = [&](const Var& from, const Var& to) {
    try {
      function({}, {from * 2.0}, {.givens = {{from, to}}});
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(contains(text(m, v), "dimshuffle(v, {newaxis, 0}) has 2 dimensions"));
  CHECK(contains(text(v, m), "m[i] or reshape(m, {...}) has 1 dimensions"));
  CHECK(contains(text(v, fvector("f")), "cast(f, float64)"));
  CHECK(contains(text(row("r", float64), m), "specify_shape(m, {...}) promises the sizes (1, ?)"));
}
