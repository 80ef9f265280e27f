#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/ops/decomposition/matrices.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::array;
using test::check_close;
using test::contains;
using test::definite;
using test::error_of;
using test::filled;
using test::normal;
using test::of;
using Bindings = std::vector<std::pair<Var, Array>>;

TEST_CASE("linear algebra: what is singular or not definite is an error that names the node") {
  const Var x = dmatrix("X");
  const Bindings flat{{x, array({2, 2}, {1, 2, 2, 4})}};
  const auto error = [](const Var& v, const Bindings& at) {
    return error_of<NumericError>([&] { evaluate(v, at); });
  };
  const std::string singular = error(matrix_inverse(x), flat);
  CHECK(contains(singular, "matrix_inverse"));
  CHECK(contains(singular, "the matrix is singular: pivot 1 is exactly 0"));
  CHECK(contains(singular, "'X'"));
  CHECK(contains(singular, "decomposition_refusals_test.cpp:"));
  const Var b = dvector("b");
  const Bindings both{flat[0], {b, test::vector({1, 2})}};
  CHECK(contains(error(solve(x, b), both), "is singular"));
  CHECK(contains(error(solve_triangular(x - x, b), both), "pivot 0 is exactly 0"));
  CHECK(contains(error(cholesky(x - 5), flat), "not positive definite: its leading block of 1"));
  CHECK(contains(error(cholesky(x), flat), "leading block of 2 rows"));
  const Var t = tensor3("T", float64);
  const Bindings batch{{t, array({2, 1, 1}, {1, -1})}};
  CHECK(contains(error(cholesky(t), batch), "matrix 1 of the batch is not positive definite"));
  const Bindings rotation{{x, array({2, 2}, {0, -1, 1, 0})}};
  CHECK(contains(error(eig(x).values, rotation), "an eigenvalue that is not real: 0 + 1i"));
  CHECK(contains(error(eig(x).values, rotation), "complex numbers are not supported"));
  const Bindings at{{x, array({2, 2}, {1, 2, 2, 4})}};
  CHECK(evaluate(det(x), at).item<double>() == 0);
  CHECK(evaluate(slogdet(x).sign, at).item<double>() == 0);
  CHECK(evaluate(slogdet(x).logabsdet, at).item<double>() == -INFINITY);
}

TEST_CASE("linear algebra: shapes that do not fit are errors with the operands") {
  const Var a = input({float32, {2, 3}}, "a");
  const Var s = input({float32, {3, 3}}, "s");
  const auto says = [](auto f, const std::string& what) {
    const std::string text = error_of<ShapeError>(f);
    CAPTURE(text);
    CHECK(contains(text, what));
    CHECK(contains(text, "decomposition_refusals_test.cpp:"));
  };
  says([&] { cholesky(a); }, "expected a square matrix, or a batch of them, got float32 (2, 3)");
  says([&] { det(vector("v")); }, "expected a matrix, or a batch of matrices, got float32 (?,)");
  says([&] { cholesky(vector("v"), false); }, "expected a matrix");
  says([&] { svd(vector("v")); }, "expected a matrix");
  says([&] { qr(vector("v")); }, "expected a matrix");
  says([&] { solve(s, input({float32, {2}}, "b")); }, "the numbers of rows do not fit, 3 and 2");
  says([&] { solve(s, scalar("b")); }, "expected a square matrix and a vector");
  says(
      [&] {
        solve(input({float32, {2, 3, 3}}), input({float32, {4, 3, 1}}));
      },
      "leading axes do not fit, 2 and 4");
  const Var x = dmatrix("x");
  const Bindings at{{x, filled({2, 3}, 1)}};
  for (const Var& v : {det(x), matrix_inverse(x), eigvalsh(x), expm(x)}) {
    const std::string text = error_of<ShapeError>([&] { evaluate(v, at); });
    CHECK(contains(text, "expected a square matrix"));
    CHECK(contains(text, "'x'"));
  }
}

TEST_CASE("linear algebra: several pairs of axes are held to each other when a function runs") {
  const Var a = tensor3("a", float64), b = tensor3("b", float64);
  const Bindings at{{a, filled({2, 2, 3}, 1)}, {b, filled({2, 3, 2}, 1)}};
  // Six elements either way.
  CHECK(contains(error_of<ShapeError>([&] { evaluate(batched_tensordot(a, b), at); }),
                 "batched_tensordot"));
  CHECK(contains(error_of<ShapeError>([&] {
                   evaluate(tensordot(a, b, {1, 2}, {1, 2}), at);
                 }),
                 "tensordot"));
  CHECK(evaluate(tensordot(a, b, {1, 2}, {2, 1}), at).elements() == 4);
  const Var y = dmatrix("y");
  const Bindings other{{a, filled({2, 3, 6}, 1)}, {y, filled({3, 2}, 1)}};
  error_of<ShapeError>([&] { evaluate(tensorsolve(a, y), other); });
}

TEST_CASE("matrix_power: of a matrix that is not square is an error, whatever the power") {
  const Var x = dmatrix("x"), batch = tensor3("batch", float64);
  const Bindings at{{x, filled({3, 1}, 1)}, {batch, filled({2, 1, 3}, 1)}};
  for (const int n : {-2, -1, 0, 1, 2, 5}) {
    for (const Var& v : {x, batch}) {
      const std::string text = error_of<ShapeError>([&] { evaluate(matrix_power(v, n), at); });
      CAPTURE(text);
      CHECK(contains(text, "'" + v.name() + "'"));
      CHECK(contains(text, "decomposition_refusals_test.cpp:"));
      Function f = function({v}, {sum(matrix_power(v, n))});
      CHECK_THROWS_AS(f(v.ndim() == 2 ? at[0].second : at[1].second), ShapeError);
    }
  }
  const Array a = normal({4, 3, 3});
  const Bindings square{{batch, a}};
  check_close(evaluate(matrix_power(batch, 1), square), a, 0);
  check_close(evaluate(matrix_power(batch, 3), square),
              evaluate(matmul(matmul(batch, batch), batch), square), 1e-12);
}
