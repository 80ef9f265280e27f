#include <doctest/doctest.h>

#include <xtensor/xview.hpp>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>

using namespace damo;

namespace {

template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing was thrown";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a function computes its outputs from numbers") {
  const Var a = scalar("a");
  const Var b = scalar("b");
  Function f = function({a, b}, {a * b + 1.0, a - b});
  const Outputs out = f(3, 4.5);
  CHECK(out.size() == 2);
  CHECK(out.scalar<float>(0) == 14.5F);
  CHECK(out.scalar<float>(1) == -1.5F);
}

TEST_CASE("xtensor containers and expressions and spans and vectors are arguments") {
  const Var x = matrix("x");
  Function f = function(x, 2.0 * x);
  const xt::xarray<float> a{{1, 2, 3}, {4, 5, 6}};
  CHECK(f(a).array<float>(0) == 2.0F * a);
  CHECK(f(a + 1.0F).array<float>(0) == 2.0F * a + 2.0F);
  CHECK(f(xt::transpose(a)).array<float>(0) == xt::xarray<float>{{2, 8}, {4, 10}, {6, 12}});
  CHECK(f(xt::view(a, xt::all(), xt::range(1, 3))).array<float>(0) ==
        xt::xarray<float>{{4, 6}, {10, 12}});
  const xt::xtensor<float, 2> fixed = a;
  CHECK(f(fixed).array<float>(0) == 2.0F * a);
  CHECK(f(Array::from<float>({1, 2}, {1, 2})).array<float>(0) == xt::xarray<float>{{2, 4}});

  const Var v = vector("v", int64);
  Function g = function(v, v + 1);
  const std::vector<std::int64_t> values{5, 6};
  CHECK(g(values).array<std::int64_t>(0) == xt::xarray<std::int64_t>{6, 7});
  CHECK(g(std::span(values)).array<std::int64_t>(0) == xt::xarray<std::int64_t>{6, 7});
  CHECK(g(std::vector<int>{1}).array<std::int64_t>(0) == xt::xarray<std::int64_t>{2});
}

TEST_CASE("outputs keep their values while a later call runs") {
  const Var x = vector("x");
  Function f = function(x, x * x);
  const Outputs first = f(std::vector<float>{1, 2});
  const Outputs second = f(std::vector<float>{3, 4});
  CHECK(first.array<float>(0) == xt::xarray<float>{1, 4});
  CHECK(second.array<float>(0) == xt::xarray<float>{9, 16});
  CHECK_THROWS_AS(static_cast<void>(first[1]), GraphError);
  CHECK_THROWS_AS(first.array<double>(0), TypeError);
}

TEST_CASE("outputs that are inputs or shared variables or constants or twice the same are copies") {
  const Var x = vector("x");
  const SharedVar s = shared(std::vector<float>{7}, "s");
  const Var y = x + 1.0;
  Function f = function(x, {x, s, constant(2.5), y, y});
  const Outputs out = f(std::vector<float>{1});
  s.set_value(std::vector<float>{8});
  CHECK(out.array<float>(0) == xt::xarray<float>{1});
  CHECK(out.array<float>(1) == xt::xarray<float>{7});
  CHECK(out.scalar<float>(2) == 2.5F);
  CHECK(out.array<float>(3) == xt::xarray<float>{2});
  CHECK(out.array<float>(4) == xt::xarray<float>{2});
}

TEST_CASE("updates read old values and are stored together") {
  const SharedVar a = shared(xt::xarray<float>{1, 2}, "a");
  const SharedVar b = shared(xt::xarray<float>{10, 20}, "b");
  const SharedVar n = shared(0, "n");
  Updates updates;
  updates[a] = b;
  updates[b] = a + b;
  updates[n] = n + 1;
  Function f = function({}, {a * 1.0}, {.updates = updates});
  CHECK(f().array<float>(0) == xt::xarray<float>{1, 2});
  CHECK(a.get_value<float>() == xt::xarray<float>{10, 20});
  CHECK(b.get_value<float>() == xt::xarray<float>{11, 22});
  f();
  CHECK(a.get_value<float>() == xt::xarray<float>{11, 22});
  CHECK(b.get_value<float>() == xt::xarray<float>{21, 42});
  CHECK(n.get_value<std::int64_t>()() == 2);
}

TEST_CASE("shared variables swap") {
  const SharedVar a = shared(1.0, "a");
  const SharedVar b = shared(2.0, "b");
  Function f = function({}, {}, {.updates = {{a, b}, {b, a}}});
  f();
  CHECK(a.get_value<float>()() == 2.0F);
  CHECK(b.get_value<float>()() == 1.0F);
}

TEST_CASE("after an error no shared variable has changed") {
  const SharedVar n = shared(0, "n");
  const SharedVar w = shared(std::vector<float>{1, 2}, "w");
  const Var x = vector("x");
  Updates updates;
  updates[n] = n + 1;
  updates[w] = w + x;
  Function f = function(x, {}, {.updates = updates, .name = "learn"});
  const std::string text = message_of<ShapeError>([&] { f(std::vector<float>{1, 2, 3}); });
  CHECK(contains(text, "function 'learn', instruction"));
  CHECK(contains(text, "(2,)"));
  CHECK(contains(text, "(3,)"));
  CHECK(contains(text, "'w'"));
  CHECK(contains(text, "function_test.cpp"));
  CHECK(n.get_value<std::int64_t>()() == 0);
  CHECK(w.get_value<float>() == xt::xarray<float>{1, 2});
  f(std::vector<float>{1, 1});
  CHECK(n.get_value<std::int64_t>()() == 1);
  CHECK(w.get_value<float>() == xt::xarray<float>{2, 3});
}

