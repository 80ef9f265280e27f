#include <doctest/doctest.h>

#include <tests/support/allocations.hpp>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

TEST_CASE("In: arguments by name and values for arguments left out") {
  const Var x = dscalar("x");
  const Var y = dscalar("y");
  const Var z = dscalar();
  Function f = function({x, In(y, {.value = 10}), In(z, {.name = "third", .value = 0.5})},
                        {x * 100.0 + y + z});
  const auto at = [](const Outputs& out) { return out.scalar<double>(0); };
  CHECK(at(f(1)) == 110.5);
  CHECK(at(f(1, 20)) == 120.5);
  CHECK(at(f(1, 20, 3)) == 123);
  CHECK(at(f(1, named("third", 3))) == 113);
  CHECK(at(f(named("third", 3), named("x", 2))) == 213);
  CHECK(at(f(named("y", 7), 2)) == 207.5);
  CHECK(f.value("third").item<double>() == 0.5);
  CHECK(contains(error_of<GraphError>([&] { f(); }), "takes 3 arguments, got 0"));
  CHECK(contains(error_of<GraphError>([&] { f(1, 2, 3, 4); }), "got 4"));
  CHECK(
      contains(error_of<GraphError>([&] { f(1, named("x", 2)); }), "two arguments for input 'x'"));
  CHECK(contains(error_of<GraphError>([&] { f(1, named("q", 2)); }), "no input named 'q'"));
  CHECK(contains(error_of<GraphError>([&] { f.value("x"); }), "no value of its own"));
  const std::uint64_t before = test::allocations();
  f(1);
  f(1, named("third", 3));
  CHECK(test::allocations() == before);
}

TEST_CASE("In: a stored value follows its update after each call") {
  const Var x = dscalar("x");
  const Var total = dscalar("total");
  Function f = function({x, In(total, {.value = 0.0, .update = total + x})}, {total * 1.0});
  CHECK(f(1).scalar<double>(0) == 0);
  CHECK(f(2).scalar<double>(0) == 1);
  CHECK(f(3).scalar<double>(0) == 3);
  CHECK(f.value("total").item<double>() == 6);
  Function g = f.copy();
  CHECK(f(1, 100.0).scalar<double>(0) == 100);  // a given argument is what the update sees
  CHECK(f(0).scalar<double>(0) == 101);
  CHECK(g(1).scalar<double>(0) == 6);
  CHECK(contains(error_of<GraphError>([&] {
                   function({x, In(total, {.update = x})}, {x, total});
                 }),
                 "'total'"));
  CHECK_THROWS_AS(function({x, In(total, {.value = 0.0, .update = dvector("v")})}, {x}),
                  ShapeError);
}

TEST_CASE("In: strict and allow_downcast decide what is converted") {
  const Var x = fscalar("x");
  const Var v = fvector("v");
  const Var i = lscalar("i");
  const std::vector<double> doubles{0.5, 0.1};
  Function plain = function({x, v, i}, {x + v[0] + cast(i, float32)});
  CHECK(plain(0.1, std::vector<float>{1}, 2.0).scalar<float>(0) == 0.1F + 1.0F + 2.0F);
  CHECK(contains(error_of<TypeError>([&] { plain(0.1, doubles, 2); }), "float64"));
  Function down = function({x, v, i}, {x + v[1], i}, {.allow_input_downcast = true});
  const Outputs out = down(1e30, doubles, 2.9);
  CHECK(out.scalar<float>(0) == 1e30F + 0.1F);
  CHECK(out.scalar<std::int64_t>(1) == 2);
  CHECK(down(std::vector<int>{1}[0], std::vector<int>{3, 4}, 1).scalar<float>(0) == 5);
  Function never = function({In(x, {.allow_downcast = false})}, {x * 2.0});
  CHECK(never(0.5).scalar<float>(0) == 1);
  CHECK(contains(error_of<TypeError>([&] { never(0.1); }), "allow_downcast is false"));
  Function strict = function({In(x, {.strict = true}), In(i, {.strict = true})}, {x * 2.0, i});
  CHECK(strict(0.1, 3).scalar<float>(0) == 0.2F);
  CHECK(contains(error_of<TypeError>([&] { strict(1, 3); }), "strict"));
  CHECK(contains(error_of<TypeError>([&] { strict(1.0, 3.0); }), "'i'"));
}

TEST_CASE("Out: named outputs") {
  const Var x = dvector("x");
  const Var y = (x * 2.0).named("double");
  Function f = function({x}, {Out(sum(x), {.name = "cost"}), y});
  const Outputs out = f(std::vector<double>{1, 2});
  CHECK(out["cost"].item<double>() == 3);
  CHECK(out.scalar<double>("cost") == 3);
  CHECK(out.array<double>("double") == xt::xarray<double>{2, 4});
  CHECK(contains(error_of<GraphError>([&] { static_cast<void>(out["coast"]); }), "'coast'"));
}

