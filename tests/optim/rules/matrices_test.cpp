#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include <damo/core.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/rule_cases.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases cases() {
  const Var m = matrix("m", float64);
  const Var x = matrix("x", float64);
  const Var v = vector("v", float64);
  return {
      {"product_with_diagonal", dot(diag(v), x), dot(diag(v, 1), x)},
      {"solve_of_triangle", solve(tril(m), x), solve(tril(m, 1), x)},
      {"transpose_of_symmetric", matrix_inverse(dot(m, m.T())).T(), matrix_inverse(m).T()},
  };
}
const RuleTheme theme(cases);

bool fires(const std::string& rule, const Var& y) {
  Vars inputs;
  for (const Var& v : leaves(Vars{y})) {
    if (is_input(v)) inputs.push_back(v);
  }
  Function f = function(inputs, {y});
  return contains(f.trace(), rule);
}

Array random_matrix(std::mt19937& rng, DType dtype, const Shape& shape, double diagonal = 0) {
  std::normal_distribution<double> draw;
  Array a(float64, shape);
  const std::int64_t n = shape.rank() < 2 ? 1 : shape.back();
  for (std::int64_t i = 0; i < a.elements(); ++i)
    a.data<double>()[i] = draw(rng) + (i % (n * n) % (n + 1) == 0 ? diagonal : 0);
  return a.cast(dtype);
}

}  // namespace

TEST_CASE("rules: of kinds of matrices apply where they should and nowhere else") {
  check_cases(cases());
}

TEST_CASE("rules: products with diagonals are scaled rows and columns, and nothing else is") {
  const Var x = dmatrix("x"), v = dvector("v"), w = dvector("w");
  for (const Var& y : {dot(diag(v), x), dot(x, diag(v)), dot(diag(v), w), dot(w, diag(v)),
                       dot(alloc_diag(exp(v)), x), dot(diag(v), diag(w)),
                       dot(diag(constant(test::vector({1, 2, 3}))), x)}) {
    CAPTURE(pprint(y));
    CHECK(fires("product_with_diagonal", y));
  }
  const Var i = arange(size_at(v, 0));
  for (const Var& y : {dot(diag(v, -1), x),
                       dot(set_subtensor(ones({v.shape(0), v.shape(0)}, float64)(i, i), v), x),
                       dot(inc_subtensor(zeros({v.shape(0), v.shape(0)}, float64)(i, i), v), x),
                       dot(set_subtensor(zeros({5, 5}, float64)(i, i), v), x)}) {
    CAPTURE(pprint(y));
    CHECK_FALSE(fires("product_with_diagonal", y));
  }
}

TEST_CASE("rules: solutions with a triangle are triangular, from either side") {
  const Var m = dmatrix("m"), b = dvector("b"), t = tensor3("t", float64),
            u = tensor3("u", float64);
  for (const Var& y : {solve(tril(m), b), solve(triu(m), b), solve(tril(t), u),
                       solve(tril(exp(m)).T(), b), solve(triu(m).T(), b), solve(tril(m, -2), b)}) {
    CAPTURE(pprint(y));
    CHECK(fires("solve_of_triangle", y));
  }
  for (const Var& y : {solve(tril(m, 1), b), solve(triu(m, -1), b), solve(m, tril(m))}) {
    CAPTURE(pprint(y));
    CHECK_FALSE(fires("solve_of_triangle", y));
  }
}

TEST_CASE("rules: of kinds of matrices keep values and gradients, of every size and dtype") {
  std::mt19937 rng(4);
  for (const DType dtype : {float32, float64}) {
    const Var m = matrix("m", dtype), x = matrix("x", dtype), v = vector("v", dtype);
    const Var s = dot(m, m.T()) + (m + m.T());
    const Vars outputs{dot(diag(v), x),
                       dot(x.T(), diag(v)),
                       dot(diag(v), v),
                       dot(diag(exp(v)), diag(v)),
                       solve(tril(m), x),
                       solve(triu(m), x),
                       solve(tril(m).T(), v),
                       solve(triu(m).T(), x),
                       dot(matrix_inverse(s).T(), x),
                       expm(m + m.T()).T()};
    Vars all = outputs;
    for (const Var& y : outputs) {
      for (const Var& w : {m, v})
        all.push_back(grad(sum(sqr(y)), w, {.disconnected_inputs = Disconnected::ignore}));
    }
    Function plain = function({m, x, v}, all, {.mode = Mode::none()});
    Function fast = function({m, x, v}, all);
    for (const std::int64_t n : {0, 1, 2, 5}) {
      const Array a = random_matrix(rng, dtype, {n, n}, 4);
      const Array b = random_matrix(rng, dtype, {n, 3});
      const Array c = random_matrix(rng, dtype, {n});
      const Outputs expected = plain(a, b, c), found = fast(a, b, c);
      for (std::size_t i = 0; i < all.size(); ++i) {
        CAPTURE(i);
        CAPTURE(n);
        check_close(found[i], expected[i], dtype == float32 ? 1e-3 : 1e-9);
      }
    }
  }
}

