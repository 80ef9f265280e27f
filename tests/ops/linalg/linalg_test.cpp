#include <optional>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/products/gemm.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::contains;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

Array counting(const Shape& shape) { return test::counting(shape, -3); }

std::string dims_of(const Var& v) { return dims_to_string(v.type().dims); }

}  // namespace

TEST_CASE("dot: a scalar multiplies") {
  const Var x = vector("x", float64);
  const Bindings at{{x, test::vector({1, 2})}};
  check_close(evaluate(dot(3, x), at), test::vector({3, 6}), 0);
}

TEST_CASE("dot: of integers and bools is an integer") {
  const Var a = lmatrix("a");
  const Var b = bmatrix("b");
  const Var f = matrix("f", float32);
  const Bindings at{{a, counting({2, 3}).cast(int64)},
                    {b, test::array({3, 1}, {1, 0, 1}).cast(boolean)},
                    {f, test::array({3, 1}, {0.5, 0, 1}).cast(float32)}};
  CHECK(dot(b, b.T()).dtype() == int64);
  check_close(evaluate(dot(a, b), at), test::array({2, 1}, {-3 - 1, 0 + 2}), 0);
  CHECK(dot(a, f).dtype() == float32);
  check_close(evaluate(dot(a, f), at), test::array({2, 1}, {-1.5 - 1, 0 + 2}), 0);
}

TEST_CASE("dot: sizes that do not fit are an error with both operands") {
  const Var v = input({float32, {20, 784}}, "v");
  const Var w = input({float32, {500, 784}}, "W");
  const std::string text = error_of<ShapeError>([&] { dot(v, w); });
  CHECK(contains(text, "dot: inner sizes differ, 784 and 500"));
  CHECK(contains(text, "float32 (20, 784)  'v' (an input)"));
  CHECK(contains(text, "float32 (500, 784) 'W'"));
  CHECK(contains(text, "linalg_test.cpp:"));
  const Var x = matrix("x", float64);
  const Bindings at{{x, counting({2, 3})}};
  CHECK(contains(error_of<ShapeError>([&] { evaluate(dot(x, x), at); }),
                 "inner sizes differ, 3 and 2"));
}

TEST_CASE("dot: of nothing is zero") {
  const Var a = matrix("a", float64);
  const Var b = matrix("b", float64);
  const Bindings at{{a, Array(float64, {2, 0})}, {b, Array(float64, {0, 3})}};
  check_close(evaluate(dot(a, b), at), Array(float64, {2, 3}), 0);
}

TEST_CASE("dot: of tensors sums over the last and the last but one axis") {
  const Var a = tensor3("a", float64);
  const Var b = tensor3("b", float64);
  const Array left = counting({2, 3, 4});
  const Array right = counting({5, 4, 2});
  const Bindings at{{a, left}, {b, right}};
  Array expected(float64, {2, 3, 5, 2});
  double* out = expected.data<double>();
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 3; ++j) {
      for (int p = 0; p < 5; ++p) {
        for (int q = 0; q < 2; ++q) {
          for (int k = 0; k < 4; ++k) {
            *out += left.data<double>()[(i * 3 + j) * 4 + k] *
                    right.data<double>()[(p * 4 + k) * 2 + q];
          }
          ++out;
        }
      }
    }
  }
  check_close(evaluate(dot(a, b), at), expected, 1e-14);
}

TEST_CASE("outer: multiplies each with each") {
  const Var x = vector("x", float64);
  const Var m = matrix("m", float64);
  const Bindings at{{x, test::vector({1, 2})}, {m, test::array({1, 3}, {1, 2, 3})}};
  check_close(evaluate(outer(x, m), at), test::array({2, 3}, {1, 2, 3, 2, 4, 6}), 0);
}

TEST_CASE("tensordot: over two axes it is the sum of products") {
  const Var a = matrix("a", float64);
  const Bindings at{{a, counting({2, 3})}};
  check_close(evaluate(tensordot(a, a), at), test::number(9 + 4 + 1 + 0 + 1 + 4), 0);
  check_close(evaluate(tensordot(a, a, {1}, {1}), at), evaluate(dot(a, a.T()), at), 1e-15);
  check_close(evaluate(tensordot(a, a, 0), at), evaluate(reshape(outer(a, a), {2, 3, 2, 3}), at),
              0);
  CHECK(dims_of(tensordot(input({float32, {2, 3, 4}}), input({float32, {4, 3, 5}}), {1, 2},
                          {1, 0})) == "(2, 5)");
}

TEST_CASE("tensordot: says which axes do not fit") {
  const Var a = input({float32, {2, 3}}, "a");
  CHECK(
      contains(error_of<ShapeError>([&] { tensordot(a, a, {0}, {1}); }), "sizes differ, 2 and 3"));
  CHECK(contains(error_of<ShapeError>([&] { tensordot(a, a, {0, 1}, {1}); }), "are paired with 1"));
  CHECK(contains(error_of<ShapeError>([&] { tensordot(a, a, {2}, {1}); }), "no axis 2"));
}

