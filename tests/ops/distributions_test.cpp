#include "../support/values.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <damo/ops/gradient.hpp>
#include <damo/ops/kernels/samplers.hpp>
#include <damo/ops/math.hpp>
#include <damo/ops/random.hpp>
#include <damo/ops/reduce.hpp>

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

}  // namespace

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
