#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/kernels/elementwise/implicit.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/incomplete.hpp"
#include "tests/support/values.hpp"

// Derivatives of gamma and beta draws in their shapes: those of the inverse of the distribution
// function, which is found here by Newton's method in long double.
using namespace damo;
using test::contains;
using test::derivative;
using test::error_of;
using test::Wide;

namespace {

/// log z of the gamma draw with the part `below` of the distribution below it, close to `log_z`.
Wide log_quantile(Wide shape, Wide below, Wide log_z) {
  for (int i = 0; i < 60; ++i) {
    const Wide z = std::exp(log_z);
    const Wide step = (test::gamma_below(shape, z) - below) / (test::gamma_density(shape, z) * z);
    log_z -= std::fmax(-1.0L, std::fmin(1.0L, step));
    if (std::fabs(step) < 1e-17L) break;
  }
  return log_z;
}

Wide gamma_truth(Wide shape, Wide z) {
  const Wide below = test::gamma_below(shape, z), log_z = std::log(z);
  const auto moved = [&](Wide s) { return log_quantile(s, below, log_z); };
  return z * derivative(moved, shape, shape * 1e-3L);
}

/// The log-odds of the beta draw z, where z = 1 / (1 + e^-w), with `below` below it.
Wide beta_quantile(Wide a, Wide b, Wide below, Wide w) {
  for (int i = 0; i < 60; ++i) {
    const Wide z = 1 / (1 + std::exp(-w)), rest = 1 / (1 + std::exp(w));
    const Wide step =
        (test::beta_below(a, b, z, rest) - below) / (test::beta_density(a, b, z, rest) * z * rest);
    w -= std::fmax(-1.0L, std::fmin(1.0L, step));
    if (std::fabs(step) < 1e-17L) break;
  }
  return w;
}

/// How the beta draw z moves with a, or with b.
Wide beta_truth(Wide a, Wide b, Wide z, bool in_a) {
  if (z > 0.5L) return -beta_truth(b, a, 1 - z, !in_a);
  const Wide below = test::beta_below(a, b, z, 1 - z), w = std::log(z) - std::log1p(-z);
  const auto moved = [&](Wide x) {
    return in_a ? beta_quantile(x, b, below, w) : beta_quantile(a, x, below, w);
  };
  const Wide at = in_a ? a : b;
  return z * (1 - z) * derivative(moved, at, at * 1e-3L);
}

void check_near(double actual, Wide truth, double relative) {
  CAPTURE(actual);
  CAPTURE(static_cast<double>(truth));
  CHECK(std::fabs(actual - truth) <= relative * std::fabs(truth));
}

constexpr double shapes[] = {0.05, 0.1, 0.4, 0.9, 1, 1.1, 2.5, 10, 60, 300, 1000};

}  // namespace

TEST_CASE("implicit gradients: a gamma draw moves with its shape as the inverse of its function") {
  RandomStream rng(31);
  const Var a = dvector("a");
  const Var z = rng.gamma({12}, a, 1.0, float64);
  Function f = function({a}, {z, grad(sum(z), a)});
  for (const double given : shapes) {
    const double shape = given;
    CAPTURE(shape);
    const Outputs out = f(std::vector<double>(12, shape));
    for (std::size_t i = 0; i < 12; ++i) {
      const double draw = out[0].data<double>()[i];
      CAPTURE(draw);
      REQUIRE(draw > 0);
      check_near(out[1].data<double>()[i], gamma_truth(shape, draw), 1e-9);
    }
  }
}

TEST_CASE("implicit gradients: a beta draw moves with its shapes as the inverse of its function") {
  RandomStream rng(33);
  const Var a = dscalar("a"), b = dscalar("b");
  const Var z = rng.beta({4}, a, b, float64);
  Function f = function({a, b}, {z});
  for (const double given_a : shapes) {
    for (const double given_b : {0.05, 0.5, 1.0, 8.0, 1000.0}) {
      const double x = given_a, y = given_b;
      CAPTURE(x);
      CAPTURE(y);
      const Outputs out = f(x, y);
      for (std::size_t i = 0; i < 4; ++i) {
        const double draw = out[0].data<double>()[i];
        CAPTURE(draw);
        if (draw == 0 || draw == 1) continue;  // the nearest float64
        check_near(implicit_beta_a(x, y, draw), beta_truth(x, y, draw, true), 2e-9);
        check_near(implicit_beta_b(x, y, draw), beta_truth(x, y, draw, false), 2e-9);
      }
    }
  }
}

