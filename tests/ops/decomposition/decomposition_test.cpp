#include <algorithm>
#include <cmath>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::array;
using test::check_close;
using test::contains;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

std::mt19937 rng(3);

Array normal(const Shape& shape) {
  std::normal_distribution<double> draw;
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<double>()[i] = draw(rng);
  return a;
}

Array filled(const Shape& shape, double value) {
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<double>()[i] = value;
  return a;
}

Array identity(std::int64_t n) {
  Array a = filled({n, n}, 0);
  for (std::int64_t i = 0; i < n; ++i) a.data<double>()[i * n + i] = 1;
  return a;
}

template <class F>
Array of(const Array& a, F&& f) {
  const Var x = input({a.dtype(), a.shape()}, "A");
  const Bindings at{{x, a}};
  return evaluate(f(x), at);
}

/// A positive definite matrix.
Array definite(std::int64_t n) {
  return of(normal({n, n}),
            [](const Var& x) { return matmul(x, x.T()) + eye(size_at(x, 0), float64); });
}

const VerifyGradOptions all_ways{.second_order = true, .forward_mode = true};

}  // namespace

TEST_CASE("linear algebra: factors multiply to the matrix, in every size and both dtypes") {
  for (const DType dtype : {float32, float64}) {
    const double tolerance = dtype == float32 ? 2e-4 : 1e-10;
    for (const std::int64_t m : {0, 1, 2, 3, 7, 33, 70}) {
      const Array s = definite(m).cast(dtype);
      check_close(of(s, [](const Var& x) { return matmul(cholesky(x), cholesky(x).T()); }), s,
                  tolerance);
      check_close(of(s,
                     [](const Var& x) {
                       const auto [w, v] = eigh(x);
                       return matmul(v * w, v.T());
                     }),
                  s, tolerance);
      check_close(of(s, [](const Var& x) { return matmul(x, matrix_inverse(x)); }),
                  identity(m).cast(dtype), tolerance * 10);
      for (const std::int64_t n : {0, 1, 3, 40}) {
        CAPTURE(m);
        CAPTURE(n);
        const Array a = normal({m, n}).cast(dtype);
        const auto rebuilt = [&](bool full) {
          return [full](const Var& x) {
            const auto [u, values, vt] = svd(x, {.full_matrices = full});
            const Var k = size_at(values, 0);
            return matmul(u(all(), range(k)) * values, vt[range(k)]);
          };
        };
        check_close(of(a, rebuilt(false)), a, tolerance);
        check_close(of(a, rebuilt(true)), a, tolerance);
        for (const QrMode mode : {QrMode::reduced, QrMode::complete}) {
          check_close(of(a,
                         [&](const Var& x) {
                           const auto [q, r] = qr(x, mode);
                           return matmul(q, r);
                         }),
                      a, tolerance);
        }
        check_close(of(a, [](const Var& x) { return matmul(matmul(x, pinv(x)), x); }), a,
                    tolerance * 10);
      }
    }
  }
}

TEST_CASE("linear algebra: columns of q, u, v and eigenvectors are perpendicular") {
  const auto gram = [](const Var& x) { return matmul(x.T(), x); };
  const auto check = [&](const Array& a, auto part, std::int64_t n) {
    check_close(of(a, [&](const Var& x) { return gram(part(x)); }), identity(n), 1e-12);
  };
  for (const std::int64_t n : {1, 4, 9, 50}) {
    const Array a = normal({n + 3, n});
    check(
        a, [](const Var& x) { return qr(x).q; }, n);
    check(
        a, [](const Var& x) { return qr(x, QrMode::complete).q; }, n + 3);
    check(
        a, [](const Var& x) { return svd(x).u; }, n + 3);
    check(
        a, [](const Var& x) { return svd(x, {.full_matrices = false}).u; }, n);
    check(
        a, [](const Var& x) { return svd(x.T()).vt.T(); }, n + 3);
    check(
        definite(n), [](const Var& x) { return eigh(x).vectors; }, n);
  }
}

