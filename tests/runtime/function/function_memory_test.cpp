#include <doctest/doctest.h>

#include <tests/support/allocations.hpp>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include "tests/support/values.hpp"

// Whose memory is read, written and handed out: In(mutable), In(borrow), Out(borrow), take.
using namespace damo;
using test::allocations;

namespace {

Array ramp(std::int64_t n) {
  Array a(float64, {n});
  for (std::int64_t i = 0; i < n; ++i) a.data<double>()[i] = static_cast<double>(i);
  return a;
}

In mutable_input(const Var& v) { return {v, {.mutable_ = true}}; }

}  // namespace

TEST_CASE("In mutable: an array that is moved in is computed in and comes out again") {
  const Var x = dvector("x"), i = lscalar("i");
  Function set = function({mutable_input(x), i}, {set_subtensor(x[i], -1.0)});
  Function twice = function({mutable_input(x)}, {tanh(x) * 2.0});
  Array a = ramp(5);
  const std::byte* memory = a.raw();
  a = set(std::move(a), 3).take(0);
  CHECK(a.raw() == memory);
  test::check_same_bits(a, test::vector({0, 1, 2, -1, 4}));
  a = twice(std::move(a)).take(0);
  CHECK(a.raw() == memory);
  CHECK(a.data<double>()[3] == 2 * std::tanh(-1.0));
  for (int k = 0; k < 4; ++k) a = set(std::move(a), k).take(0);
  const std::uint64_t before = allocations();
  for (int k = 0; k < 4; ++k) a = set(std::move(a), k).take(0);
  CHECK(allocations() == before);
  CHECK(a.raw() == memory);
}

TEST_CASE("In mutable: whatever is not moved in is only read") {
  const Var x = dvector("x");
  Function f = function({mutable_input(x)}, {set_subtensor(x[0], sum(x))});
  const auto check = [](const Outputs& out, double first, std::size_t n) {
    CHECK(out[0].elements() == static_cast<std::int64_t>(n));
    CHECK(out[0].data<double>()[0] == first);
  };
  Array a = ramp(4);
  const std::vector<double> v{1, 2};
  for (int round = 0; round < 3; ++round) {  // sizes and ways to pass alternate
    check(f(a), 6, 4);
    test::check_same_bits(a, ramp(4));
    check(f(v), 3, 2);
    CHECK(v == std::vector<double>{1, 2});
    check(f(ramp(7)), 21, 7);
    check(f(named("x", a)), 6, 4);
    test::check_same_bits(a, ramp(4));
    check(f(Array(float64, {1})), 0, 1);
    check(f(std::move(a)), 6, 4);
    a = ramp(4);
  }
  Function plain = function({x}, {set_subtensor(x[0], sum(x))});
  check(plain(std::move(a)), 6, 4);
  test::check_same_bits(a, ramp(4));  // NOLINT: an input that is not mutable takes nothing
}

TEST_CASE("In mutable: memory that another argument reads is not taken over") {
  const Var x = dvector("x"), y = dvector("y");
  Function f = function({mutable_input(x), mutable_input(y)}, {x * 2.0, y + x});
  Array a = ramp(3);
  const std::span<const double> tail(a.data<double>() + 1, 2);
  const Outputs same_twice = f(std::move(a), a);  // NOLINT
  CHECK(same_twice.array<double>(1) == xt::xarray<double>{0, 2, 4});
  Function g = function({mutable_input(x), y}, {exp(x), y * 1.0});
  const Outputs overlapping = g(std::move(a), tail);  // NOLINT
  CHECK(overlapping.array<double>(1) == xt::xarray<double>{1, 2});
}

TEST_CASE("In mutable: outputs that are the input and choices and loops see its value") {
  const Var x = dvector("x"), y = dvector("y"), c = bscalar("c");
  Function same_one = function({mutable_input(x)}, {x, x + 1.0});
  for (int round = 0; round < 2; ++round) {
    Array kept = ramp(3);
    const Outputs out = round == 0 ? same_one(kept) : same_one(std::move(kept));
    test::check_same_bits(out[0], ramp(3));
    CHECK(out[1].data<double>()[2] == 3);
  }
  Function choose = function({mutable_input(x), y, c}, {ifelse(c, x, y) * 1.0, sum(y)});
  for (const bool first : {true, false, true, false}) {
    const Outputs out = choose(ramp(2), ramp(6), first);
    test::check_same_bits(out[0], ramp(first ? 2 : 6));
  }
  const Var h =
      scan([](const Var& h) { return 0.5 * h; }, {.outputs_info = {x}, .n_steps = 3}).outputs[0];
  Function loop = function({mutable_input(x)}, {h[-1], sum(x)});
  CHECK(loop(ramp(3)).array<double>(0) == xt::xarray<double>{0, 0.125, 0.25});
  CHECK(loop(ramp(3)).scalar<double>(1) == 3);
}

