#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/kernels/random/samplers.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;

namespace {

constexpr int n = 20000;

std::vector<double> sorted_values(const Var& draw) {
  const Array a = evaluate(draw).cast(float64);
  std::vector<double> v(a.values<double>().begin(), a.values<double>().end());
  std::sort(v.begin(), v.end());
  return v;
}

/// The Kolmogorov-Smirnov statistic times sqrt(n): above 1.95 with probability 0.001.
template <class Cdf>
double distance(const Var& draw, Cdf&& cdf) {
  const auto v = sorted_values(draw);
  double worst = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double f = cdf(v[i]);
    const double m = static_cast<double>(v.size());
    worst = std::max({worst, std::abs(f - static_cast<double>(i) / m),
                      std::abs(f - static_cast<double>(i + 1) / m)});
  }
  return worst * std::sqrt(static_cast<double>(v.size()));
}

double phi(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

/// The probability of a standard normal above x over that above 40, by the continued fraction of
/// Laplace.
double above_40(double x) {
  const auto mills = [](double at) {
    double rest = at;
    for (int k = 60; k > 0; --k) rest = at + k / rest;
    return 1 / rest;
  };
  return std::exp((40 - x) * (40 + x) / 2) * mills(x) / mills(40);
}

}  // namespace

TEST_CASE("distributions: truncated normal draws follow theirs with infinite ends and far out") {
  RandomStream rng(12);
  const Sizes size{n};
  const double inf = std::numeric_limits<double>::infinity();
  const auto check = [&](double low, double high, double mean, double stddev, auto&& below) {
    CAPTURE(low);
    CAPTURE(high);
    for (const DType dtype : {float32, float64}) {
      const Var x = rng.truncated_normal(size, low, high, mean, stddev, dtype);
      CHECK(distance(cast(x, float64), below) < 1.95);
    }
  };
  check(-inf, inf, 1, 2, [](double x) { return phi((x - 1) / 2); });
  check(-inf, 2, 1, 2, [](double x) { return phi((x - 1) / 2) / phi(0.5); });
  check(0, inf, 1, 2, [](double x) { return (phi((x - 1) / 2) - phi(-0.5)) / phi(0.5); });
  check(8, inf, 0, 1,
        [](double x) { return 1 - std::erfc(x / std::sqrt(2.0)) / std::erfc(8 / std::sqrt(2.0)); });
  check(40, inf, 0, 1, [](double x) { return 1 - above_40(x); });
  check(-inf, -40, 0, 1, [](double x) { return above_40(-x); });
  check(-40.03, -40, 0, 1,
        [](double x) { return (above_40(-x) - above_40(40.03)) / (1 - above_40(40.03)); });
}

TEST_CASE("distributions: truncated normal draws beyond any probability stay between the bounds") {
  const double inf = std::numeric_limits<double>::infinity();
  for (const double low : {39.0, 1e3, 1e8, 1e155, 1e300}) {
    for (const double high : {low * 1.5, inf}) {
      RandomStream rng(13);
      const Array x = evaluate(rng.truncated_normal({1000}, low, high, 0.0, 1.0, float64));
      const Array y = evaluate(rng.truncated_normal({1000}, -high, -low, 0.0, 1.0, float64));
      for (std::int64_t i = 0; i < 1000; ++i) {
        // Some 40 times the mean distance 1 / low, and rounding.
        const double most = low + 40 / low + 1e-15 * low;
        CHECK((x.data<double>()[i] >= low && x.data<double>()[i] <= most));
        CHECK((y.data<double>()[i] <= -low && y.data<double>()[i] >= -most));
      }
    }
  }
}