TEST_CASE("linear algebra: of nothing, results are what holds of no elements") {
  const Array none = filled({0, 0}, 0);
  CHECK(of(none, [](const Var& x) { return det(x); }).item<double>() == 1);
  CHECK(of(none, [](const Var& x) { return slogdet(x).sign; }).item<double>() == 1);
  CHECK(of(none, [](const Var& x) { return slogdet(x).logabsdet; }).item<double>() == 0);
  CHECK(to_string(of(none, [](const Var& x) { return expm(x); }).shape()) == "(0, 0)");
  const Array flat = filled({3, 0}, 0);
  check_close(of(flat, [](const Var& x) { return svd(x).u; }), identity(3), 0);
  check_close(of(flat, [](const Var& x) { return qr(x, QrMode::complete).q; }), identity(3), 0);
  CHECK(to_string(of(flat, [](const Var& x) { return pinv(x); }).shape()) == "(0, 3)");
  CHECK(of(flat, [](const Var& x) { return matrix_rank(x); }).item<std::int64_t>() == 0);
  const Array no_batch = filled({0, 2, 2}, 0);
  CHECK(to_string(of(no_batch, [](const Var& x) { return cholesky(x); }).shape()) == "(0, 2, 2)");
  CHECK(to_string(of(no_batch, [](const Var& x) { return det(x); }).shape()) == "(0,)");
  check_close(of(filled({0, 3}, 0),
                 [](const Var& x) {
                   return solve(zeros({0, 0}, float64), x);
                 }),
              filled({0, 3}, 0), 0);
}

TEST_CASE("solve: a vector is one for each matrix of a batch, whatever is known of them") {
  // As many matrices as rows: a solution taken for a matrix would fit, too.
  for (const std::int64_t batch : {3, 2, 1}) {
    Array matrices(float64, Shape{batch, 3, 3});
    Array lower = matrices;
    for (std::int64_t i = 0; i < batch; ++i) {
      const Array m = definite(3);
      std::copy_n(m.data<double>(), 9, matrices.data<double>() + 9 * i);
      const Array l = of(m, [](const Var& x) { return cholesky(x); });
      std::copy_n(l.data<double>(), 9, lower.data<double>() + 9 * i);
    }
    const Var a = constant(matrices), l = constant(lower), b = constant(normal({3}));
    const auto check = [&](const Var& x, const Var& matrix) {
      const Array residual = evaluate(sum(matrix * expand_dims(x, 1), 2) - b);
      check_close(residual, filled({batch, 3}, 0), 1e-9);
    };
    check(solve(a, b), a);
    check(solve(a, b, {.assume_a = Assume::positive_definite}), a);
    check(solve(l, b, {.assume_a = Assume::lower_triangular}), l);
    check(cho_solve(l, b), a);
    check(cho_solve(transpose(l, {0, 2, 1}), b, {.lower = false}), a);
  }
}

