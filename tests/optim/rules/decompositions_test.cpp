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
  const Var inverse = matrix_inverse(m);
  const Var l = cholesky(m);
  const Var t = tensor3("t", float64), u = tensor3("u", float64);
  const Var inverses = matrix_inverse(t);
  return {
      {"inverse_times_matrix", dot(inverse, x), dot(inverse, x) + inverse},
      {"inverse_times_vector", dot(inverse, v), dot(expm(m), v)},
      {"matrix_times_inverse", dot(x, inverse), dot(x, inverse) + inverse},
      {"vector_times_inverse", dot(v, inverse), dot(v, expm(m))},
      {"batched_inverse_times_matrix", batched_dot(inverses, u),
       batched_dot(inverses, u) + inverses},
      {"batched_matrix_times_inverse", batched_dot(u, matrix_inverse(t)), batched_dot(u, expm(t))},
      {"solve_of_cholesky", solve(l, x), solve(x, l)},
      {"solve_of_turned_cholesky", solve(l.T(), v), solve(m.T(), v)},
      {"det_of_cholesky", det(l), det(m)},
      {"slogdet_of_cholesky", slogdet(l).logabsdet, slogdet(m).logabsdet},
      {"log_det", log(abs(det(m))) + sum(x), log(det(m) + 1)},
  };
}
const RuleTheme theme(cases);

Array random_matrix(std::mt19937& rng, std::int64_t n) {
  std::normal_distribution<double> draw;
  Array a(float64, Shape{n, n});
  for (std::int64_t i = 0; i < n * n; ++i)
    a.data<double>()[i] = draw(rng) + (i % (n + 1) == 0 ? 3 : 0);
  return a;
}

}  // namespace

TEST_CASE("rules: of decompositions apply where they should and nowhere else") {
  check_cases(cases());
}

TEST_CASE("rules: of decompositions keep values and gradients") {
  std::mt19937 rng(4);
  const Var m = dmatrix("m"), x = dmatrix("x");
  const Var s = dot(m, m.T());
  const Var v = x[0];
  const Vars outputs{dot(matrix_inverse(m), x),
                     dot(matrix_inverse(m), v),
                     dot(x, matrix_inverse(m)),
                     dot(v, matrix_inverse(m)),
                     solve(cholesky(s), x),
                     solve(cholesky(s).T(), v),
                     det(cholesky(s)),
                     slogdet(cholesky(s)).sign,
                     slogdet(cholesky(s)).logabsdet,
                     log(det(s)),
                     log(abs(det(m)))};
  Vars all = outputs;
  for (const Var& y : outputs)
    all.push_back(grad(sum(sqr(y)), m, {.disconnected_inputs = Disconnected::ignore}));
  Function plain = function({m, x}, all, {.mode = Mode::none()});
  Function fast = function({m, x}, all);
  for (int round = 0; round < 5; ++round) {
    const Array a = random_matrix(rng, 4), b = random_matrix(rng, 4);
    const Outputs expected = plain(a, b), found = fast(a, b);
    for (std::size_t i = 0; i < all.size(); ++i) {
      CAPTURE(i);
      check_close(found[i], expected[i], 1e-9);
    }
  }
}

TEST_CASE("rules: the logarithm of a determinant stays finite where the determinant does not") {
  const Var m = dmatrix("m");
  Function f = function({m}, {log(det(m)), log(abs(det(m)))});
  Array small(float64, Shape{300, 300});
  for (std::int64_t i = 0; i < 300; ++i) small.data<double>()[i * 301] = 1e-3;
  const Outputs out = f(small);
  CHECK(out[0].item<double>() == doctest::Approx(300 * std::log(1e-3)));
  CHECK(out[1].item<double>() == doctest::Approx(300 * std::log(1e-3)));
  small.data<double>()[0] = -1e-3;
  CHECK(std::isnan(Array(f(small)[0]).item<double>()));
  small.data<double>()[0] = 0;
  CHECK(Array(f(small)[0]).item<double>() == -INFINITY);
}
