#include <doctest/doctest.h>

#include <tests/support/values.hpp>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>

using namespace damo;
using damo::test::check_close;
using damo::test::check_same_bits;
using damo::test::contains;
using damo::test::error_of;

namespace {

using Floats = xt::xarray<float>;

/// What the function returns must have the bits of the reference run of the graph it was rewritten
/// to, whose values are those of the graph as written.
void check_against_reference(const Vars& inputs, const Vars& outputs,
                             const std::vector<Array>& arguments) {
  Function f = function(inputs, outputs);
  std::vector<std::pair<Var, Array>> bindings;
  std::vector<Argument> list;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    bindings.emplace_back(inputs[i], arguments[i]);
    list.emplace_back(arguments[i]);
  }
  const auto expected = evaluate(f.graph().outputs, bindings);
  const auto written = evaluate(outputs, bindings);
  for (std::size_t i = 0; i < outputs.size(); ++i) check_close(expected[i], written[i], 1e-5);
  for (int repeat = 0; repeat < 3; ++repeat) {
    const Outputs out = f.call(list);
    for (std::size_t i = 0; i < outputs.size(); ++i) check_same_bits(out[i], expected[i]);
  }
}

Array range_array(const Shape& shape) {
  Array a(float32, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    a.data<float>()[i] = 0.25F * static_cast<float>(i % 11) - 1.0F;
  }
  return a;
}

}  // namespace

TEST_CASE("a compiled loop accumulates as the same steps written out") {
  const Var x = vector("x");
  auto [outs, updates] =
      scan([&](const Var& h) { return h * 2.0 + x; }, {.outputs_info = {x}, .n_steps = 3});
  Function f = function(x, outs[0]);
  const Var unrolled = ((x * 2.0 + x) * 2.0 + x) * 2.0 + x;
  Function g = function(x, unrolled);
  const Floats at{1.0F, -2.0F, 0.5F};
  CHECK(f(at)[0].shape() == Shape{3, 3});
  const Floats rows = f(at).array<float>(0);
  const Floats last = g(at).array<float>(0);
  for (std::size_t j = 0; j < 3; ++j) CHECK(rows(2, j) == last(j));
}

TEST_CASE("compiled loops over sequences with states and other outputs equal the reference") {
  const Var xs = matrix("xs");
  const Var h0 = vector("h0");
  const Var w = matrix("w");
  auto [outs, updates] = scan(
      [&](const Var& x, const Var& h) {
        const Var next = tanh(dot(h, w) + x);
        return Vars{next, next * next - x};
      },
      {.sequences = {xs}, .outputs_info = {h0, none}});
  check_against_reference({xs, h0, w}, {outs[0], outs[1]},
                          {range_array({7, 4}), range_array({4}), range_array({4, 4})});
}

TEST_CASE("compiled loops read sequences backwards and at taps") {
  const Var xs = matrix("xs");
  const Var h0 = matrix("h0");
  auto [outs, updates] =
      scan([&](const Var& a, const Var& b, const Var& h2,
               const Var& h1) { return a - 0.5 * b + h1 * h2; },
           {.sequences = {seq(xs, {-1, 0})}, .outputs_info = {init(h0, {-2, -1})}});
  check_against_reference({xs, h0}, {outs[0]}, {range_array({6, 3}), range_array({2, 3})});
  auto [back, more] = scan([&](const Var& x, const Var& h) { return x + 0.5 * h; },
                           {.sequences = {xs}, .outputs_info = {h0}, .go_backwards = true});
  check_against_reference({xs, h0}, {back[0]}, {range_array({6, 3}), range_array({1, 3})});
}

TEST_CASE("states that trade places keep their values apart") {
  const Var a = vector("a");
  const Var b = vector("b");
  auto [outs, updates] = scan(
      [&](const Var& p, const Var& q) {
        return Vars{q, p};
      },
      {.outputs_info = {a, b}, .n_steps = 5});
  Function f = function({a, b}, {outs[0], outs[1]});
  const Outputs out = f(Floats{1, 2}, Floats{3, 4});
  CHECK(out.array<float>(0)(4, 0) == 3.0F);
  CHECK(out.array<float>(0)(3, 0) == 1.0F);
  CHECK(out.array<float>(1)(4, 1) == 2.0F);
}

TEST_CASE("a loop ends after the step at which the condition holds") {
  const Var x = scalar("x");
  auto [outs, updates] = scan(
      [&](const Var& h) {
        const Var next = h * 2.0;
        return until(next, next > 20.0);
      },
      {.outputs_info = {x}, .n_steps = 50});
  Function f = function(x, outs[0]);
  CHECK(f(1).array<float>(0) == Floats{2, 4, 8, 16, 32});
  CHECK(f(30).array<float>(0) == Floats{60});
  CHECK(f(5).array<float>(0) == Floats{10, 20, 40});
}