TEST_CASE("linear algebra: derivatives of both orders are those of finite differences") {
  const auto square = [](const Shape& shape) { return normal(shape); };
  verify_grad([](const Var& x) { return cholesky(x); }, {definite(4)}, all_ways);
  verify_grad([](const Var& x) { return cholesky(x, false); }, {definite(3)}, all_ways);
  for (const SolveOptions& options :
       {SolveOptions{}, SolveOptions{Assume::positive_definite, 0},
        SolveOptions{Assume::lower_triangular, 0}, SolveOptions{Assume::upper_triangular, 0}}) {
    verify_grad([&](const Var& a, const Var& b) { return solve(a, b, options); },
                {definite(3), normal({3, 2})}, all_ways);
    verify_grad([&](const Var& a, const Var& b) { return solve(a, b, options); },
                {definite(3), normal({3})}, all_ways);
    verify_grad([&](const Var& a, const Var& b) { return solve(a, b, options); },
                {definite(3), normal({2, 3, 2})}, all_ways);
  }
  verify_grad([](const Var& x) { return matrix_inverse(x); }, {definite(3)}, all_ways);
  verify_grad([](const Var& x) { return det(x); }, {square({2, 3, 3})}, all_ways);
  verify_grad([](const Var& x) { return slogdet(x).logabsdet; }, {square({4, 4})}, all_ways);
  verify_grad([](const Var& x) { return eigvalsh(x); }, {square({4, 4})}, all_ways);
  verify_grad([](const Var& x) { return eigvalsh(x, false); }, {square({3, 3})}, all_ways);
  verify_grad(
      [](const Var& x) {
        const auto [w, v] = eigh(x);
        return sqr(v) * w;
      },
      {square({4, 4})}, all_ways);
  for (const Shape& shape : {Shape{3, 3}, Shape{4, 2}, Shape{2, 4}}) {
    verify_grad(
        [](const Var& x) {
          const auto [u, s, vt] = svd(x, {.full_matrices = false});
          return matmul(sqr(u) * s, sqr(vt));
        },
        {normal(shape)}, all_ways);
    verify_grad([](const Var& x) { return svdvals(x); }, {normal(shape)}, all_ways);
    verify_grad([](const Var& x) { return qr(x).r; }, {normal(shape)}, all_ways);
    verify_grad([](const Var& x) { return qr(x).q; }, {normal(shape)}, all_ways);
    verify_grad([](const Var& x) { return pinv(x); }, {normal(shape)}, all_ways);
    verify_grad([](const Var& a, const Var& b) { return lstsq(a, b).x; },
                {normal(shape), normal({shape[0]})}, all_ways);
    verify_grad([](const Var& a, const Var& b) { return lstsq(a, b).residuals; },
                {normal(shape), normal({shape[0], 2})}, all_ways);
  }
  verify_grad([](const Var& x) { return expm(x); }, {square({3, 3})}, all_ways);
  verify_grad([](const Var& x) { return matrix_power(x, 3); }, {square({3, 3})}, all_ways);
  verify_grad([](const Var& x) { return matrix_power(x, -2); }, {definite(3)}, all_ways);
  verify_grad([](const Var& x) { return trace(x, 1); }, {square({2, 3, 3})}, all_ways);
  verify_grad([](const Var& a, const Var& b) { return kron(a, b); },
              {normal({2, 3}), normal({2, 1})}, all_ways);
  verify_grad([](const Var& a, const Var& b) { return matmul(a, b); },
              {normal({2, 1, 2, 3}), normal({2, 3, 2})}, all_ways);
  verify_grad([](const Var& a, const Var& b) { return tensorsolve(a, b); },
              {normal({2, 3, 6}), normal({2, 3})}, all_ways);
  verify_grad([](const Var& x) { return tensorinv(x, 1); }, {normal({4, 2, 2})}, all_ways);
  verify_grad(
      [](const Var& a, const Var& b) {
        return batched_tensordot(a, b, {1, 3}, {3, 1});
      },
      {normal({2, 3, 2, 2}), normal({2, 2, 2, 3})}, all_ways);
}

TEST_CASE("eig: derivatives with respect to matrices with real eigenvalues") {
  const auto similar = [](const Var& x) {
    // Far from each other, so that they stay real.
    return matmul(x, matmul(diag(constant(test::vector({1, 4, 9}))), matrix_inverse(x)));
  };
  const Array x = array({3, 3}, {2, 0.3, -0.2, 0.5, 1.5, 0.1, -0.4, 0.2, 1.1});
  verify_grad([](const Var& a) { return eigvals(a); }, {of(x, similar)}, all_ways);
  verify_grad([](const Var& a) { return sqr(eig(a).vectors); }, {of(x, similar)}, all_ways);
}

TEST_CASE("eigh: only one triangle is read, and the gradient flows there alone") {
  Array a = definite(3);
  const Array before = of(a, [](const Var& x) { return eigvalsh(x); });
  a.data<double>()[1] = NAN;
  check_close(of(a, [](const Var& x) { return eigvalsh(x); }), before, 0);
  check_close(of(a, [](const Var& x) { return eigh(x).values; }), before, 1e-12);
  const Array g = of(a, [](const Var& x) { return grad(sum(sqr(cholesky(x))), x); });
  CHECK(g.data<double>()[1] == 0);
  // |L|^2 is the trace.
  check_close(g, identity(3), 1e-12);
}

TEST_CASE("eigh and svd: between equal values gradients are those of what needs no choice") {
  const auto check = [](const Array& a, auto f, const Array& expected) {
    check_close(of(a, [&](const Var& x) { return grad(f(x), x); }), expected, 1e-12);
  };
  const Array two = identity(3);
  // The trace of the square, by way of the eigenvectors: 2 x.
  check(
      two,
      [](const Var& x) {
        const auto [w, v] = eigh(x);
        return sum(sqr(matmul(v * w, v.T())));
      },
      of(two, [](const Var& x) { return 2 * x; }));
  check(
      two, [](const Var& x) { return sum(svdvals(x)); }, two);
  check(
      two,
      [](const Var& x) {
        const auto [u, s, vt] = svd(x, {.full_matrices = false});
        return sum(sqr(matmul(u * s, vt)));
      },
      of(two, [](const Var& x) { return 2 * x; }));
}

