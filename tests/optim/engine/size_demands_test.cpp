#include <functional>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/engine/mode.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

Array zeros_of(const Shape& shape) { return Array(float32, shape); }
Array integer(std::int64_t n) { return Array::scalar(n); }

/// An expression of inputs that fit, and of others that do not.
struct Mismatch {
  const char* name;
  Vars inputs;
  Var output;
  std::vector<Array> good, bad;
};

Array run(const Mismatch& c, const Mode& mode, const std::vector<Array>& at) {
  Function f = function(c.inputs, {c.output}, {.mode = mode, .on_unused_input = Unused::ignore});
  return at.size() == 1 ? f(at[0])[0] : f(at[0], at[1])[0];
}

std::vector<Mismatch> mismatches() {
  const Var m = matrix("m"), y = matrix("y"), v = vector("v");
  const Var n = lscalar("n"), i = lscalar("i"), k = lvector("k");
  const std::vector<Array> fit{zeros_of({2, 3}), zeros_of({2, 3})};
  const std::vector<Array> differ{zeros_of({2, 3}), zeros_of({2, 4})};
  const auto pair = [&](const char* name, const Var& out) {
    return Mismatch{name, {m, y}, out, fit, differ};
  };
  const Var sm = sigmoid(m), sy = sigmoid(y);
  const Var yes = constant(Array::scalar(true));
  return {
      pair("a product with zero", 0.0 * sm * sy),
      pair("zeros of a product's shape", zeros_like(m * y)),
      pair("the shape of a sum", (m + y).shape(0)),
      pair("a choice that is known", where(yes, m, y)),
      pair("what cancels", exp(m) + (cast(y > 0, int64) - cast(y > 0, int64))),
      pair("the maximum of one", maximum(sm * sy, sm * sy) * 0.0),
      pair("the shape of a concatenation", concatenate({m, y}, 0).shape(0)),
      pair("part of a concatenation", concatenate({m, y}, 0)(range(0, 1))),
      pair("a sum of ones of a shape", sum(ones_like(m * y))),
      pair("a size of a product", size(dot(m.T(), y)) + size(m + y)),
      pair("a gradient without the value", grad(sum(m + y), m)),
      {"zeros added",
       {n, m},
       zeros({n, 4}) + m,
       {integer(2), zeros_of({2, 4})},
       {integer(2), zeros_of({3, 4})}},
      {"broadcast_to of a broadcast",
       {n, v},
       broadcast_to(broadcast_to(v, {n, 3}), {4, 3}),
       {integer(4), zeros_of({3})},
       {integer(2), zeros_of({3})}},
      {"broadcast_to of a vector",
       {v, n},
       broadcast_to(v, {n}),
       {zeros_of({3}), integer(3)},
       {zeros_of({3}), integer(2)}},
      {"set_subtensor read back",
       {v, y},
       set_subtensor(v(range(3)), y[0])(range(3)),
       {zeros_of({5}), zeros_of({1, 3})},
       {zeros_of({5}), zeros_of({1, 4})}},
      {"an element set and read back",
       {v, i},
       set_subtensor(v[i], 1.0)[i],
       {zeros_of({3}), integer(-3)},
       {zeros_of({3}), integer(3)}},
      {"an element times zero",
       {k, i},
       k[i] * 0,
       {Array(int64, {3}), integer(2)},
       {Array(int64, {3}), integer(-4)}},
      {"elements times zero",
       {k, i},
       sum(k[make_vector({i, i})] * 0),
       {Array(int64, {3}), integer(2)},
       {Array(int64, {3}), integer(5)}},
      {"the largest of none", {k}, max(k) * 0, {Array(int64, {2})}, {Array(int64, {0})}},
      {"the least of none", {m}, min(m, 1).shape(0), {zeros_of({2, 3})}, {zeros_of({2, 0})}},
      {"where the largest of none is",
       {m},
       argmax(m, 0) * 0,
       {zeros_of({2, 3})},
       {zeros_of({0, 3})}},
      {"the length of a range without steps",
       {n},
       arange(0, 5, n).shape(0),
       {integer(2)},
       {integer(0)}},
      {"a range of reals without steps",
       {n},
       zeros_like(arange(0.0, 5.0, cast(n, float64))),
       {integer(2)},
       {integer(0)}},
      {"the identity of a negative size", {n}, sum(eye(n)), {integer(2)}, {integer(-1)}},
      {"a repetition of a negative number",
       {v, n},
       sum(zeros_like(repeat(v, n))),
       {zeros_of({3}), integer(2)},
       {zeros_of({3}), integer(-2)}},
      {"repetitions of other rows",
       {v, k},
       repeat(v, k).shape(0),
       {zeros_of({3}), Array(int64, {3})},
       {zeros_of({3}), Array(int64, {2})}},
      {"a piece of negative length",
       {v, n},
       split(v, {n, 3 - n})[0] * 0.0,
       {zeros_of({3}), integer(2)},
       {zeros_of({3}), integer(4)}},
      {"pieces that do not fill",
       {v, n},
       split(v, {n, 1})[0].shape(0),
       {zeros_of({3}), integer(2)},
       {zeros_of({3}), integer(1)}},
      {"a sum of ones", {n}, sum(ones({n - 4})), {integer(4)}, {integer(3)}},
      {"a product of inner sizes",
       {m, y},
       zeros_like(dot(m, y)),
       {zeros_of({2, 3}), zeros_of({3, 2})},
       differ},
      {"a reshape of zeros",
       {m, n},
       zeros_like(reshape(m, {n, 2})),
       {zeros_of({2, 3}), integer(3)},
       {zeros_of({2, 3}), integer(2)}},
      {"an open size beside one that turns out to be 0",
       {m, n},
       reshape(m, {-1, n}) / 1 * 0,
       {zeros_of({2, 3}), integer(3)},
       {zeros_of({0, 3}), integer(0)}},
      {"an open size beside one that turns out to be 0, of which nothing but the shape is read",
       {m, n},
       sum(zeros_like(reshape(m, {-1, n}))),
       {zeros_of({2, 3}), integer(3)},
       {zeros_of({0, 3}), integer(0)}},
      {"a promised size",
       {m, n},
       zeros_like(specify_shape(m, {n, -1})),
       {zeros_of({2, 3}), integer(2)},
       {zeros_of({2, 3}), integer(3)}},
  };
}

}  // namespace

