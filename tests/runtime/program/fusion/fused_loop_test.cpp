#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include "tests/support/each_isa.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using damo::test::check_same_bits;
using damo::test::contains;
using damo::test::error_of;

namespace {

Array noise(DType dtype, const Shape& shape, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<double> real(-3, 3);
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<double>()[i] = real(engine);
  return a.cast(dtype);
}

void put(Array& a, std::int64_t i, double x) {
  if (a.dtype() == float32) a.data<float>()[i] = static_cast<float>(x);
  if (a.dtype() == float64) a.data<double>()[i] = x;
}

struct Leaves {
  Vars inputs;
  Vars matrices;  ///< all of the full shape or stretched to it
};

Leaves make_leaves() {
  Leaves leaves;
  const Var x = matrix("x");
  const Var y = matrix("y");
  const Var r = row("r");
  const Var c = col("c");
  const Var s = scalar("s");
  const Var k = matrix("k", int64);
  leaves.inputs = {x, y, r, c, s, k};
  leaves.matrices = {x, y.T(), x + r, x * c, y.T() - s, x + cast(k, float32)};
  return leaves;
}

std::vector<Array> values(std::int64_t m, std::int64_t n) {
  return {noise(float32, {m, n}, 1), noise(float32, {n, m}, 2), noise(float32, {1, n}, 3),
          noise(float32, {m, 1}, 4), noise(float32, {}, 5),     noise(int64, {m, n}, 6)};
}

/// One more elementwise node over earlier ones, picked at random.
Var random_node(const Vars& known, std::mt19937& engine) {
  const auto pick = [&] { return known[engine() % known.size()]; };
  const auto number = [&] {
    const Var v = pick();
    return v.dtype() == float32 ? v : cast(v, float32);
  };
  switch (engine() % 9) {
    case 0:
      return number() + number();
    case 1:
      return number() * pick();
    case 2:
      return sigmoid(number());
    case 3:
      return number() < number();
    case 4:
      return where(number() > 0.0, number(), pick());
    case 5:
      return maximum(pick(), number());
    case 6:
      return cast(number() * 4.0, int64);
    case 7:
      return tanh(pick() - 0.5);
    default:
      return 1.0 - number();
  }
}

void check_equal_to_reference(const Vars& inputs, const Vars& outputs,
                              const std::vector<Array>& arguments) {
  Function f = function(inputs, outputs, {.mode = Mode::none(), .on_unused_input = Unused::ignore});
  std::vector<std::pair<Var, Array>> bindings;
  std::vector<Argument> list;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    bindings.emplace_back(inputs[i], arguments[i]);
    list.emplace_back(arguments[i]);
  }
  const auto expected = evaluate(outputs, bindings);
  for (int repeat = 0; repeat < 2; ++repeat) {
    const Outputs out = f.call(list);
    for (std::size_t i = 0; i < outputs.size(); ++i) check_same_bits(out[i], expected[i]);
  }
}

}  // namespace

TEST_CASE("fused elementwise graphs have the bits of the nodes run one by one") {
  for (unsigned seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    std::mt19937 engine(seed);
    const Leaves leaves = make_leaves();
    Vars known = leaves.matrices;
    for (int n = 0; n < 25; ++n) known.push_back(random_node(known, engine));
    Vars outputs{known.back()};
    for (int n = 0; n < 3; ++n) outputs.push_back(known[engine() % known.size()]);
    // All inputs take part, so that none is unused.
    outputs.push_back(known[0] + known[1] + known[2] + known[3] + known[4] + known[5]);
    const Shape shapes[] = {{5, 7}, {1, 1}, {3, 1500}, {70, 90}, {0, 4}};
    const Shape& shape = shapes[seed % 5];
    check_equal_to_reference(leaves.inputs, outputs, values(shape[0], shape[1]));
  }
}

TEST_CASE("a chain of elementwise nodes is one instruction") {
  const Var x = matrix("x");
  const Var b = vector("b");
  const Var y = sigmoid(x * 2.0 + 1.0) * tanh(x);
  CHECK(function({x}, {y}, {.mode = Mode::none()}).n_instructions() == 1);
  // The bias is looked at as a row by an instruction of its own.
  CHECK(function({x, b}, {sigmoid(x + b)}, {.mode = Mode::none()}).n_instructions() == 2);
}