TEST_CASE("the number of steps may change from call to call and be zero") {
  const Var n = lscalar("n");
  const Var x = vector("x");
  auto [outs, updates] =
      scan([&](const Var& h) { return h + 1.0; }, {.outputs_info = {x}, .n_steps = n});
  Function f = function({n, x}, outs[0]);
  CHECK(f(2, Floats{1, 2}).array<float>(0) == Floats{{2, 3}, {3, 4}});
  CHECK(f(0, Floats{1, 2})[0].shape() == Shape{0, 2});
  CHECK(f(3, Floats{5, 0}).array<float>(0) == Floats{{6, 1}, {7, 2}, {8, 3}});
}

TEST_CASE("an accumulating state is summed in place and its initial value stays as it was") {
  const Var xs = matrix("xs");
  const SharedVar start = shared(Floats{1, 2}, "start");
  auto [outs, updates] = scan([](const Var& x, const Var& total) { return total + x; },
                              {.sequences = {xs}, .outputs_info = {start}});
  Function f = function(xs, outs[0][-1]);
  for (int repeat = 0; repeat < 3; ++repeat) {
    CHECK(f(Floats{{1, 10}, {2, 20}, {3, 30}}).array<float>(0) == Floats{7, 62});
    CHECK(f(Floats{{1, 10}, {2, 20}}).array<float>(0) == Floats{4, 32});
  }
  CHECK(start.get_value<float>() == Floats{1, 2});
}

TEST_CASE("loops nest") {
  const Var x = vector("x");
  auto [outs, updates] = scan(
      [&](const Var& h) {
        auto [inner, u] = scan([&](const Var& g) { return g * 0.5 + x; },
                               {.outputs_info = {h}, .n_steps = 3, .name = "inner"});
        return inner[0].sum() + h;
      },
      {.outputs_info = {x}, .n_steps = 4, .name = "outer"});
  check_against_reference({x}, {outs[0]}, {range_array({5})});
}

TEST_CASE("draws differ from step to step and go on from call to call") {
  RandomStream rng(7);
  auto [outs, updates] = scan([&]() { return rng.uniform({3}); }, {.n_steps = 2});
  Function f = function({}, outs[0]);
  const Floats first = f().array<float>(0);
  const Floats second = f().array<float>(0);
  CHECK(first(0, 0) != first(1, 0));
  RandomStream same_rng(7);
  auto [again, more] = scan([&]() { return same_rng.uniform({3}); }, {.n_steps = 4});
  const Floats four = function({}, again[0])().array<float>(0);
  CHECK(first(0, 1) == four(0, 1));
  CHECK(first(1, 2) == four(1, 2));
  CHECK(second(0, 0) == four(2, 0));
  CHECK(second(1, 1) == four(3, 1));
}

TEST_CASE("gradients through compiled loops equal the reference") {
  const Var xs = matrix("xs");
  const Var w = matrix("w");
  const Var h0 = vector("h0");
  auto [outs, updates] = scan([&](const Var& x, const Var& h) { return tanh(dot(h, w) + x); },
                              {.sequences = {xs}, .outputs_info = {h0}});
  const auto g = grad(sqr(outs[0]).sum(), {w, h0, xs});
  check_against_reference({xs, w, h0}, {g[0], g[1], g[2]},
                          {range_array({5, 3}), range_array({3, 3}), range_array({3})});
}

TEST_CASE("errors inside a loop name the loop and the step") {
  const Var xs = matrix("xs");
  const Var b = vector("b");
  auto [outs, updates] = scan([&](const Var& x, const Var& h) { return h + x; },
                              {.sequences = {xs}, .outputs_info = {b}, .name = "adder"});
  Function f = function({xs, b}, outs[0], {.name = "f"});
  const std::string text = error_of<ShapeError>([&] { f(xt::ones<float>({2, 3}), Floats{1, 2}); });
  CHECK(contains(text, "scan 'adder', step 0"));
  CHECK(contains(text, "function 'f', instruction"));
  CHECK(f(xt::ones<float>({2, 2}), Floats{1, 2}).array<float>(0) == Floats{{2, 3}, {3, 4}});
}

TEST_CASE("a sequence that is too short is an error") {
  const Var xs = vector("xs");
  const Var n = lscalar("n");
  auto [outs, updates] = scan([&](const Var& x) { return x + 1.0; },
                              {.sequences = {xs}, .n_steps = n, .name = "walk"});
  Function f = function({xs, n}, outs[0]);
  const std::string text = error_of<ShapeError>([&] { f(Floats{1, 2}, 3); });
  CHECK(contains(text, "'walk': sequence 0 'xs' has 2 items, but n_steps is 3"));
}

TEST_CASE("a state whose shape changes is an error that names state and step") {
  const Var h0 = vector("h0");
  auto [outs, updates] = scan([&](const Var& h) { return flatten(outer(ones({2}), h)); },
                              {.outputs_info = {h0}, .n_steps = 3, .name = "grow"});
  Function f = function(h0, outs[0]);
  const std::string text = error_of<ShapeError>([&] { f(Floats{1, 2}); });
  CHECK(contains(text, "'grow': the carry of output 0"));
  CHECK(contains(text, "(4,)"));
  CHECK(contains(text, "step 0"));
}