TEST_CASE("In mutable: a shared variable may be updated to what was moved in") {
  const Var x = dvector("x");
  const SharedVar w = shared(ramp(3), "w");
  Updates updates;
  updates[w] = set_subtensor(x[0], 5.0);
  Function f = function({mutable_input(x)}, {sum(w)}, {.updates = updates});
  Array a = ramp(3);
  const std::byte* memory = a.raw();
  CHECK(f(std::move(a)).scalar<double>(0) == 3);
  CHECK(w.value().raw() == memory);
  CHECK(f(ramp(3)).scalar<double>(0) == 8);
}

TEST_CASE("In mutable: guards and checks leave every argument alone") {
  const Var x = dvector("x");
  for (const Mode& mode : {Mode::guard(), Mode::debug(), Mode::none()}) {
    CAPTURE(mode.text());
    Function f =
        function({mutable_input(x)}, {set_subtensor(exp(x)[0], 5.0), x * 2.0}, {.mode = mode});
    for (int round = 0; round < 2; ++round) {
      const Outputs out = f(ramp(2));
      CHECK(out.array<double>(0) == xt::xarray<double>{5, std::exp(1.0)});
      CHECK(out.array<double>(1) == xt::xarray<double>{0, 2});
    }
  }
}

TEST_CASE("In borrow: arguments are read where they are with or without it") {
  const Var x = dmatrix("x");
  for (const bool borrow : {false, true}) {
    Function f = function({In(x, {.borrow = borrow})}, {sum(x)});
    const Array large(float64, {200, 300});
    for (int warm = 0; warm < 3; ++warm) f(large);
    const std::uint64_t before = allocations();
    CHECK(f(large).scalar<double>(0) == 0);
    CHECK(allocations() == before);  // not 480 kB, nor anything else
  }
}

TEST_CASE("Out borrow: one buffer serves every call and without it results take turns") {
  const Var x = dvector("x");
  Function f = function({x}, {Out(x * 2.0, {.borrow = true}), x + 1.0});
  const Outputs first = f(ramp(3));
  const std::byte* lent = first[0].raw();
  const std::byte* own = first[1].raw();
  const Outputs second = f(ramp(3));
  CHECK(second[0].raw() == lent);
  CHECK(second[1].raw() != own);
  CHECK(first[1].raw() == own);
}

TEST_CASE("Outputs: memory that nobody holds is written again and no other") {
  const Var x = dvector("x");
  Function f = function({mutable_input(x)}, {x * 2.0, cumsum(x)});
  const std::byte* memory = f(ramp(3))[0].raw();
  for (int k = 0; k < 3; ++k) {
    const Outputs out = f(ramp(3));
    CHECK(out[0].raw() == memory);
    test::check_same_bits(out[1], test::vector({0, 1, 3}));
  }
  const Outputs held = f(ramp(3));
  const Outputs other = f(ramp(5));
  CHECK(other[0].raw() != held[0].raw());
  CHECK_THROWS_AS(f(ramp(3), ramp(3)), GraphError);
  test::check_same_bits(held[0], test::vector({0, 2, 4}));
  test::check_same_bits(f(held[0])[1], test::vector({0, 2, 6}));
  test::check_same_bits(held[0], test::vector({0, 2, 4}));
  test::check_same_bits(other[1], test::vector({0, 1, 3, 6, 10}));
}

TEST_CASE("Outputs: take hands memory over unless others hold it") {
  const Var x = dvector("x");
  Function f = function({x}, {x * 2.0, Out(x + 1.0, {.borrow = true})});
  Outputs out = f(ramp(3));
  const std::byte* memory = out[0].raw();
  const std::byte* lent = out[1].raw();
  const Array borrowed = Outputs(out).take(1);
  CHECK(borrowed.raw() != lent);
  const Outputs held = out;
  const Array copied = std::move(out).take(0);  // NOLINT
  CHECK(copied.raw() != memory);
  test::check_same_bits(copied, held[0]);
  const Array moved = f(ramp(3)).take(0);
  test::check_same_bits(moved, test::vector({0, 2, 4}));
  CHECK_THROWS_AS(f(ramp(3)).take(2), GraphError);
  CHECK(f(ramp(3)).array<double>(0) == xt::xarray<double>{0, 2, 4});
}

TEST_CASE("Function copy: shares what is not swapped and has memory of its own") {
  const Var x = dvector("x");
  const SharedVar w = shared(ramp(2), "w");
  Function f = function({x}, {Out(x * w, {.borrow = true})});
  Function g = f.copy();
  const Outputs a = f(test::vector({1, 1})), b = g(test::vector({2, 2}));
  CHECK(a[0].raw() != b[0].raw());
  CHECK(a[0].data<double>()[1] == 1);
  CHECK(b[0].data<double>()[1] == 2);
  w.set_array(test::vector({7, 7}));
  CHECK(g(test::vector({1, 1}))[0].data<double>()[0] == 7);
}