TEST_CASE("Out: a value stays as it is unless it is borrowed") {
  const Var x = dvector("x");
  Function f = function({x}, {x * 2.0, Out(x + 1.0, {.borrow = true})});
  const Outputs first = f(std::vector<double>{1, 2});
  const Array& lent = first[1];
  CHECK(lent.values<double>()[1] == 3);
  const Outputs second = f(std::vector<double>{5, 6});
  CHECK(first.array<double>(0) == xt::xarray<double>{2, 4});
  CHECK(second.array<double>(0) == xt::xarray<double>{10, 12});
  CHECK(second.array<double>(1) == xt::xarray<double>{6, 7});
  CHECK(lent.values<double>()[1] == 7);
  CHECK(&first[1] == &second[1]);
}

TEST_CASE("function: unused inputs are errors or not as asked") {
  const Var x = dscalar("x");
  const Var y = dscalar("y");
  CHECK(contains(error_of<GraphError>([&] { function({x, y}, {x}); }), "Unused::ignore"));
  Function f = function({x, y}, {x + 1.0}, {.on_unused_input = Unused::ignore});
  CHECK(f(1, 2).scalar<double>(0) == 2);
  CHECK_NOTHROW(function({x, y}, {x + 1.0}, {.on_unused_input = Unused::warn}));
}

TEST_CASE("function: givens replace shared variables and expressions and build on one another") {
  const Var x = dvector("x");
  const Var i = lscalar("i");
  const Var j = lscalar("j");
  const SharedVar w = shared(xt::xarray<double>({1, 2, 3, 4}), "w");
  const Var h = x * w[0];
  Function f = function({j}, {h + 1.0}, {.givens = {{x, w(range(i, i + 2))}, {i, j - 1}}});
  CHECK(f(2).array<double>(0) == xt::xarray<double>{3, 4});
  const SharedVar other = shared(xt::xarray<double>({10}), "other");
  Function g = function({x}, {h + 1.0}, {.givens = {{w, other}}});
  CHECK(g(std::vector<double>{1}).array<double>(0) == xt::xarray<double>{11});
  const auto with = [&](std::vector<std::pair<Var, Var>> givens) {
    return error_of<GraphError>([&] { function({j}, {h, i}, {.givens = givens}); });
  };
  CHECK(contains(with({{x, h}}), "circle"));
  CHECK(contains(with({{i, j + 1}, {j, i + 1}}), "circle"));
  CHECK(contains(with({{i, j}, {i, j + 1}}), "two givens for int64 () 'i'"));
}

TEST_CASE("clone: other variables in the place of some") {
  const Var x = dscalar("x");
  const Var y = dscalar("y");
  const Var h = x * 2.0;
  const Var z = h + x;
  CHECK(eval(clone(z, {{x, y}}), {{y, 3.0}}).item<double>() == 9);
  CHECK(eval(clone(Vars{z, h}, {{h, y}})[0], {{x, 1.0}, {y, 5.0}}).item<double>() == 6);
  CHECK_THROWS_AS(clone(z, {{x, fscalar("f")}}), TypeError);
  CHECK_THROWS_AS(clone(z, {{x, y}, {x, h}}), GraphError);
}

TEST_CASE("eval: the value of a variable for values of others") {
  const Var x = dvector("x");
  const Var y = dscalar("y");
  const Var z = x * 2.0 + y;
  const SharedVar w = shared(2.0, "w");
  CHECK(to_xarray<double>(eval(z, {{x, std::vector<double>{1, 2}}, {y, 0.5}})) ==
        xt::xarray<double>{2.5, 4.5});
  CHECK(eval(sum(z), {{y, 1}, {x, xt::xarray<double>{1, 2, 3}}}).item<double>() == 15);
  CHECK(eval(w * 3.0).item<float>() == 6);
  w.set_value(5.0);
  const Var triple = w * 3.0;
  CHECK(eval(triple).item<float>() == 15);
  w.set_value(6.0);
  CHECK(eval(triple).item<float>() == 18);
  const Var doubled = x * 2.0;
  CHECK(eval(sqr(doubled), {{doubled, std::vector<double>{3}}}).values<double>()[0] == 9);
  CHECK(contains(error_of<GraphError>([&] { eval(z, {{y, 1}}); }), "'x'"));
}

TEST_CASE("a list of bools is an argument") {
  const Var b = bvector("b");
  Function f = function({b}, {not_(b)});
  CHECK(f(std::vector<bool>{true, false}).array<bool>(0) == xt::xarray<bool>{false, true});
}