TEST_CASE("batched_dot: takes vectors for matrices") {
  const Var a = matrix("a", float64);
  const Var b = tensor3("b", float64);
  const Bindings at{{a, counting({2, 3})}, {b, counting({2, 3, 1})}};
  check_close(evaluate(batched_dot(a, a), at), test::vector({9 + 4 + 1, 0 + 1 + 4}), 0);
  check_close(evaluate(batched_dot(a, b), at), test::array({2, 1}, {14, 5}), 0);
  CHECK(contains(error_of<ShapeError>([&] { batched_dot(a, vector("v", float64)); }),
                 "expected a batch of vectors or matrices"));
}

TEST_CASE("products: gradients are those of finite differences") {
  const VerifyGradOptions all_ways{.second_order = true, .forward_mode = true};
  verify_grad([](const Var& a, const Var& b) { return dot(a, b); },
              {counting({2, 2, 3}), counting({3})}, all_ways);
  verify_grad([](const Var& a, const Var& b) { return outer(a, b); },
              {counting({2}), counting({3})}, all_ways);
  verify_grad(
      [](const Var& a, const Var& b) {
        return tensordot(a, b, {0, 2}, {1, 0});
      },
      {counting({2, 1, 3}), counting({3, 2, 2})}, all_ways);
  verify_grad([](const Var& a, const Var& b) { return batched_dot(a, b); },
              {counting({2, 3}), counting({2, 3, 2})}, all_ways);
}

TEST_CASE("gemm: random sums of products, with zeros and without, are those of plain arithmetic") {
  std::mt19937 rng(7);
  const auto below = [&](unsigned n) { return static_cast<std::int64_t>(rng() % n); };
  const auto random = [&](std::int64_t rows, std::int64_t cols, double share, DType dtype) {
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<double> values(static_cast<std::size_t>(rows * cols));
    for (double& v : values) v = (uniform(rng) + 1) / 2 < share ? uniform(rng) : 0;
    return Array::from(values, Shape{rows, cols}).cast(dtype);
  };
  const std::int64_t sizes[] = {0, 1, 3, 8, 70, 131, 200};
  const int before = num_threads();
  for (int round = 0; round < 120; ++round) {
    const DType dtype = round % 2 == 0 ? float32 : float64;
    const std::int64_t rows = sizes[below(7)], cols = sizes[below(7)];
    const Array start = random(rows, cols, 1, dtype);
    const SharedVar whole = shared(start, "whole");
    Var sum = whole;
    for (std::int64_t n = 1 + below(4); n > 0; --n) {
      const std::int64_t k = sizes[below(7)];
      const bool turned = below(2) == 0;
      const Array a = random(turned ? k : rows, turned ? rows : k, below(3) == 0 ? 1 : 0.1, dtype),
                  b = random(k, cols, 1, dtype);
      const double alpha = below(2) == 0 ? -0.5 : 0.3;
      const Var left = turned ? constant(a).T() : constant(a);
      sum =
          alpha < 0 ? sum - -alpha * dot(left, constant(b)) : sum + alpha * dot(left, constant(b));
    }
    const Array expected = function({}, sum, {.mode = Mode::none()})()[0];
    std::optional<Array> first;
    CAPTURE(round);
    CAPTURE(to_string(start.shape()));
    for (const int threads : {1, 3}) {
      set_num_threads(threads);
      whole.set_array(start);
      Function beside = function({}, sum);
      const Array found = beside()[0];
      check_close(found, expected, dtype == float32 ? 1e-5 : 1e-13);
      if (!first) first = found;
      test::check_same_bits(found, *first);
      Function in_place = function({}, {}, {.updates = {{whole, sum}}});
      in_place();
      test::check_same_bits(whole.value(), *first);
    }
  }
  set_num_threads(before);
}

TEST_CASE("gemm: products added a few rows at a time have the bits of one after the other") {
  const auto random = [](std::uint64_t stream, const Shape& shape) {
    return evaluate(cast(RandomStream(stream).normal({shape[0], shape[1]}), float32));
  };
  const int before = num_threads();
  for (const std::int64_t rows : {192, 300, 784}) {
    const Array c = random(1, {rows, 401}), a = random(2, {rows, 20}), b = random(3, {20, 401}),
                x = random(4, {rows, 130}), y = random(5, {130, 401});
    Array expected = c;
    const auto of = [](const Array& m) {
      return Matrix<const float>{m.data<float>(), m.shape()[0], m.shape()[1], m.shape()[1], 1};
    };
    const Matrix<float> to{expected.data<float>(), rows, 401, 401, 1};
    gemm(-0.5F, of(a), of(b), 1, to);
    gemm(0.25F, of(x), of(y), 1, to);
    const SharedVar whole = shared(c, "whole");
    const Var A = constant(a), B = constant(b), X = constant(x), Y = constant(y);
    for (const int threads : {1, 3}) {
      set_num_threads(threads);
      whole.set_array(c);
      const Var sum = whole - 0.5 * dot(A, B) + 0.25 * dot(X, Y);
      Function f = function({}, {sum}, {.updates = {{whole, sum}}});
      CHECK(contains(debugprint(f), "gemm"));
      test::check_same_bits(f()[0], expected);
      test::check_same_bits(whole.value(), expected);
      Function g = function({}, {}, {.updates = {{whole, sum}}});
      whole.set_array(c);
      g();
      test::check_same_bits(whole.value(), expected);
    }
  }
  set_num_threads(before);
}