TEST_CASE("size demands: what raises as written raises in every mode, with the user's line") {
  for (const Mismatch& c : mismatches()) {
    const std::string name = c.name;
    CAPTURE(name);
    for (const Mode& mode : {Mode::none(), Mode::fast_compile(), Mode::fast()}) {
      CHECK_NOTHROW(run(c, mode, c.good));
      const std::string text = error_of<ShapeError>([&] { run(c, mode, c.bad); });
      CAPTURE(text);
      CHECK(contains(text, "size_demands_test.cpp"));
    }
  }
}

TEST_CASE("size demands: what is in a loop is asked for when the loop runs") {
  const Var m = matrix("m"), y = matrix("y"), n = lscalar("n");
  const auto result = scan([&](const Var& h) { return 0.5 * h + sum(zeros_like(m * y)); },
                           {.outputs_info = {constant(Array::scalar(1.0F))}, .n_steps = n});
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    Function f = function({m, y, n}, {result.outputs[0]}, {.mode = mode});
    CHECK_NOTHROW(f(zeros_of({2, 3}), zeros_of({2, 3}), 2));
    CHECK_THROWS_AS(f(zeros_of({2, 3}), zeros_of({2, 4}), 2), ShapeError);
    CHECK_NOTHROW(f(zeros_of({2, 3}), zeros_of({2, 4}), 0));
  }
}

