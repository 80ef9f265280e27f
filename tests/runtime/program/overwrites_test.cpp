#include <doctest/doctest.h>

#include <random>
#include <vector>

#include <damo/core.hpp>
#include <damo/graph/errors/error.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_same_bits;

namespace {

constexpr std::int64_t rows = 6, cols = 4;

Array random_array(std::mt19937& rng, const Shape& shape) {
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i)
    a.data<double>()[i] = static_cast<double>(rng() % 1000) / 64 - 5;
  return a;
}

Array positions(std::mt19937& rng, std::int64_t limit) {
  Array a(int64, Shape{3});
  for (std::int64_t i = 0; i < 3; ++i)
    a.data<std::int64_t>()[i] = static_cast<std::int64_t>(rng() % static_cast<unsigned>(limit));
  return a;
}

/// What a matrix of rows x cols may become.
Var next_value(std::mt19937& rng, const std::vector<SharedVar>& all, std::size_t own, const Var& x,
               const Var& i) {
  const Var w = all[own];
  const Var other = all[rng() % all.size()];
  switch (rng() % 12) {
    case 0:
      return w - 0.25 * x;
    case 1:
      return inc_subtensor(w[i], 0.5 * x[i]);
    case 2:
      return set_subtensor(w[i], 2 * x[i]);
    case 3:
      return inc_subtensor(w(range(1, 4)), x(range(2, 5)));
    case 4:
      return w + other;
    case 5:
      return w * 0.5 + flip(other, 0);
    case 6:
      return other * 1.0;
    case 7:
      return w + sum(other, 0, {.keepdims = true});
    case 8:
      return inc_subtensor(w[i], other[i]);
    case 9:
      return w + 0.125 * dot(x, dot(x.T(), other));
    case 10:
      return ifelse(sum(x) > 0.0, w - x, w + 1.0);
    default:
      return w - 0.5 * (w + x) * w;
  }
}

/// The matrix x as another view of its elements, or of some of them.
Var other_view(std::mt19937& rng, const Var& x) {
  switch (rng() % 9) {
    case 0:
      return x.T();
    case 1:
      return flip(x, 0);
    case 2:
      return flip(x, 1).T();
    case 3:
      return x(range(0, 2));
    case 4:
      return x(range(1, 3), range(0, 2));
    case 5:
      return x(range(0, 6, 2));
    case 6:
      return reshape(x, {-1, 2});
    case 7:
      return reshape(x, {1, -1});
    default:
      return x;
  }
}

}  // namespace

TEST_CASE("updates in place: any of them give what they are as outputs, and nothing on errors") {
  std::mt19937 rng(11);
  for (int round = 0; round < 120; ++round) {
    const Var x = matrix("x", float64), i = lvector("i");
    std::vector<SharedVar> state;
    for (int k = 0; k < 3; ++k) state.push_back(shared(random_array(rng, {rows, cols}), "w"));
    Updates updates;
    Vars values;
    for (std::size_t k = 0; k < state.size(); ++k) {
      values.push_back(next_value(rng, state, k, x, i));
      updates[state[k]] = values.back();
    }
    Vars outputs;
    if (round % 3 == 0) outputs = {sum(state[0]), Var(state[1])};
    if (round % 3 == 1) outputs = {values[2]};
    FunctionOptions options;
    options.on_unused_input = Unused::ignore;
    Function expected = function({x, i}, EntryList<Out>(values), options);
    options.updates = updates;
    Function train = function({x, i}, EntryList<Out>(outputs), options);
    for (int call = 0; call < 6; ++call) {
      const Array data = random_array(rng, {rows, cols});
      const bool outside = call % 2 == 1;
      const Array where = positions(rng, outside ? rows + 3 : rows);
      std::vector<Array> before;
      for (const SharedVar& w : state) before.push_back(w.value());
      bool failed = false;
      try {
        train(data, where);
      } catch (const Error&) {
        failed = true;
      }
      if (failed) {
        CHECK(outside);
        for (std::size_t k = 0; k < state.size(); ++k) check_same_bits(state[k].value(), before[k]);
        continue;
      }
      std::vector<Array> after;
      for (std::size_t k = 0; k < state.size(); ++k) {
        after.push_back(state[k].value());
        state[k].set_value(before[k]);
      }
      const Outputs wanted = expected(data, where);
      for (std::size_t k = 0; k < state.size(); ++k) {
        check_same_bits(wanted[k], after[k]);
        state[k].set_value(after[k]);
      }
    }
  }
}