TEST_CASE("a value that leads back into a loop through another op is not taken into it") {
  const Var x = matrix("x");
  const Var a = exp(x);
  const Var outputs = a * 2.0 + dot(a, a);
  check_equal_to_reference({x}, {outputs}, {noise(float32, {6, 6}, 9)});
}

TEST_CASE("fused draws are the numbers of the draws alone") {
  const auto build = [](RandomStream& rng, const Var& p) {
    const Var u = rng.uniform({p.shape(0), p.shape(1)});
    return Vars{cast(u < sigmoid(p), float32), rng.normal({p.shape(0), p.shape(1)}) * 2.0 + p};
  };
  const Var p = matrix("p");
  for (const Shape& shape : {Shape{3, 5}, Shape{40, 300}}) {
    RandomStream rng(11);
    const Vars outputs = build(rng, p);
    const Array at = noise(float32, shape, 1);
    const std::pair<Var, Array> binding{p, at};
    const auto expected = evaluate(outputs, std::span(&binding, 1));
    Function f = function(p, outputs, {.mode = Mode::none()});
    const Outputs out = f(at);
    check_same_bits(out[0], expected[0]);
    check_same_bits(out[1], expected[1]);
  }
}

TEST_CASE("a draw of a sigmoid is made in one pass with the bits of drawing and comparing") {
  const Var z = matrix("z"), r = row("r");
  for (const Shape& shape : {Shape{0, 4}, Shape{1, 1}, Shape{3, 15}, Shape{7, 17}, Shape{5, 63},
                             Shape{9, 65}, Shape{40, 301}}) {
    Array at = noise(float32, shape, 1), row_at = noise(float32, {1, shape[1]}, 2);
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const float extremes[] = {infinity, -infinity, std::nanf(""), -0.0F, 200.0F, -200.0F};
    for (std::int64_t i = 0; i < at.elements(); i += 5) at.data<float>()[i] = extremes[i / 5 % 6];
    const std::pair<Var, Array> bindings[] = {{z, at}, {r, row_at}};
    for (const bool mean_too : {false, true}) {
      RandomStream rng(11);
      const Var p = sigmoid(z + r);
      const Var x = rng.bernoulli(p),
                y = cast(rng.uniform({z.shape(0), z.shape(1)}) < sigmoid(z), float32);
      const Vars outputs = mean_too ? Vars{x, y, p} : Vars{x, y};
      Function fast = function({z, r}, outputs),
               plain = function({z, r}, outputs, {.mode = Mode::none()});
      const Array state = rng.state();
      const auto expected = evaluate(outputs, bindings);
      test::on_each_isa([&] {
        for (Function* f : {&fast, &plain}) {
          rng.set_state(state);
          const Outputs out = (*f)(at, row_at);
          for (std::size_t k = 0; k < outputs.size(); ++k) check_same_bits(out[k], expected[k]);
        }
      });
    }
  }
}

TEST_CASE("a draw of a sigmoid takes transposed and stretched operands") {
  const Var z = matrix("z"), r = row("r");
  for (const Shape& shape : {Shape{3, 15}, Shape{65, 40}, Shape{300, 7}}) {
    RandomStream rng(12);
    const Vars outputs{rng.bernoulli(sigmoid(z.T())) * 2.0,
                       cast(rng.uniform({z.shape(0), z.shape(1)}) < sigmoid(r), float32) + z,
                       cast(rng.uniform({z.shape(0), z.shape(1)}) < sigmoid(r + 1.0), float32)};
    const std::pair<Var, Array> bindings[] = {{z, noise(float32, shape, 1)},
                                              {r, noise(float32, {1, shape[1]}, 2)}};
    const auto expected = evaluate(outputs, bindings);
    Function f = function({z, r}, outputs);
    CHECK(contains(debugprint(f), "bernoulli_logit"));
    const Outputs out = f(bindings[0].second, bindings[1].second);
    for (std::size_t k = 0; k < outputs.size(); ++k) check_same_bits(out[k], expected[k]);
  }
}