TEST_CASE("distributions: continuous draws follow their distribution functions") {
  RandomStream rng(11);
  const Sizes size{n};
  CHECK(distance(rng.gumbel(size, 1.0, 2.0, float64),
                 [](double x) { return std::exp(-std::exp(-(x - 1) / 2)); }) < 1.95);
  CHECK(distance(rng.exponential(size, 3.0, float64),
                 [](double x) { return 1 - std::exp(-x / 3); }) < 1.95);
  CHECK(distance(rng.laplace(size, 1.0, 2.0, float64), [](double x) {
          return x < 1 ? 0.5 * std::exp((x - 1) / 2) : 1 - 0.5 * std::exp(-(x - 1) / 2);
        }) < 1.95);
  CHECK(distance(rng.truncated_normal(size, -1.0, 4.0, 1.0, 2.0, float64), [](double x) {
          return (phi((x - 1) / 2) - phi(-1)) / (phi(1.5) - phi(-1));
        }) < 1.95);
  CHECK(distance(rng.truncated_normal(size, 6.0, 7.0, 0.0, 1.0, float64), [](double x) {
          return (std::erfc(6 / std::sqrt(2.0)) - std::erfc(x / std::sqrt(2.0))) /
                 (std::erfc(6 / std::sqrt(2.0)) - std::erfc(7 / std::sqrt(2.0)));
        }) < 1.95);
  // A gamma of shape 2 is the sum of two exponentials; of shape 1/2, half a squared normal.
  CHECK(distance(rng.gamma(size, 2.0, 1.5, float64),
                 [](double x) { return 1 - std::exp(-x / 1.5) * (1 + x / 1.5); }) < 1.95);
  CHECK(distance(rng.gamma(size, 0.5, 1.0, float64),
                 [](double x) { return std::erf(std::sqrt(x)); }) < 1.95);
  CHECK(distance(rng.beta(size, 2.0, 1.0, float64), [](double x) { return x * x; }) < 1.95);
  CHECK(distance(rng.beta(size, 0.5, 0.5, float64),
                 [](double x) { return 2 / 3.141592653589793 * std::asin(std::sqrt(x)); }) < 1.95);
  CHECK(distance(rng.uniform(size, -1.0, 3.0, float64), [](double x) { return (x + 1) / 4; }) <
        1.95);
  CHECK(distance(rng.normal(size, 1.0, 2.0, float64), [](double x) { return phi((x - 1) / 2); }) <
        1.95);
  CHECK(distance(rng.logistic(size, 1.0, 2.0, float64),
                 [](double x) { return 1 / (1 + std::exp(-(x - 1) / 2)); }) < 1.95);
}

TEST_CASE("distributions: poisson counts follow the exact probabilities") {
  RandomStream rng(12);
  const Array k = evaluate(rng.poisson({n}, constant(Array::scalar(2.5))));
  std::vector<double> counts(9);
  for (const std::int64_t v : k.values<std::int64_t>())
    counts[static_cast<std::size_t>(std::min<std::int64_t>(v, 8))] += 1;
  double chi2 = 0;
  double rest = 1;
  for (int i = 0; i < 8; ++i) {
    const double p = std::exp(i * std::log(2.5) - 2.5 - std::lgamma(i + 1.0));
    rest -= p;
    chi2 += (counts[static_cast<std::size_t>(i)] - n * p) *
            (counts[static_cast<std::size_t>(i)] - n * p) / (n * p);
  }
  chi2 += (counts[8] - n * rest) * (counts[8] - n * rest) / (n * rest);
  CHECK(chi2 < 26.1);  // 8 degrees of freedom, p = 0.001
}

TEST_CASE("distributions: categorical and multinomial take the classes in proportion") {
  RandomStream rng(13);
  Array p(float64, {n, 3});
  for (int i = 0; i < n; ++i)
    std::copy_n(std::vector<double>{1, 0, 3}.begin(), 3, p.data<double>() + 3 * i);
  double ones = 0;
  const Array classes = evaluate(rng.categorical(constant(p)));
  for (const std::int64_t c : classes.values<std::int64_t>()) {
    CHECK((c == 0 || c == 2));
    ones += c == 2;
  }
  CHECK(ones / n == doctest::Approx(0.75).epsilon(0.02));
  const Array hot = evaluate(rng.multinomial(constant(p)));
  CHECK(to_string(hot.shape()) == "(20000, 3)");
  double total = 0;
  for (const double v : hot.values<double>()) total += v;
  CHECK(total == n);
}

