#include <algorithm>
#include <cmath>
#include <random>

#include <damo/graph/variables.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/ops/decomposition/matrices.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::array;
using test::check_close;
using test::definite;
using test::filled;
using test::identity;
using test::normal;
using test::of;
using Bindings = std::vector<std::pair<Var, Array>>;

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

TEST_CASE("det: parts of the product may be beyond the range of the dtype") {
  std::mt19937 order(3);
  for (const DType dtype : {float32, float64}) {
    const double huge = dtype == float32 ? 1e25 : 1e200;
    for (int round = 0; round < 20; ++round) {
      // Rows in a random order, scaled so that the whole is near 1.
      std::vector<double> scales{huge, huge, 1 / huge, 1 / huge, 3};
      std::shuffle(scales.begin(), scales.end(), order);
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