TEST_CASE("rules: batches of inverses that only a product reads are solutions") {
  std::mt19937 rng(5);
  const Var a = tensor3("a", float64), b = tensor3("b", float64), w = dmatrix("w");
  const Vars outputs{matmul(matrix_inverse(a), b), matmul(b, matrix_inverse(a)),
                     batched_dot(matrix_inverse(a), w), batched_dot(w, matrix_inverse(a))};
  for (const Var& y : outputs) CHECK(fires("batched", y));
  Vars all = outputs;
  for (const Var& y : outputs) all.push_back(grad(sum(sqr(y)), a));
  Function plain = function({a, b, w}, all, {.mode = Mode::none()});
  Function fast = function({a, b, w}, all);
  for (const std::int64_t n : {0, 1, 4}) {
    for (const std::int64_t batch : {0, 1, 3}) {
      const Array x = random_matrix(rng, float64, {batch, n, n}, 4);
      const Array y = random_matrix(rng, float64, {batch, n, n}),
                  z = random_matrix(rng, float64, {batch, n});
      const Outputs expected = plain(x, y, z), found = fast(x, y, z);
      for (std::size_t i = 0; i < all.size(); ++i) check_close(found[i], expected[i], 1e-9);
    }
  }
}

TEST_CASE("rules: a triangle cut from something smaller, stretched, is as large as its mask") {
  std::mt19937 rng(6);
  const Var b = dmatrix("b"), i = arange(3);
  const Var below = expand_dims(i, 1) >= expand_dims(i, 0), above = below.T();
  for (const Shape& shape : {Shape{3}, Shape{1, 3}, Shape{3, 1}, Shape{1, 1}, Shape{3, 3}}) {
    const Var part = input({float64, shape}, "part");
    Vars outputs;
    for (const Var& mask :
         {below, above, below(all(), range(0, 3)), Var(expand_dims(i, 1) > i - 1)}) {
      const Var m = where(mask, part, 0.0);
      outputs.push_back(solve(m, b));
      outputs.push_back(solve(m.T(), b));
      outputs.push_back(grad(sum(sqr(solve(m, b))), part));
    }
    Function plain = function({part, b}, outputs, {.mode = Mode::none()});
    Function fast = function({part, b}, outputs);
    CHECK(contains(fast.trace(), "solve_of_triangle"));
    const Array p = random_matrix(rng, float64, shape, 4), c = random_matrix(rng, float64, {3, 2});
    const Outputs expected = plain(p, c), found = fast(p, c);
    for (std::size_t k = 0; k < outputs.size(); ++k) check_close(found[k], expected[k], 1e-9);
  }
}

TEST_CASE("rules: a triangle that is singular is an error in every mode") {
  const Var m = dmatrix("m"), b = dvector("b");
  const Array singular = array({2, 2}, {1, 5, 7, 0});
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    Function f = function({m, b}, {solve(tril(m), b)}, {.mode = mode});
    error_of<NumericError>([&] { f(singular, test::vector({1, 2})); });
  }
}

TEST_CASE("rules: products with diagonals keep the NaN of 0 times what is not finite") {
  std::mt19937 rng(12);
  const std::vector<double> values{0, -0.0, 1, -3, 1e300, INFINITY, -INFINITY, NAN};
  for (const DType dtype : {float32, float64}) {
    const Var x = matrix("x", dtype), v = vector("v", dtype), w = vector("w", dtype);
    const Vars outputs{dot(diag(v), x),       dot(x.T(), diag(v)),     dot(diag(v), w),
                       dot(w, diag(v)),       dot(diag(v), diag(w)),   dot(diag(v), sigmoid(x)),
                       dot(diag(v), x * 0.5), dot(exp(x).T(), diag(w))};
    for (const Var& y : outputs) CHECK(fires("product_with_diagonal", y));
    Function plain = function({x, v, w}, outputs, {.mode = Mode::none()});
    const auto random = [&](const Shape& shape) {
      Array a(float64, shape);
      // Few of them, so that most elements are finite.
      for (std::int64_t i = 0; i < a.elements(); ++i)
        a.data<double>()[i] =
            rng() % 4 == 0 ? values[rng() % values.size()] : 0.5 * static_cast<double>(rng() % 9);
      return a.cast(dtype);
    };
    for (const Mode& mode : {Mode::fast_compile(), Mode::fast()}) {
      Function fast = function({x, v, w}, outputs, {.mode = mode});
      for (int round = 0; round < 40; ++round) {
        const std::int64_t n = round % 4;
        const Array a = random({n, 2}), b = random({n}), c = random({n});
        const Outputs expected = plain(a, b, c), found = fast(a, b, c);
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          CAPTURE(pprint(outputs[i]));
          check_close(found[i], expected[i], dtype == float32 ? 1e-6 : 1e-14);
        }
      }
    }
  }
}