TEST_CASE("one thread and two threads give the same bits") {
  const int before = num_threads();
  const Var x = matrix("x");
  const Var r = row("r");
  RandomStream rng(3);
  const Var y = tanh(x + r) * sigmoid(x) + rng.normal({x.shape(0), x.shape(1)});
  Function f = function({x, r}, {y, y.sum(), dot(y, y.T())});
  const Array at = noise(float32, {300, 700}, 1);
  const Array row_at = noise(float32, {1, 700}, 2);
  const Array state = rng.state();
  set_num_threads(1);
  const Outputs one = f(at, row_at);
  rng.set_state(state);
  set_num_threads(2);
  const Outputs two = f(at, row_at);
  set_num_threads(before);
  for (std::size_t i = 0; i < 3; ++i) check_same_bits(one[i], two[i]);
}

TEST_CASE("sizes that do not fit inside a loop are an error that names both operands") {
  const Var x = matrix("x");
  const Var y = matrix("y");
  Function f = function({x, y}, {exp(x + 1.0) * y}, {.name = "f"});
  const std::string text = error_of<ShapeError>([&] {
    f(noise(float32, {2, 3}, 1), noise(float32, {2, 4}, 1));
  });
  CHECK(contains(text, "(2, 3)"));
  CHECK(contains(text, "(2, 4)"));
  CHECK(contains(text, "'y'"));
  CHECK(contains(text, "fused_loop_test.cpp"));
  CHECK(contains(text, "function 'f', instruction 1 of 1"));
}

TEST_CASE("an axis of run-time size 1 does not stretch") {
  const Var x = matrix("x");
  const Var y = matrix("y");
  Function f = function({x, y}, {exp(x) * y + 1.0});
  CHECK_THROWS_AS(f(noise(float32, {2, 3}, 1), noise(float32, {1, 3}, 1)), ShapeError);
}

TEST_CASE("a product that only a sum or difference reads is rounded before, as by itself") {
  for (const DType dtype : {float32, float64}) {
    const Var x = matrix("x", dtype), y = matrix("y", dtype), z = matrix("z", dtype);
    const Var product = x * y;
    const Vars outputs = {0.7 * x + y,         y + x * z,         x * y - z,   z - x * 1.3,
                          x * y + y * z,       x * y - x * y * z, product - z, product,
                          (x * y + z) * y - x, sqr(x * y - x)};
    for (const Shape& shape : {Shape{3, 5}, {40, 1100}, {1, 1}, {0, 2}}) {
      check_equal_to_reference(
          {x, y, z}, outputs,
          {noise(dtype, shape, 1), noise(dtype, shape, 2), noise(dtype, shape, 3)});
    }
  }
}

TEST_CASE("one step that goes straight through memory has the bits of the node alone") {
  const int before = num_threads();
  for (const DType dtype : {float32, float64}) {
    const Var x = vector("x", dtype), y = vector("y", dtype), s = scalar("s", dtype);
    const Var r = x * 1.0;  // a product that is there once for each reader
    for (const Var& result : {s * x + y, x * s + y, s * x - y, y - s * x, s * s + x, s * x + s,
                              s - s * x, x * x + x, s * s * x + y, x + y, x * s, x - s, -x, r + y,
                              where(x < s, x, y), sigmoid(x) * s, 2 * x + y, y - x * 0.01}) {
      for (const std::int64_t n : {0, 1, 63, 1025, 16384, 16385, 300001}) {
        std::vector<Array> arguments = {noise(dtype, {n}, 1), noise(dtype, {n}, 2),
                                        noise(dtype, {}, 3)};
        if (n > 1000) {
          put(arguments[0], 7, std::numeric_limits<double>::quiet_NaN());
          put(arguments[1], n - 1, -std::numeric_limits<double>::infinity());
        }
        for (const int threads : {1, 2}) {
          set_num_threads(threads);
          test::on_each_isa([&] { check_equal_to_reference({x, y, s}, {result}, arguments); });
        }
      }
    }
  }
  set_num_threads(before);
}