TEST_CASE("eigh: what depends on equal eigenvalues alike has its gradient") {
  // Eigenvalues 1, 1 and 3, exactly; directions that the diagonal does not show.
  const Array a = array({3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 3});
  const Var m = constant(normal({3, 3}));
  const auto on_last = [&](const Var& x) {
    const Var last = eigh(x).vectors(all(), range(2, 3));
    return sum(matmul(last, last.T()) * (m + m.T()));
  };
  const auto of_values = [](const Var& x) { return sum(sin(eigh(x).values)); };
  // Symmetric perturbations, for which the step keeps what `eigh` reads true.
  const Array direction = of(normal({3, 3}), [](const Var& x) { return x + x.T(); });
  const double step = 1e-5;
  const auto check = [&](auto f) {
    const auto at = [&](double by) {
      const Array value = of(a, [&](const Var& x) { return f(x + by * constant(direction)); });
      return value.item<double>();
    };
    const Array slope =
        of(a, [&](const Var& x) { return sum(tril(grad(f(x), x)) * constant(direction)); });
    CHECK(slope.item<double>() == doctest::Approx((at(step) - at(-step)) / (2 * step)));
  };
  check(on_last);
  check(of_values);
}

TEST_CASE("det: the gradient at a singular matrix is its cofactors") {
  check_close(of(array({2, 2}, {1, 2, 2, 4}), [](const Var& x) { return grad(det(x), x); }),
              array({2, 2}, {4, -2, -2, 1}), 1e-12);
  check_close(of(filled({3, 3}, 0), [](const Var& x) { return grad(det(x), x); }),
              filled({3, 3}, 0), 0);
  check_close(of(array({1, 1}, {0}), [](const Var& x) { return grad(det(x), x); }),
              array({1, 1}, {1}), 0);
  verify_grad([](const Var& x) { return det(x); }, {array({3, 3}, {1, 2, 3, 4, 5, 6, 5, 7, 9})});
}