TEST_CASE("implicit gradients: far in the tails they are those of high precision") {
  // mpmath at 60 digits: F = lambda s: mpmath.gammainc(s, 0, z, regularized=True)
  // -(F(s + h) - F(s - h)) / (2 h) / density, h = 1e-12 s; likewise betainc; beyond the median the
  // part above
  check_near(implicit_gamma(1000, 1), 0.0069151644439401317L, 1e-10);
  check_near(implicit_gamma(1000, 3005), 1.6493086835201532L, 1e-10);
  check_near(implicit_gamma(0.05, 1e-200), 9.2003834721501847e-197L, 1e-10);
  check_near(implicit_gamma(30, 95), 1.693692125575876L, 1e-10);
  check_near(implicit_beta_a(1000, 0.05, 0.9999999987), 1.3006176809282926e-12L, 1e-10);
  check_near(implicit_beta_b(30, 0.05, 0.9999999997), -1.0825958259698325e-7L, 1e-10);
  check_near(implicit_beta_b(0.3, 1000, 1e-20), -1.0003500466299014e-23L, 1e-10);
}

TEST_CASE("implicit gradients: of a beta draw that is nothing beside 1 they keep their digits") {
  struct Point {
    double a, b, z;
    Wide by_a, by_b;
  };
  // mpmath at 60 digits, as above
  const Point points[] = {
      {0.05, 1000, 1.7e-12, 6.696382513769253e-10L, -1.7008077422293206e-15L},
      {0.028, 1423, 3.6e-19, 4.4583319628449749e-16L, -2.5307307006199339e-22L},
      {0.05, 1000, 1e-40, 1.6939650701811202e-37L, -1.0004751424886861e-43L},
      {0.065, 0.035, 1 - 0x1p-48, 5.517825437684065e-13L, -4.3823991054716969e-12L},
      {300, 0.05, 1 - 0x1p-40, 3.0364539156664514e-15L, -3.9155130114587393e-10L},
      {2, 50, 1e-9, 8.8522264750484536e-9L, -1.9803921558758171e-11L},
      {0.4, 0.9, 1e-17, 9.8129382312951152e-16L, -1.4643401527006294e-17L},
  };
  for (const Point& p : points) {
    check_near(implicit_beta_a(p.a, p.b, p.z), p.by_a, 1e-10);
    check_near(implicit_beta_b(p.a, p.b, p.z), p.by_b, 1e-10);
  }
}

TEST_CASE("implicit gradients: ends of the range do not move and parameters out of range are nan") {
  CHECK(implicit_gamma(0.05, 0) == 0);
  CHECK(implicit_gamma(0, 0) == 0);
  CHECK(implicit_gamma(2, INFINITY) == 0);
  CHECK(implicit_beta_a(0.1, 0.1, 1) == 0);
  CHECK(implicit_beta_b(0.1, 0.1, 0) == 0);
  for (const double wrong : {-1.0, double{INFINITY}, double{NAN}}) {
    CHECK(std::isnan(implicit_gamma(wrong, 0.5)));
    CHECK(std::isnan(implicit_beta_a(wrong, 1, 0.5)));
    CHECK(std::isnan(implicit_beta_b(wrong, 1, 0.5)));
  }
  CHECK(std::isnan(implicit_gamma(1, -0.5)));
  CHECK(std::isnan(implicit_beta_a(1, 1, 1.5)));
  CHECK(std::isfinite(implicit_gamma(1e-3, 5e-324)));
  CHECK(std::isfinite(implicit_beta_b(1e-3, 1e3, 5e-324)));
}

