#include <cmath>

#include <damo/graph/variables.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/ops/decomposition/matrices.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::all_ways;
using test::array;
using test::check_close;
using test::definite;
using test::filled;
using test::identity;
using test::normal;
using test::of;

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