TEST_CASE("distributions: integers and orders and choices") {
  RandomStream rng(14);
  std::set<std::int64_t> seen;
  const Array integers = evaluate(rng.randint({1000}, -2, 3));
  for (const std::int64_t v : integers.values<std::int64_t>()) seen.insert(v);
  CHECK(seen == std::set<std::int64_t>{-2, -1, 0, 1, 2});
  const auto order = sorted_values(rng.permutation(100));
  for (int i = 0; i < 100; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
  const Var x = constant(test::vector({10, 20, 30, 40}));
  CHECK(sorted_values(rng.shuffle(x)) == std::vector<double>{10, 20, 30, 40});
  const auto chosen = sorted_values(rng.choice(x, 3, false));
  CHECK(std::set<double>(chosen.begin(), chosen.end()).size() == 3);
  CHECK(sorted_values(rng.choice(x, 7)).size() == 7);
}

TEST_CASE("distributions: beta with tiny shapes is zero or one and not nan") {
  RandomStream rng(16);
  double ones = 0;
  const Array x = evaluate(rng.beta({n}, 1e-4, 3e-4, float64));
  for (const double v : x.values<double>()) {
    REQUIRE(std::isfinite(v));
    ones += v / n;
  }
  CHECK(ones == doctest::Approx(0.25).epsilon(0.05));
}

TEST_CASE("distributions: counts with a large mean have the exact mean and variance") {
  RandomStream rng(17);
  const auto check = [](const Var& draw, double mean, double variance) {
    const Array k = evaluate(draw).cast(float64);
    double first = 0;
    double second = 0;
    for (const double v : k.values<double>()) first += (v - mean) / n;
    for (const double v : k.values<double>()) second += (v - mean) * (v - mean) / n;
    CHECK(std::abs(first) < 4 * std::sqrt(variance / n));
    CHECK(second == doctest::Approx(variance).epsilon(4 * std::sqrt(2.0 / n)));
  };
  check(rng.poisson({n}, constant(Array::scalar(5000.0))), 5000, 5000);
  check(rng.poisson({n}, constant(Array::scalar(1e9))), 1e9, 1e9);
  check(rng.binomial({.n = 1000000, .p = 0.3, .size = Sizes{n}, .dtype = int64}), 3e5, 2.1e5);
  check(rng.binomial({.n = 1000000, .p = 0.998, .size = Sizes{n}, .dtype = float64}), 998000, 1996);
}

TEST_CASE("distributions: multinomial shares n trials out in proportion") {
  RandomStream rng(18);
  const Array p = Array::from<double>({2, 0, 1, 5}, {1, 4});  // need not add up to 1
  const Array k = evaluate(rng.multinomial(12, broadcast_to(constant(p), {n, 4})));
  // Chi-square of all trials together, and the covariance of two classes: -n p q.
  const double expected[] = {12 * 0.25, 0, 12 * 0.125, 12 * 0.625};
  double total[4] = {};
  double covariance = 0;
  for (std::int64_t row = 0; row < n; ++row) {
    const double* counts = k.data<double>() + 4 * row;
    CHECK(counts[0] + counts[1] + counts[2] + counts[3] == 12);
    CHECK(counts[1] == 0);
    for (int i = 0; i < 4; ++i) total[i] += counts[i];
    covariance += (counts[0] - expected[0]) * (counts[3] - expected[3]) / n;
  }
  double chi2 = 0;
  for (const int i : {0, 2, 3}) chi2 += std::pow(total[i] - n * expected[i], 2) / (n * expected[i]);
  CHECK(chi2 < 13.8);  // 2 degrees of freedom, p = 0.001
  CHECK(covariance == doctest::Approx(-12 * 0.25 * 0.625).epsilon(0.05));
}

TEST_CASE("distributions: integers are equally likely") {
  RandomStream rng(19);
  double counts[7] = {};
  const Array k = evaluate(rng.randint({n}, -3, 4));
  for (const std::int64_t v : k.values<std::int64_t>()) counts[v + 3] += 1;
  double chi2 = 0;
  for (const double c : counts) chi2 += (c - n / 7.0) * (c - n / 7.0) / (n / 7.0);
  CHECK(chi2 < 22.5);  // 6 degrees of freedom, p = 0.001
}

TEST_CASE("distributions: rows are chosen by their probabilities") {
  RandomStream rng(20);
  const std::vector<double> p{1, 2, 0, 5};
  const Array k = evaluate(rng.choice(4, n, true, constant(Array::from(p))));
  double counts[4] = {};
  for (const std::int64_t v : k.values<std::int64_t>()) counts[v] += 1;
  CHECK(counts[2] == 0);
  double chi2 = 0;
  for (const std::size_t i : {0, 1, 3})
    chi2 += std::pow(counts[i] - n * p[i] / 8, 2) / (n * p[i] / 8);
  CHECK(chi2 < 13.8);  // 2 degrees of freedom, p = 0.001
}

TEST_CASE("distributions: pairs chosen without replacement follow their exact probabilities") {
  // The first is i with probability p_i, then the second is j with p_j / (1 - p_i).
  const std::vector<double> p{0.1, 0.2, 0.3, 0.4};
  const std::vector<double> equal(4, 0.25);
  for (const bool weighted : {false, true}) {
    RandomStream rng(21);
    const Var weights = weighted ? constant(Array::from(p)) : Var{};
    Function f = function({}, {rng.choice(4, 2, false, weights)});
    const std::vector<double>& q = weighted ? p : equal;
    double counts[4][4] = {};
    for (int call = 0; call < n; ++call) {
      const Outputs pair = f();
      counts[pair[0].data<std::int64_t>()[0]][pair[0].data<std::int64_t>()[1]] += 1;
    }
    double chi2 = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(counts[i][i] == 0);
      for (std::size_t j = 0; j < 4; ++j) {
        const double expected = n * q[i] * q[j] / (1 - q[i]);
        if (i != j) chi2 += (counts[i][j] - expected) * (counts[i][j] - expected) / expected;
      }
    }
    CHECK(chi2 < 31.3);  // 11 degrees of freedom, p = 0.001
  }
}