TEST_CASE("det: parts of the product may be beyond the range of the dtype") {
  for (const DType dtype : {float32, float64}) {
    const double huge = dtype == float32 ? 1e25 : 1e200;
    for (int round = 0; round < 20; ++round) {
      // Rows in a random order, scaled so that the whole is near 1.
      std::vector<double> scales{huge, huge, 1 / huge, 1 / huge, 3};
      std::shuffle(scales.begin(), scales.end(), rng);
      Array a = filled({5, 5}, 0);
      for (std::size_t i = 0; i < 5; ++i) a.data<double>()[i * 6] = scales[i];
      CHECK(of(a.cast(dtype), [](const Var& x) { return det(x); }).cast(float64).item<double>() ==
            doctest::Approx(3).epsilon(1e-5));
      const Array slopes = of(a.cast(dtype), [](const Var& x) { return grad(det(x), x); });
      for (std::size_t i = 0; i < 5; ++i) {
        CHECK(slopes.cast(float64).data<double>()[i * 6] ==
              doctest::Approx(3 / scales[i]).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("expm: of finite elements, however large, is what their signs say") {
  for (const double huge : {1e10, 1e300, 1.7e308}) {
    const auto filled_with = [&](double x) {
      return of(filled({2, 2}, x), [](const Var& v) { return expm(v); });
    };
    check_close(filled_with(huge), filled({2, 2}, INFINITY), 0);
    // -x (1, 1; 1, 1) has the eigenvalues 0 and -2 x.
    if (huge < 1e11) check_close(filled_with(-huge), array({2, 2}, {.5, -.5, -.5, .5}), 1e-5);
  }
}

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
  CHECK(contains(singular, "decomposition_test.cpp:"));
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

TEST_CASE("linear algebra: NaN and infinities give NaN, in that matrix of a batch only") {
  for (const double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    Array a = of(normal({3, 2, 2}), [](const Var& x) {
      return matmul(x, transpose(x, {0, 2, 1})) + eye(2, float64);
    });
    a.data<double>()[6] = bad;  // row 1, column 0 of matrix 1
    const auto check = [&](auto f) {
      const Array found = of(a, f);
      const std::int64_t each = found.elements() / 3;
      for (std::int64_t i = 0; i < found.elements(); ++i)
        CHECK(std::isnan(found.data<double>()[i]) == (i / each == 1));
    };
    check([](const Var& x) { return cholesky(x); });
    check([](const Var& x) { return matrix_inverse(x); });
    check([](const Var& x) { return solve(x, ones_like(x)); });
    check([](const Var& x) { return solve_triangular(x, ones_like(x), {.lower = true}); });
    check([](const Var& x) { return det(x); });
    check([](const Var& x) { return slogdet(x).sign; });
    check([](const Var& x) { return slogdet(x).logabsdet; });
    check([](const Var& x) { return eigh(x).vectors; });
    check([](const Var& x) { return eigvalsh(x); });
    check([](const Var& x) { return eig(x).values; });
    check([](const Var& x) { return svd(x).vt; });
    check([](const Var& x) { return svdvals(x); });
    check([](const Var& x) { return qr(x).q; });
    check([](const Var& x) { return qr(x, QrMode::complete).r; });
    check([](const Var& x) { return pinv(x); });
    check([](const Var& x) { return expm(x); });
  }
}

TEST_CASE("linear algebra: shapes that do not fit are errors with the operands") {
  const Var a = input({float32, {2, 3}}, "a");
  const Var s = input({float32, {3, 3}}, "s");
  const auto says = [](auto f, const std::string& what) {
    const std::string text = error_of<ShapeError>(f);
    CAPTURE(text);
    CHECK(contains(text, what));
    CHECK(contains(text, "decomposition_test.cpp:"));
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
      CHECK(contains(text, "decomposition_test.cpp:"));
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

TEST_CASE("lstsq: a vector is the right side of every matrix of a batch") {
  const Var a = tensor3("a", float64), b = dvector("b"), m = dmatrix("m");
  for (const std::int64_t batch : {0, 1, 2, 3}) {
    for (const std::int64_t cols : {1, 2, 3}) {
      const Array matrices = normal({batch, 3, cols}), right = normal({3});
      const Bindings at{{a, matrices}, {b, right}};
      const auto [x, residuals, rank, s] = lstsq(a, b);
      const Array found = evaluate(x, at), left = evaluate(residuals, at);
      CHECK(found.shape() == Shape{batch, cols});
      CHECK(left.shape() == Shape{batch});
      for (std::int64_t i = 0; i < batch; ++i) {
        const LeastSquares one = lstsq(m, b);
        const Bindings here{{m, evaluate(a[i], at)}, {b, right}};
        const double* row = found.data<double>() + i * cols;
        check_close(test::vector({row, row + cols}), evaluate(one.x, here), 1e-9);
        check_close(test::number(left.data<double>()[i]), evaluate(one.residuals, here), 1e-9);
      }
    }
  }
}

TEST_CASE("linear algebra: integers are taken as floatX") {
  const Var x = lmatrix("x");
  const Bindings at{{x, array({2, 2}, {2, 1, 1, 3}).cast(int64)}};
  CHECK(det(x).dtype() == floatX());
  check_close(evaluate(det(x), at), test::number(5), 1e-6);
  CHECK(matrix_power(x, 2).dtype() == int64);
  check_close(evaluate(matrix_power(x, 2), at), array({2, 2}, {5, 5, 5, 10}), 0);
}

TEST_CASE("linear algebra: the bits do not depend on the number of threads") {
  const Array a = definite(150);
  const Var x = dmatrix("x");
  const auto [w, v] = eigh(x);
  const auto [u, s, vt] = svd(x);
  const Vars outputs{cholesky(x), matrix_inverse(x), w, v, u, s, vt, expm(x / 100), det(x / 100)};
  const int before = num_threads();
  std::vector<std::vector<Array>> found;
  for (const int threads : {1, 2, 4}) {
    set_num_threads(threads);
    Function f = function({x}, outputs);
    std::vector<Array> results;
    const Outputs out = f(a);
    for (std::size_t i = 0; i < outputs.size(); ++i) results.push_back(out[i]);
    found.push_back(results);
  }
  set_num_threads(before);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    test::check_same_bits(found[0][i], found[1][i]);
    test::check_same_bits(found[0][i], found[2][i]);
  }
}
