#include <damo/models/energy/units/kinds.hpp>
#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

// The integral of f over [a, b] by Gauss-Legendre on many short pieces.
template <class F>
long double integral(F f, long double a, long double b) {
  constexpr int pieces = 4000;
  const long double nodes[] = {0.0L, 0.5384693101056830910L, 0.9061798459386639928L};
  const long double weights[] = {0.5688888888888888889L, 0.4786286704993664680L,
                                 0.2369268850561890875L};
  const long double half = (b - a) / (2 * pieces);
  long double sum = 0;
  for (int p = 0; p < pieces; ++p) {
    const long double middle = a + half * (2 * p + 1);
    sum += weights[0] * f(middle);
    for (int k = 1; k < 3; ++k)
      sum += weights[k] * (f(middle + half * nodes[k]) + f(middle - half * nodes[k]));
  }
  return sum * half;
}

struct Truth {
  double log_normaliser, mean;
};
// Of exp(linear x + quadratic x^2) on [low, high], where all of its mass lies.
Truth by_quadrature(double linear, double quadratic, long double low, long double high) {
  const auto exponent = [&](long double x) { return linear * x + quadratic * x * x; };
  long double top = std::max(exponent(low), exponent(high));
  if (quadratic < 0) {
    const long double peak = -linear / (2 * quadratic);
    if (peak > low && peak < high) top = exponent(peak);
  }
  const auto weight = [&](long double x) { return std::exp(exponent(x) - top); };
  const long double z = integral(weight, low, high);
  const long double m = integral([&](long double x) { return x * weight(x); }, low, high);
  return {static_cast<double>(std::log(z) + top), static_cast<double>(m / z)};
}

double first(const Var& v) { return evaluate(v).cast(float64).data<double>()[0]; }
Var cell(double x) { return constant(Array::from(std::vector<double>{x}, Shape{1, 1})); }

void check_kind(const UnitKind& kind, double linear, double quadratic, long double low,
                long double high) {
  CAPTURE(linear);
  const Truth truth = by_quadrature(linear, quadratic, low, high);
  Natural p{cell(linear)};
  if (quadratic != 0) p.quadratic = cell(quadratic);
  CHECK(first(kind.log_normaliser(p)) == doctest::Approx(truth.log_normaliser).epsilon(1e-11));
  CHECK(first(kind.mean(p)) == doctest::Approx(truth.mean).epsilon(1e-9));
  const Var slope = input({float64, {1, 1}}, "slope");
  const Natural moving{slope, p.quadratic};
  const Var derivative = grad(sum(kind.log_normaliser(moving)), slope);
  const Array there =
      evaluate(derivative, std::vector<std::pair<Var, Array>>{{slope, evaluate(p.linear)}});
  CHECK(there.item<double>() == doctest::Approx(truth.mean).epsilon(1e-9));
}

}  // namespace

TEST_CASE("energy kinds: normalisers and means of numbers are integrals, far into the tails") {
  for (const double slope : {-300.0, -40.0, -6.0, -5.0, -4.99, -1.0, 0.0, 0.3, 2.0, 9.0, 35.0}) {
    const double peak = slope;  // of exp(slope x - x^2 / 2)
    check_kind(*gaussian_kind(), slope, -0.5, peak - 14, peak + 14);
    const double reach = slope < -1 ? 45 / -slope : std::max(0.0, peak) + 14;
    check_kind(*relu_kind(), slope, -0.5, std::max(0.0, peak - 14), reach);
    if (slope < 0) check_kind(*relu_kind(), slope, 0, 0, 60 / -slope);
  }
  for (const double slope : {-500.0, -30.0, -1.0, -0.2001, -0.1999, -1e-3, -1e-9, 0.0, 1e-12, 0.01,
                             0.19, 0.21, 3.0, 80.0, 400.0}) {
    const double low = slope > 60 ? 1 - 60 / slope : 0, high = slope < -60 ? 60 / -slope : 1;
    check_kind(*truncated_exponential_kind(), slope, 0, low, high);
  }
}

TEST_CASE("energy kinds: means are derivatives of log normalisers, of every finite kind") {
  const Var slope = input({float64, {2, 3}}, "slope");
  const Var total = constant(Array::from(std::vector<double>{5, 7}));
  const Array at = evaluate(RandomStream(4).normal({2, 3}, 0.0, 3.0, float64));
  for (const auto& kind : {bernoulli_kind(), spin_kind(), binomial_kind(4), counts_kind()}) {
    CAPTURE(kind->name);
    const Natural p{slope, {}, total};
    const std::vector<std::pair<Var, Array>> there{{slope, at}};
    check_close(evaluate(kind->mean(p), there),
                evaluate(grad(sum(kind->log_normaliser(p)), slope), there), 1e-12);
  }
}

TEST_CASE("energy kinds: draws have the mean and lie in the support") {
  constexpr int draws = 40000;
  for (const DType dtype : {float32, float64}) {
    for (const double slope : {-30.0, -2.0, 0.0, 1.5, 30.0}) {
      RandomStream rng(7);
      const Var linear = cast(full({draws, 1}, slope), dtype);
      const Var flat = cast(full({draws, 1}, -0.5), dtype);
      const Var total = cast(full({draws}, 3.0), dtype);
      for (const auto& kind : {bernoulli_kind(), spin_kind(), gaussian_kind(), relu_kind(),
                               truncated_exponential_kind(), binomial_kind(3), counts_kind()}) {
        CAPTURE(kind->name);
        CAPTURE(slope);
        const Natural p{linear, kind->squares ? flat : Var(), total};
        const Numbers x = numbers(evaluate(kind->sample(p, rng)));
        const double mean = first(kind->mean(p));
        double sum = 0, squares = 0;
        int outside = 0;
        for (const double d : x) {
          sum += d / draws;
          squares += d * d / draws;
          const Support& s = kind->support;
          const bool level = std::count(s.levels.begin(), s.levels.end(), d) == 1;
          if (s.set == Support::Set::levels && !level) ++outside;
          if (s.set == Support::Set::nonnegative && !(d >= 0)) ++outside;
          if (s.set == Support::Set::interval && !(d >= 0 && d <= 1)) ++outside;
        }
        CHECK(outside == 0);
        const double error = std::sqrt(std::max(squares - sum * sum, 1e-12) / draws);
        CHECK(std::abs(sum - mean) < 5 * error + 1e-4 * std::abs(mean));
      }
    }
  }
}