TEST_CASE("updates in place: the variable keeps its memory") {
  std::mt19937 rng(3);
  const Var x = matrix("x", float64), i = lvector("i");
  SharedVar table = shared(random_array(rng, {rows, cols}), "table");
  SharedVar w = shared(random_array(rng, {rows, cols}), "w");
  SharedVar m = shared(random_array(rng, {rows, cols}), "m");
  const Var next_m = 0.5 * m + x;
  Function train = function(
      {x, i}, {sum(x)},
      {.updates = {
           {table, inc_subtensor(table[i], x(range(0, 3)))}, {m, next_m}, {w, w - 0.1 * next_m}}});
  const Array where = positions(rng, rows);
  const std::byte* memory[] = {table.value().raw(), w.value().raw(), m.value().raw()};
  for (int call = 0; call < 3; ++call) train(random_array(rng, {rows, cols}), where);
  CHECK(table.value().raw() == memory[0]);
  CHECK(w.value().raw() == memory[1]);
  CHECK(m.value().raw() == memory[2]);
}

TEST_CASE("updates in place: the second of two that fails leaves both as they were") {
  std::mt19937 rng(4);
  const Var x = matrix("x", float64), i = lvector("i"), j = lvector("j");
  SharedVar a = shared(random_array(rng, {rows, cols}), "a");
  SharedVar b = shared(random_array(rng, {rows, cols}), "b");
  Function train = function(
      {x, i, j}, {}, {.updates = {{a, inc_subtensor(a[i], x)}, {b, inc_subtensor(b[j], x)}}});
  const Array old_a = a.value(), old_b = b.value();
  const Array good = Array::from(std::vector<std::int64_t>{0, 1, 1});
  const Array bad = Array::from(std::vector<std::int64_t>{0, 6, 1});
  const Array part = random_array(rng, {3, cols});
  for (const auto& [first, second] : {std::pair{&good, &bad}, {&bad, &good}}) {
    const std::string text = test::error_of<ShapeError>(
        [&, &first = first, &second = second] { train(part, *first, *second); });
    CHECK(text.find("index 6 is out of bounds for axis 0 of size 6") != std::string::npos);
    check_same_bits(a.value(), old_a);
    check_same_bits(b.value(), old_b);
  }
  CHECK_THROWS_AS(train(random_array(rng, {2, cols}), good, good), ShapeError);
  check_same_bits(a.value(), old_a);
}

TEST_CASE("updates in place: an argument may be the variable's own value") {
  std::mt19937 rng(5);
  const Var x = matrix("x", float64);
  SharedVar w = shared(random_array(rng, {rows, cols}), "w");
  Function train = function({x}, {}, {.updates = {{w, w + flip(x, 0)}}});
  const Array old = w.value();
  train(w.value());
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) {
      CHECK(w.value().data<double>()[r * cols + c] ==
            old.data<double>()[r * cols + c] + old.data<double>()[(rows - 1 - r) * cols + c]);
    }
  }
}

TEST_CASE("updates in place: a variable may become a view of itself or of another") {
  std::mt19937 rng(6);
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    for (int round = 0; round < 100; ++round) {
      std::vector<SharedVar> state;
      for (int k = 0; k < 2; ++k) state.push_back(shared(random_array(rng, {6, 4}), "w"));
      Updates updates;
      Vars values;
      for (std::size_t k = 0; k < 2; ++k) {
        Var value = other_view(rng, state[rng() % 3 == 0 ? 1 - k : k]);
        if (rng() % 3 == 0) value = other_view(rng, value);
        if (rng() % 4 == 0) value = state[k] * 2.0;
        values.push_back(value);
        updates[state[k]] = value;
      }
      const std::vector<Array> expected = evaluate(values);
      Function step = function({}, {}, {.updates = updates, .mode = mode});
      step();
      for (std::size_t k = 0; k < 2; ++k) check_same_bits(state[k].value(), expected[k]);
    }
  }
}

TEST_CASE("updates in place: a variable may change its shape from call to call") {
  const Var x = matrix("x", float64);
  SharedVar w = shared(Array(float64, Shape{1, 2}), "w");
  Function grow = function({x}, {}, {.updates = {{w, concatenate({w, x}, 0) + 1.0}}});
  Function same = function({x}, {}, {.updates = {{w, w + x}}});
  grow(Array(float64, Shape{2, 2}));
  CHECK(to_string(w.value().shape()) == "(3, 2)");
  same(Array(float64, Shape{3, 2}));
  CHECK_THROWS_AS(same(Array(float64, Shape{2, 2})), ShapeError);
  w.set_value(Array(float64, Shape{0, 2}));
  grow(Array(float64, Shape{0, 2}));
  CHECK(to_string(w.value().shape()) == "(0, 2)");
}