TEST_CASE("size demands: what a branch asks is asked for when it is taken") {
  const Var m = matrix("m"), y = matrix("y"), c = bscalar("c");
  const Var chosen = ifelse(c, sum(zeros_like(m * y)), 0.0);
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    Function f = function({m, y, c}, {chosen}, {.mode = mode});
    CHECK_THROWS_AS(f(zeros_of({2, 3}), zeros_of({2, 4}), true), ShapeError);
    CHECK_NOTHROW(f(zeros_of({2, 3}), zeros_of({2, 4}), false));
  }
}

TEST_CASE("size demands: a function that still asks for all is left as it is") {
  const Var m = matrix("m"), y = matrix("y"), W = matrix("W"), b = vector("b");
  const Var h = tanh(dot(m, W) + b);
  const Var cost = sum(sqr(h - y));
  const Vars g = grad(cost, {W, b});
  const std::string text = debugprint(function({m, y, W, b}, {cost, g[0], g[1]}));
  CAPTURE(text);
  CHECK(!contains(text, "size_check"));
}

TEST_CASE("size demands: a number of steps is no size because something has as many rows") {
  const Var k = lscalar("k"), v0 = vector("v0"), A = matrix("A");
  const auto once =
      scan([&](const Var& h) { return tanh(dot(h, A)); }, {.outputs_info = {v0}, .n_steps = k});
  const Var rows = sum(once.outputs[0], 1);
  const auto twice = scan([](const Var& x, const Var& h) { return x + h; },
                          {.sequences = {rows}, .outputs_info = {Var(Arg(0.0F).var())}});
  for (const Var& size : {once.outputs[0].shape(0), twice.outputs[0].shape(0),
                          concatenate({zeros({k, 2}), zeros({k, 2})}, 0).shape(0)}) {
    for (const Mode& mode : {Mode::none(), Mode::fast()}) {
      Function f = function({k, v0, A}, {size}, {.mode = mode, .on_unused_input = Unused::ignore});
      CHECK_NOTHROW(f(3, zeros_of({2}), zeros_of({2, 2})));
      CHECK_THROWS_AS(f(-1, zeros_of({2}), zeros_of({2, 2})), ShapeError);
    }
  }
}

TEST_CASE("size demands: what compiling learns of sizes is no error where nothing runs into it") {
  const auto size = [](std::int64_t n) {
    return constant(Array::scalar(n)) * constant(Array::scalar(std::int64_t{1}));
  };
  const Var c = bscalar("c"), k = lscalar("k"), m = matrix("m");
  const Var none = zeros({size(0), 2}), two = zeros({size(2), 2});
  const Var three = specify_shape(m, {3, 1});
  const std::vector<std::function<Var()>> wrong{
      [&] { return sum(none[0]); },
      [&] { return sum(dot(two.T(), three)); },
      [&] { return sum(two + m); },
      [&] {
        return sum(reshape(two, {3, -1}));
      },
      [&] { return sum(set_subtensor(two[2], 1)); },
      [&] {
        return sum(concatenate({two, three}, 1));
      },
      [&] { return max(none[range(0, 0)]); },
  };
  const Array M = zeros_of({3, 1});
  for (const Mode& mode : {Mode::none(), Mode::fast_compile(), Mode::fast()}) {
    const FunctionOptions options{.mode = mode, .on_unused_input = Unused::ignore};
    for (const auto& x : wrong) {
      CAPTURE(pprint(x()));
      Function chosen = function({c, m}, {ifelse(c, x(), 5.0F)}, options);
      CHECK(chosen(false, M).scalar<float>(0) == 5);
      CHECK_THROWS_AS(chosen(true, M), ShapeError);
      const Var states = scan([&](const Var& h) { return h + x(); },
                              {.outputs_info = {Var(Arg(0.0F).var())}, .n_steps = k})
                             .outputs[0];
      Function loop = function({k, m}, {states.shape(0), sum(states)}, options);
      CHECK(loop(0, M).scalar<std::int64_t>(0) == 0);
      CHECK_THROWS_AS(loop(1, M), ShapeError);
    }
  }
}