TEST_CASE("givens stand in for inputs and for expressions") {
  const Var x = vector("x");
  const Var y = x * 2.0;
  const SharedVar data = shared(std::vector<float>{1, 2, 3}, "data");
  Function f = function({}, {y + 1.0}, {.givens = {{x, data}}});
  CHECK(f().array<float>(0) == xt::xarray<float>{3, 5, 7});
  const Var z = vector("z");
  Function g = function(z, {y + 1.0}, {.givens = {{y, z}}});
  CHECK(g(std::vector<float>{1}).array<float>(0) == xt::xarray<float>{2});
}

TEST_CASE("a function with wrong inputs says which and where they were made") {
  const Var x = vector("x");
  const Var y = vector("y");
  const Var sum = x + y;
  const std::string missing = message_of<GraphError>([&] { function({x}, {sum}, {.name = "f"}); });
  CHECK(contains(missing, "function 'f': an input is missing: float32 (?,) 'y'"));
  CHECK(contains(missing, "made at function_test.cpp"));
  CHECK(contains(missing, "used by"));
  CHECK(contains(message_of<GraphError>([&] {
                   function({x, y}, {x + 1.0});
                 }),
                 "not used by any output or update: float32 (?,) 'y'"));
  CHECK(contains(message_of<GraphError>([&] { function({x, x}, {x}); }), "given twice"));
  const SharedVar s = shared(1.0, "s");
  CHECK(contains(message_of<GraphError>([&] { function({s}, {s}); }), "givens"));
}

TEST_CASE("wrong updates and givens are errors that name the variable") {
  const SharedVar w = shared(std::vector<float>{1}, "w");
  const Var d = vector("d", float64);
  CHECK(contains(message_of<TypeError>([&] { function({d}, {}, {.updates = {{w, d}}}); }), "'w'"));
  const Var m = matrix("m");
  CHECK(contains(message_of<ShapeError>([&] { function({m}, {}, {.updates = {{w, m}}}); }), "'w'"));
  const Var x = vector("x");
  CHECK(contains(message_of<TypeError>([&] { function({d}, {x}, {.givens = {{x, d}}}); }), "'d'"));
  CHECK(contains(message_of<ShapeError>([&] { function({m}, {x}, {.givens = {{x, m}}}); }), "'m'"));
}

TEST_CASE("wrong arguments are errors that name the input") {
  const Var x = matrix("x");
  const Var i = lscalar("i");
  Function f = function({x, i}, {x + cast(i, float32)}, {.name = "f"});
  const xt::xarray<float> a = xt::ones<float>({2, 2});
  CHECK(contains(message_of<GraphError>([&] { f(a); }), "takes 2 arguments, got 1"));
  const std::string text = message_of<TypeError>([&] { f(xt::xarray<double>(a), 1); });
  CHECK(contains(text, "float64 (2, 2)"));
  CHECK(contains(text, "'x'"));
  CHECK(contains(message_of<ShapeError>([&] { f(std::vector<float>{1}, 1); }), "dimensions"));
  CHECK(contains(message_of<ShapeError>([&] { f(1, 1); }), "'x'"));
  CHECK(contains(message_of<TypeError>([&] { f(a, 1.5); }), "1.5 is no int64"));
  CHECK(f(a, 2.0).array<float>(0) == a + 2.0F);
  const Var r = row("r");
  Function g = function({r}, {r + 1.0});
  CHECK(contains(message_of<ShapeError>([&] { g(a); }), "'r'"));
}

TEST_CASE("numbers become an input's dtype when nothing is lost") {
  const Var x = scalar("x");
  const Var b = bscalar("b");
  Function f = function({x}, {x + 0.0});
  CHECK(f(0.1).scalar<float>(0) == 0.1F);
  CHECK(f(1 << 24).scalar<float>(0) == 16777216.0F);
  CHECK_THROWS_AS(f((1 << 24) + 1), TypeError);
  CHECK_THROWS_AS(f(1e300), TypeError);
  Function g = function({b}, {not_(b)});
  CHECK(g(1).scalar<bool>(0) == false);
  CHECK_THROWS_AS(g(2), TypeError);
}

TEST_CASE("shared variables check dtype and dimensions of a new value") {
  const xt::xarray<float> start = xt::ones<float>({1, 2});
  const SharedVar w = shared(start, "w");
  CHECK_THROWS_AS(w.set_value(xt::xarray<double>(start)), TypeError);
  CHECK_THROWS_AS(w.set_value(xt::xarray<float>{1, 2}), ShapeError);
  CHECK_THROWS_AS(w.get_value<double>(), TypeError);
  const xt::xarray<float> next = 3.0F * xt::ones<float>({2, 1});
  w.set_value(next);
  CHECK(w.get_value<float>() == next);
  const SharedVar lr = shared(0.5, "lr");
  CHECK(lr.dtype() == float32);
  lr.set_value(0.25);
  CHECK(lr.get_value<float>()() == 0.25F);
}

TEST_CASE("a function that draws advances its stream by itself") {
  const SharedVar state = shared(std::vector<std::int64_t>{1, 2, 3}, "state");
  CHECK(state.get_value<std::int64_t>()(2) == 3);
}
