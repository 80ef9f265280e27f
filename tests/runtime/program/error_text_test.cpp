#include <doctest/doctest.h>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {
std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}
std::string here(int line) { return "made at error_text_test.cpp:" + std::to_string(line); }
}  // namespace

TEST_CASE("errors: a product that does not fit names operands and lines and the remedy") {
  const Var v = matrix("v");
  const Var W = input({float32, {784, 500}}, "W");
  const Var h = input({float32, {20, 784}}, "h");
  const int made = __LINE__ + 1;
  const std::string text = error_of<ShapeError>([&] { dot(h, W.T()); });
  CHECK(contains(text, "dot: inner sizes differ, 784 and 500\n"));
  CHECK(contains(text, "\n  left   float32 (20, 784)  'h' (an input), made at"));
  CHECK(contains(text, "\n  right  float32 (500, 784) transpose(W), " + here(made)));
  CHECK(contains(text, "\n  node   dot, " + here(made)));
  CHECK(contains(text, "\n  hint   dot(h, W) fits: W is (784, 500)"));
}

TEST_CASE("errors: of a run name function and instruction and sizes") {
  const Var v = matrix("v");
  const SharedVar W = shared(xt::xarray<float>(xt::zeros<float>({784, 500})), "W");
  const int made = __LINE__ + 1;
  Function f = function({v}, {dot(v, W.T())}, {.name = "train_rbm"});
  const xt::xarray<float> x = xt::zeros<float>({20, 784});
  const std::string text = error_of<ShapeError>([&] { f(x); });
  CAPTURE(text);
  CHECK(contains(text, "dot: inner sizes differ, 784 and 500\n"));
  CHECK(contains(text, "\n  left   float32 (20, 784)  'v' (an input)"));
  CHECK(contains(text, "\n  right  float32 (500, 784) transpose(W), " + here(made)));
  CHECK(contains(text, "\n  node   dot, " + here(made)));
  CHECK(contains(text, "\n  in     function 'train_rbm', instruction 2 of 2"));
  CHECK(contains(text, "\n  hint   dot(v, W) fits: W is (784, 500)"));
}

TEST_CASE("errors: a size that would have to stretch says how to declare it") {
  const Var x = matrix("x"), b = matrix("b");
  Function f = function({x, b}, {exp(x + b) * 2}, {.name = "f"});
  const xt::xarray<float> one = xt::zeros<float>({1, 3}), many = xt::zeros<float>({4, 3});
  const std::string text = error_of<ShapeError>([&] { f(many, one); });
  CAPTURE(text);
  CHECK(contains(text, "add: sizes differ at axis 0: 4 and 1"));
  CHECK(contains(text, "float32 (1, 3) 'b' (an input)"));
  CHECK(contains(text, "specify_shape(b, {1, -1})"));
  const Var c = vector("c");
  Function g = function({x, c}, {x + c});
  const std::string column = error_of<ShapeError>([&] { g(many, std::vector<float>{1, 2, 3, 4}); });
  CAPTURE(column);
  CHECK(contains(column, "hint   dimshuffle(c, {0, newaxis}) makes 'c' a column"));
}

TEST_CASE("errors: of sizes that differ name the inputs that they come from") {
  const Var x = matrix("data"), y = matrix("history");
  const SharedVar W = shared(Array(float32, {3, 2}), "W"), U = shared(Array(float32, {4, 2}), "U");
  const std::string wanted =
      "5 is the size of 'data' along axis 0, 6 that of 'history' along axis 0";
  for (const Mode& mode : {Mode::fast(), Mode::none()}) {
    Function f = function({x, y}, sum(tanh(dot(x, W)) * sqr(dot(exp(y), U))), {.mode = mode});
    CHECK(contains(error_of<ShapeError>([&] {
                     f(Array(float32, {5, 3}), Array(float32, {6, 4}));
                   }),
                   wanted));
  }
  Function turned = function({x, y}, x.T() * dot(y, U));
  CHECK(contains(error_of<ShapeError>([&] {
                   turned(Array(float32, {2, 5}), Array(float32, {6, 4}));
                 }),
                 "5 is the size of 'data' along axis 1, 6 that of 'history' along axis 0"));
}

TEST_CASE("errors: inside loops name every scan and step") {
  const Var x = vector("x"), y = vector("y"), n = lscalar("n");
  const auto [outer, u] = scan(
      [&](const Var& k) {
        const auto [inner, v] =
            scan([&](const Var& m) { return dot(exp(y[range(0, m + 1)]), x * cast(k, float32)); },
                 {.sequences = {arange(n)}, .name = "inner"});
        return sum(inner[0]) + cast(k, float32);
      },
      {.sequences = {arange(n)}, .name = "outer"});
  const std::vector<float> one{1}, two{1, 2};
  for (const Mode& mode : {Mode::fast(), Mode::none()}) {
    Function f = function({x, y, n}, {outer[0]}, {.name = "f", .mode = mode});
    CHECK_NOTHROW(f(one, two, 1));
    const std::string text = error_of<ShapeError>([&] { f(one, two, 2); });
    CAPTURE(text);
    CHECK(contains(text, "in     scan 'inner', step 1, instruction"));
    CHECK(contains(text, "in     scan 'outer', step 0, instruction"));
    CHECK(contains(text, "in     function 'f', instruction"));
    CHECK(count(text, "\n  node   ") == 1);
  }
  const std::vector<std::pair<Var, Array>> at{
      {x, Array::from(one)}, {y, Array::from(two)}, {n, Array::scalar(2L)}};
  const std::string text = error_of<ShapeError>([&] { evaluate(outer[0], at); });
  CHECK(contains(text, "in     scan 'inner', step 1\n  in     scan 'outer', step 0"));
}

TEST_CASE("errors: in a gradient name the line of the expression it is the gradient of") {
  const Var x = matrix("x", float64), y = matrix("y", float64);
  const int made = __LINE__ + 1;
  const Var product = dot(x, y);
  const Array a(float64, {2, 3}), b(float64, {4, 2});
  const std::string text = error_of<ShapeError>([&] {
    Function h = function({x, y}, {grad(sum(sqr(product)), x)}, {.name = "h"});
    h(a, b);
  });
  CAPTURE(text);
  CHECK(contains(text, "dot: inner sizes differ, 3 and 4"));
  CHECK(contains(text, here(made)));
  CHECK(contains(text, "function 'h'"));
}

TEST_CASE("errors: no message says the op's name twice") {
  const Var x = vector("x");
  Function f = function({x}, {max(x)});
  const std::string text = error_of<Error>([&] { f(std::vector<float>{}); });
  CAPTURE(text);
  CHECK(count(text.substr(0, text.find('\n')), "max") == 1);
  const std::string built = error_of<Error>([&] { concatenate({vector("a"), matrix("b")}); });
  CAPTURE(built);
  CHECK(count(built.substr(0, built.find('\n')), "concatenate") == 1);
}

TEST_CASE("errors: specify_shape is checked when the function runs and known while it is built") {
  const Var x = matrix("x");
  const Var s = specify_shape(x, {-1, 3});
  CHECK(to_string(s.type()) == "float32 (?, 3)");
  Function f = function({x}, {s * 2}, {.name = "f"});
  const xt::xarray<float> bad = xt::zeros<float>({2, 4});
  const std::string text = error_of<ShapeError>([&] { f(bad); });
  CAPTURE(text);
  CHECK(contains(text, "specify_shape: axis 1 was promised to be 3 and has size 4"));
  CHECK(contains(text, "input  float32 (2, 4) 'x' (an input)"));
}
