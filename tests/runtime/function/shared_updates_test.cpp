#include <doctest/doctest.h>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

double value(const SharedVar& v) { return v.value().item<double>(); }
SharedVar number(double x, const char* name) { return shared(Array::scalar(x), name); }

}  // namespace

TEST_CASE("default updates: a function that reads the variable gives it its next value") {
  const SharedVar n = number(0, "n");
  n.set_default_update(n + 1.0);
  const Var x = dscalar("x");
  Function f = function({x}, {x + n});
  CHECK(f(10).scalar<double>(0) == 10);
  CHECK(f(10).scalar<double>(0) == 11);
  CHECK(value(n) == 2);
  function({x}, {x * 2.0})(1);  // does not read it
  CHECK(value(n) == 2);
  CHECK(same_graph(n.default_update(), n + 1.0));
  n.clear_default_update();
  function({x}, {x + n})(1);
  CHECK(value(n) == 2);
}

TEST_CASE("default updates: they are collected through each other") {
  const SharedVar a = number(1, "a");
  const SharedVar b = number(2, "b");
  const SharedVar c = number(5, "c");
  a.set_default_update(a + b);
  b.set_default_update(b * c);
  Function f = function({}, {a * 1.0});
  f();
  f();
  CHECK(value(a) == 1 + 2 + 10);
  CHECK(value(b) == 50);
  CHECK(value(c) == 5);
}

TEST_CASE("default updates: one given wins and no_default_updates leaves variables alone") {
  const SharedVar a = number(1, "a");
  const SharedVar b = number(1, "b");
  a.set_default_update(a + 1.0);
  b.set_default_update(b + 1.0);
  const Var y = a + b;
  function({}, {y}, {.updates = {{a, a * 10.0}}})();
  CHECK(value(a) == 10);
  CHECK(value(b) == 2);
  function({}, {y}, {.no_default_updates = true})();
  CHECK(value(a) == 10);
  CHECK(value(b) == 2);
  function({}, {y}, {.no_default_updates = {a}})();
  CHECK(value(a) == 10);
  CHECK(value(b) == 3);
  function({}, {y}, {.updates = {{a, a * 10.0}}, .no_default_updates = {a, b}})();
  CHECK(value(a) == 100);
  CHECK(value(b) == 3);
  function({}, {y}, {.no_default_updates = false})();
  CHECK(value(a) == 101);
  CHECK(value(b) == 4);
}

TEST_CASE("default updates: streams stand still where asked also those drawn from in loops") {
  for (const bool in_loop : {false, true}) {
    RandomStream rng(9);
    const Var once = rng.uniform({2});
    const auto step = [&] { return rng.uniform({2}); };
    const Var u = in_loop ? scan(step, {.outputs_info = {none}, .n_steps = 3}).outputs[0] : once;
    Function still = function({}, {u}, {.no_default_updates = rng});
    const Array first = still()[0];
    test::check_same_bits(first, still()[0]);
    Function moves = function({}, {u});
    test::check_same_bits(first, moves()[0]);
    CHECK(moves().array<float>(0) != to_xarray<float>(first));
    Function one = function({}, {u}, {.no_default_updates = {rng.streams().back()}});
    test::check_same_bits(one()[0], one()[0]);
  }
}

TEST_CASE("default updates: a loop carries them from step to step") {
  const SharedVar n = number(0, "n");
  n.set_default_update(n + 1.0);
  const Var xs = dvector("xs");
  const Var ys = map([&](const Var& x) { return x + n; }, {xs}).outputs[0];
  Function f = function({xs}, {ys});
  CHECK(f(std::vector<double>{10, 10, 10}).array<double>(0) == xt::xarray<double>{10, 11, 12});
  CHECK(value(n) == 3);
  CHECK(f(std::vector<double>{0}).array<double>(0) == xt::xarray<double>{3});
  Function still = function({xs}, {ys}, {.no_default_updates = {n}});
  CHECK(still(std::vector<double>{0, 0}).array<double>(0) == xt::xarray<double>{4, 5});
  CHECK(value(n) == 4);
}

TEST_CASE("default updates: another dtype or rank is an error that names the variable") {
  const SharedVar n = number(0, "n");
  CHECK(contains(error_of<TypeError>([&] { n.set_default_update(cast(n, float32)); }), "'n'"));
  CHECK(contains(error_of<ShapeError>([&] { n.set_default_update(dvector("v")); }), "'v'"));
  CHECK_NOTHROW(n.set_default_update(3));
}

TEST_CASE("copy: shared variables are swapped in reading and updating") {
  const SharedVar w = shared(xt::xarray<double>({1, 2}), "w");
  const SharedVar lr = number(0.5, "lr");
  const Var x = dvector("x");
  Function train = function({x}, {sum(w * x)}, {.updates = {{w, w - lr * x}}, .name = "train"});
  const SharedVar u = shared(xt::xarray<double>({10, 20}), "u");
  Function other = train.copy({.swap = {{w, u}}, .name = "other"});
  const std::vector<double> ones{1, 1};
  const Outputs first = train(ones);
  CHECK(other(ones).scalar<double>(0) == 30);
  CHECK(first.scalar<double>(0) == 3);
  CHECK(w.get_value<double>() == xt::xarray<double>{0.5, 1.5});
  CHECK(u.get_value<double>() == xt::xarray<double>{9.5, 19.5});
  lr.set_value(1.0);
  other(ones);
  CHECK(u.get_value<double>() == xt::xarray<double>{8.5, 18.5});
  CHECK(other.name() == "other");
  Function looks = train.copy({.delete_updates = true});
  CHECK(looks(ones).scalar<double>(0) == 2);
  CHECK(looks(ones).scalar<double>(0) == 2);
  CHECK(contains(error_of<TypeError>([&] { train.copy({.swap = {{w, lr}}}); }), "'lr'"));
  CHECK(contains(error_of<GraphError>([&] { train.copy({.swap = {{u, w}}}); }), "'u'"));
  CHECK_THROWS_AS(train.copy({.swap = {{w, x}}}), GraphError);
}

TEST_CASE("copy: a loop reads the swapped variable") {
  const SharedVar w = number(2, "w");
  const SharedVar u = number(3, "u");
  const Var x = dscalar("x");
  const Var power =
      scan([&](const Var& h) { return h * w; }, {.outputs_info = {x}, .n_steps = 4}).outputs[0][-1];
  Function f = function({x}, {power});
  Function g = f.copy({.swap = {{w, u}}});
  CHECK(f(1).scalar<double>(0) == 16);
  CHECK(g(1).scalar<double>(0) == 81);
}