TEST_CASE("implicit gradients: the gradient of a mean is the mean gradient") {
  // E z = a, E z^2 = a (a + 1) for a gamma draw z, E z = a / (a + b) for a beta draw.
  constexpr int n = 40000;
  RandomStream rng(33);
  const Var a = dscalar("a"), b = dscalar("b");
  const Var z = rng.gamma({n}, a, 1.0, float64), q = rng.beta({n}, a, b, float64);
  Function f = function(
      {a, b}, {grad(mean(z), a), grad(mean(sqr(z)), a), grad(mean(q), a), grad(mean(q), b)});
  for (const auto& [x, y] : {std::pair(0.3, 2.0), std::pair(4.0, 0.7)}) {
    const Outputs g = f(x, y);
    CHECK(g.scalar<double>(0) == doctest::Approx(1).epsilon(0.03));
    CHECK(g.scalar<double>(1) == doctest::Approx(2 * x + 1).epsilon(0.05));
    CHECK(g.scalar<double>(2) == doctest::Approx(y / ((x + y) * (x + y))).epsilon(0.05));
    CHECK(g.scalar<double>(3) == doctest::Approx(-x / ((x + y) * (x + y))).epsilon(0.05));
  }
}

TEST_CASE("implicit gradients: every stream and dtype and mode of differentiation has them") {
  const Var a = dvector("a"), b = dscalar("b");
  const Array at = test::vector({0.4, 1.5, 9});
  for (const bool numpy : {false, true}) {
    RandomStream rng = numpy ? RandomStream::numpy_compatible(5) : RandomStream(5);
    const Var z = rng.gamma({2, 3}, a, b, float64);
    const Var q = rng.beta({2, 3}, b, a, float64);
    Function f = function({a, b}, {z, q, grad(sum(z), a), grad(sum(q), a), Rop(q, b, b),
                                   grad(sum(z), b), grad(grad(sum(sqr(z)), b), a)});
    const Outputs out = f(at, 2.0);
    for (std::size_t i = 0; i < 3; ++i) {
      double dz = 0, dq = 0, mixed = 0;
      for (const std::size_t e : {i, i + 3}) {
        const double shape = at.data<double>()[i];
        const double draw = out[0].data<double>()[e] / 2;
        dz += 2 * implicit_gamma(shape, draw);
        mixed += 8 * draw * implicit_gamma(shape, draw);  // of 2 b z^2
        dq += implicit_beta_b(2, shape, out[1].data<double>()[e]);
        CHECK(out[4].data<double>()[e] ==
              doctest::Approx(2 * implicit_beta_a(2, shape, out[1].data<double>()[e])));
      }
      CHECK(out[2].data<double>()[i] == doctest::Approx(dz).epsilon(1e-12));
      CHECK(out[3].data<double>()[i] == doctest::Approx(dq).epsilon(1e-12));
      CHECK(out[6].data<double>()[i] == doctest::Approx(mixed).epsilon(1e-12));
    }
    const Var narrow = rng.gamma({3}, cast(a, float32));
    const Outputs f32 = function({a}, {narrow, grad(sum(narrow), a)})(at);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(f32[1].data<double>()[i] ==
            doctest::Approx(
                implicit_gamma(static_cast<float>(at.data<double>()[i]), f32[0].data<float>()[i]))
                .epsilon(1e-6));
    }
  }
}

TEST_CASE("implicit gradients: they flow through loops") {
  RandomStream rng(6);
  const Var a = dscalar("a");
  const auto [outs, updates] = scan(
      [&](Var h) {
        const Var z = rng.gamma({2}, a, 1.0, float64);
        return Vars{h * 0.5 + z, z};
      },
      {.outputs_info = {constant(test::vector({0, 0})), none}, .n_steps = 3});
  Function f = function({a}, {outs[1], grad(sum(outs[0][-1]), a)});
  const Outputs out = f(0.7);
  double expected = 0;
  for (int i = 0; i < 6; ++i)
    expected += std::pow(0.5, 2 - i / 2) * implicit_gamma(0.7, out[0].data<double>()[i]);
  CHECK(out.scalar<double>(1) == doctest::Approx(expected).epsilon(1e-12));
}

TEST_CASE("implicit gradients: a second derivative in the shape is an error that says so") {
  RandomStream rng(7);
  const Var a = dscalar("a"), b = dscalar("b");
  const Var g = grad(sum(rng.gamma({3}, a, 1.0, float64)), a);
  const std::string error = error_of<GradError>([&] { grad(g, a); });
  CHECK(contains(error, "gamma or beta draw in its shapes has no derivative in turn"));
  CHECK(contains(error, "implicit_gradient_test.cpp"));
  CHECK_THROWS_AS(grad(grad(sum(rng.beta({3}, a, b, float64)), b), a), GradError);
  CHECK(contains(error_of<GradError>([&] { grad(gamma_derivative(a, b), b); }),
                 "gamma_derivative: no derivative"));
}