TEST_CASE("distributions: every order of a permutation is equally likely") {
  std::vector<double> counts(6);
  for (std::uint64_t draw = 0; draw < 6000; ++draw) {
    std::int64_t p[3];
    sample_permutation({5, 6, draw}, 3, p);
    counts[static_cast<std::size_t>(p[0] * 2 + (p[1] > p[2]))] += 1;
  }
  double chi2 = 0;
  for (const double c : counts) chi2 += (c - 1000) * (c - 1000) / 1000;
  CHECK(chi2 < 20.5);  // 5 degrees of freedom, p = 0.001
}

TEST_CASE("distributions: the normal quantile inverts the distribution function") {
  for (const double x : {-8.0, -3.0, -0.7, 0.0, 0.1, 1.0, 2.5}) {
    CHECK(normal_quantile(phi(x)) == doctest::Approx(x).epsilon(1e-12));
  }
}

TEST_CASE("distributions: location and scale have gradients") {
  RandomStream rng(15);
  const Var scale = scalar("scale", float64);
  const std::vector<std::pair<Var, Array>> at{{scale, test::number(2)}};
  for (const Var& draw :
       {rng.gumbel({5}, 0.0, scale, float64), rng.exponential({5}, scale, float64),
        rng.laplace({5}, 0.0, scale, float64)}) {
    const double total = evaluate(sum(draw), at).item<double>();
    CHECK(evaluate(grad(sum(draw), scale), at).item<double>() ==
          doctest::Approx(total / 2).epsilon(1e-12));
  }
}
