// Draws of 10^6 numbers against their distribution functions or probabilities, and what NumPy
// 1.24.2 prints, by the Python line above it, where
//   import numpy; R = numpy.random.RandomState; n = 100000
//   bits = lambda x: (x.view("u8") * numpy.arange(1, len(x) + 1, dtype="u8")).sum()
//   mix = lambda x: (x.sum(), (x * numpy.arange(len(x))).sum())
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <set>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/order/sort.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/numpy_values.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

constexpr std::int64_t many = 1000000;
const double inf = std::numeric_limits<double>::infinity();

double phi(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

/// The Kolmogorov-Smirnov statistic times sqrt(n): above 1.95 with probability 0.001.
double distance(const Var& draw, const std::function<double(double)>& cdf) {
  const Array a = evaluate(sort(draw));
  const double* v = a.data<double>();
  double worst = 0;
  const auto n = static_cast<double>(a.elements());
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const double f = cdf(v[i]);
    const auto k = static_cast<double>(i);
    const double here = std::max(std::abs(f - k / n), std::abs(f - (k + 1) / n));
    worst = std::isnan(here) ? inf : std::max(worst, here);
  }
  return worst * std::sqrt(n);
}

/// The chi-square statistic of counts, less its mean, over its standard deviation: above 4 with a
/// probability of some 10^-4. Values that are rarely expected count as one.
double surprise(const Var& draw, const std::function<double(std::int64_t)>& probability) {
  const Array a = evaluate(draw);
  std::map<std::int64_t, std::int64_t> counts;
  for (std::int64_t i = 0; i < a.elements(); ++i) ++counts[a.data<std::int64_t>()[i]];
  const auto n = static_cast<double>(a.elements());
  double statistic = 0;
  int cells = -1;
  double rest = n;
  double rest_expected = n;
  for (std::int64_t k = 0; k < 400; ++k) {
    const double expected = n * probability(k);
    if (expected < 20) continue;
    const double off = static_cast<double>(counts[k]) - expected;
    statistic += off * off / expected;
    rest -= static_cast<double>(counts[k]);
    rest_expected -= expected;
    ++cells;
  }
  if (rest_expected > 20) {
    statistic += (rest - rest_expected) * (rest - rest_expected) / rest_expected;
    ++cells;
  } else {
    CHECK(rest < 80);
  }
  return cells > 0 ? (statistic - cells) / std::sqrt(2.0 * cells) : statistic;
}

double log_choose(double n, double k) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
}
double log_beta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

std::uint64_t bits(const Array& x) {
  std::uint64_t sum = 0;
  for (std::int64_t i = 0; i < x.elements(); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, x.data<double>() + i, sizeof word);
    sum += word * static_cast<std::uint64_t>(i + 1);
  }
  return sum;
}

template <class Make>
Array from_numpy(Make&& make) {
  RandomStream rng = RandomStream::numpy_compatible(1);
  const Var draw = make(rng);
  test::start_at(rng, 7);
  return function({}, {draw})()[0];
}

Var number(double x) { return constant(test::number(x)); }

}  // namespace

TEST_CASE("families: continuous draws follow their distribution functions") {
  RandomStream rng(21);
  const Sizes size{many};
  const auto check = [](const char* name, const Var& draw, const std::function<double(double)>& f) {
    CAPTURE(name);
    CHECK(draw.dtype() == float64);
    CHECK(distance(draw, f) < 1.95);
  };
  const double pi = M_PI;
  check("lognormal", rng.lognormal(size, 0.3, 1.7, float64),
        [](double x) { return phi((std::log(x) - 0.3) / 1.7); });
  check("chisquare", rng.chisquare(size, 2.0, float64),
        [](double x) { return -std::expm1(-x / 2); });
  check("chisquare of 1", rng.chisquare(size, 1.0, float64),
        [](double x) { return std::erf(std::sqrt(x / 2)); });
  check("cauchy", rng.cauchy(size, 0.5, 2.0, float64),
        [=](double x) { return 0.5 + std::atan((x - 0.5) / 2) / pi; });
  check("t", rng.t(size, 2.0, 1.0, 3.0, float64), [](double x) {
    const double z = (x - 1) / 3;
    return 0.5 + z / (2 * std::sqrt(2 + z * z));
  });
  check("weibull", rng.weibull(size, 1.7, 2.0, float64),
        [](double x) { return -std::expm1(-std::pow(x / 2, 1.7)); });
  check("pareto", rng.pareto(size, 1.7, float64),
        [](double x) { return 1 - std::pow(1 + x, -1.7); });
  check("rayleigh", rng.rayleigh(size, 1.7, float64),
        [](double x) { return -std::expm1(-x * x / (2 * 1.7 * 1.7)); });
  check("inverse gamma", rng.inverse_gamma(size, 1.0, 2.0, float64),
        [](double x) { return std::exp(-2 / x); });
  check("inverse gamma of 1/2", rng.inverse_gamma(size, 0.5, 2.0, float64),
        [](double x) { return std::erfc(std::sqrt(2 / x)); });
  check("generalized gamma", rng.generalized_gamma(size, 3.0, 1.5, 2.0, float64), [](double x) {
    const double y = std::pow(x / 2, 1.5);
    return 1 - std::exp(-y) * (1 + y);
  });
  check("triangular", rng.triangular(size, -1.0, 0.5, 2.0, float64), [](double x) {
    return x < 0.5 ? (x + 1) * (x + 1) / (3 * 1.5) : 1 - (2 - x) * (2 - x) / (3 * 1.5);
  });
  check("halfnormal", rng.halfnormal(size, 2.0, float64),
        [](double x) { return std::erf(x / (2 * std::sqrt(2.0))); });
  check("halfcauchy", rng.halfcauchy(size, 2.0, float64),
        [=](double x) { return 2 / pi * std::atan(x / 2); });
  check("truncated exponential", rng.truncated_exponential(size, 1.5, 1.0, 2.0, float64),
        [](double x) { return std::expm1(-(x - 1) / 2) / std::expm1(-1.5); });
  check("wald", rng.wald(size, 0.8, 1.7, float64), [](double x) {
    const double root = std::sqrt(1.7 / x);
    return phi(root * (x / 0.8 - 1)) + std::exp(2 * 1.7 / 0.8) * phi(-root * (x / 0.8 + 1));
  });
  check("vonmises of 0", rng.vonmises(size, 0.0, 0.0, float64),
        [=](double x) { return 0.5 + x / (2 * pi); });
  const Var parts = rng.dirichlet({many}, constant(test::vector({1, 1, 1})));
  check("dirichlet", cast(parts(all(), 1), float64),
        [](double x) { return 1 - (1 - x) * (1 - x); });
  CHECK(evaluate(max(abs(sum(parts, 1) - 1.0))).item<double>() < 1e-6);
}

TEST_CASE("families: angles have the moments of Bessel functions") {
  RandomStream rng(22);
  for (const double kappa : {0.5, 4.0, 2e6}) {
    CAPTURE(kappa);
    const Array x = evaluate(rng.vonmises({many}, 3.0, kappa, float64));
    double cosine = 0, sine = 0, twice = 0, largest = 0;
    for (const double a : x.values<double>()) {
      cosine += std::cos(a - 3) / many;
      sine += std::sin(a - 3) / many;
      twice += std::cos(2 * (a - 3)) / many;
      largest = std::max(largest, std::abs(a));
    }
    CHECK(largest <= M_PI * (1 + 1e-15));
    const bool narrow =
        kappa > 600;  // there I1 / I0 is 1 - 1 / (2 kappa), and I2 / I0 1 - 2 / kappa
    const double i0 = narrow ? 1 : std::cyl_bessel_i(0.0, kappa);
    const double one = narrow ? 1 - 0.5 / kappa : std::cyl_bessel_i(1.0, kappa) / i0;
    const double two = narrow ? 1 - 2 / kappa : std::cyl_bessel_i(2.0, kappa) / i0;
    CHECK(std::abs(cosine - one) < 4e-3 / std::sqrt(1 + kappa));
    CHECK(std::abs(sine) < 4e-3 / std::sqrt(1 + kappa));
    CHECK(std::abs(twice - two) < 4e-3 / std::sqrt(1 + kappa));
  }
}

TEST_CASE("families: counts have their probabilities") {
  RandomStream rng(23);
  const Sizes size{many};
  for (const double p : {0.2, 0.5, 1.0}) {
    CAPTURE(p);
    CHECK(surprise(rng.geometric(size, p), [p](std::int64_t k) {
            return k < 1 ? 0 : p * std::pow(1 - p, static_cast<double>(k - 1));
          }) < 4);
  }
  CHECK(surprise(rng.negative_binomial(size, 2.5, 0.3), [](std::int64_t k) {
          const auto x = static_cast<double>(k);
          return std::exp(std::lgamma(x + 2.5) - std::lgamma(2.5) - std::lgamma(x + 1) +
                          2.5 * std::log(0.3) + x * std::log(0.7));
        }) < 4);
  CHECK(surprise(rng.beta_binomial(size, 10, 2.0, 3.0), [](std::int64_t k) {
          if (k > 10) return 0.0;
          const auto x = static_cast<double>(k);
          return std::exp(log_choose(10, x) + log_beta(x + 2, 13 - x) - log_beta(2, 3));
        }) < 4);
  const std::vector<std::vector<double>> urns{
      {15, 9, 7}, {9, 15, 7}, {150, 90, 70}, {90, 150, 200}};
  for (const auto& urn : urns) {
    const double good = urn[0], bad = urn[1], taken = urn[2];
    CAPTURE(good);
    CHECK(surprise(rng.hypergeometric(size, static_cast<long>(good), static_cast<long>(bad),
                                      static_cast<long>(taken)),
                   [&](std::int64_t k) {
                     const auto x = static_cast<double>(k);
                     if (x > good || x > taken || taken - x > bad) return 0.0;
                     return std::exp(log_choose(good, x) + log_choose(bad, taken - x) -
                                     log_choose(good + bad, taken));
                   }) < 4);
  }
}

TEST_CASE("families: classes without replacement come as if taken one by one") {
  RandomStream rng(24);
  const std::vector<double> w{1, 2, 3, 0};
  const Var p = broadcast_to(constant(test::vector(w)), {many, 4});
  const Var two = rng.multinomial_wo_replacement(p, 2);
  CHECK(surprise(two(all(), 0) * 4 + two(all(), 1), [&](std::int64_t k) {
          const auto i = static_cast<std::size_t>(k / 4), j = static_cast<std::size_t>(k % 4);
          return i == j || i > 3 ? 0 : w[i] / 6 * w[j] / (6 - w[i]);
        }) < 4);
  const std::string text = error_of<ShapeError>(
      [&] { evaluate(rng.multinomial_wo_replacement(constant(test::vector(w)), 4)); });
  CHECK(contains(text, "multinomial_wo_replacement: 3, where at least 4 is needed"));
  CHECK(contains(text, "families_test.cpp:"));
}

TEST_CASE("families: the elements of each row come in any order") {
  RandomStream rng(25);
  const Var rows = broadcast_to(constant(Array::from<std::int64_t>({0, 1, 2})), {many, 3});
  const Var mixed = rng.shuffle_row_elements(rows);
  const std::set<std::int64_t> orders{5, 7, 11, 15, 19, 21};
  CHECK(surprise(mixed(all(), 0) * 9 + mixed(all(), 1) * 3 + mixed(all(), 2),
                 [&](std::int64_t k) { return orders.contains(k) ? 1.0 / 6 : 0.0; }) < 4);
}

TEST_CASE("families: NumPy-compatible streams have RandomState's bits") {
  using R = RandomStream&;
  constexpr std::int64_t n = 100000;
  const auto check = [](std::uint64_t expected, const std::function<Var(R)>& make) {
    CHECK(bits(from_numpy(make)) == expected);
  };
  const Var a = number(1.7);
  // bits(R(7).lognormal(.3, 1.7, n)); .chisquare(2.5, n); .standard_cauchy(n); .standard_t(2.5, n)
  check(15720222423457075737U, [&](R r) { return r.lognormal({n}, number(.3), a, float64); });
  check(17682741531622536544U, [&](R r) { return r.chisquare({n}, number(2.5), float64); });
  check(9903585078586327976U, [&](R r) { return r.cauchy({n}, 0.0, 1.0, float64); });
  check(9074465264026172043U, [&](R r) { return r.t({n}, number(2.5), 0.0, 1.0, float64); });
  // .weibull(1.7, n); .pareto(1.7, n); .rayleigh(1.7, n); .triangular(-1., .3, 1.7, n)
  check(7674987555418109105U, [&](R r) { return r.weibull({n}, a, 1.0, float64); });
  check(13765548096567951158U, [&](R r) { return r.pareto({n}, a, float64); });
  check(17000227929200838984U, [&](R r) { return r.rayleigh({n}, a, float64); });
  check(3009237354715263027U,
        [&](R r) { return r.triangular({n}, number(-1), number(.3), a, float64); });
  // .vonmises(.3, kappa, n); .wald(.8, 1.7, n)
  check(12496484922243965147U, [&](R r) { return r.vonmises({n}, number(.3), 1e-9, float64); });
  check(12107067988316655198U,
        [&](R r) { return r.vonmises({n}, number(.3), number(1e-6), float64); });
  check(1701606015260155210U, [&](R r) { return r.vonmises({n}, number(.3), .5, float64); });
  check(1308356393957252452U, [&](R r) { return r.vonmises({n}, number(.3), 30.0, float64); });
  check(4928148693109192479U, [&](R r) { return r.wald({n}, number(.8), a, float64); });
}

TEST_CASE("families: NumPy-compatible counts are RandomState's") {
  using R = RandomStream&;
  constexpr std::int64_t n = 100000;
  const auto check = [](test::Mix expected, const std::function<Var(R)>& make) {
    CHECK(test::mix(from_numpy(make)) == expected);
  };
  // mix(R(7).geometric(p, n))
  check({10004983, 501504883563}, [](R r) { return r.geometric({n}, number(.01)); });
  check({500130, 25067274728}, [](R r) { return r.geometric({n}, number(.2)); });
  check({200110, 10016339645}, [](R r) { return r.geometric({n}, number(.5)); });
  check({100000, 4999950000}, [](R r) { return r.geometric({n}, number(1)); });
  // mix(R(7).negative_binomial(2.5, .3, n)); .negative_binomial(40, .1, n)
  check({583116, 29146409943}, [](R r) { return r.negative_binomial({n}, 2.5, number(.3)); });
  check({35982499, 1800398374687}, [](R r) { return r.negative_binomial({n}, 40, number(.1)); });
  // mix(R(7).hypergeometric(15, 9, 7, n)); (9, 15, 7), (150, 90, 70), (90, 150, 200)
  check({437575, 21889446718}, [](R r) { return r.hypergeometric({n}, 15, 9, 7); });
  check({262425, 13110203282}, [](R r) { return r.hypergeometric({n}, 9, 15, 7); });
  check({4375322, 218816171743}, [](R r) { return r.hypergeometric({n}, 150, 90, 70); });
  check({7502209, 375097753139}, [](R r) { return r.hypergeometric({n}, 90, 150, 200); });
  // R(7).dirichlet([.5, 2, 3], 2)
  const Array parts = from_numpy([](R r) {
    return r.dirichlet({2}, constant(test::vector({.5, 2, 3})), float64);
  });
  test::check_close(
      parts,
      test::array({2, 3}, {0.00214464, 0.41788479, 0.57997057, 0.06772983, 0.45246766, 0.47980251}),
      1e-8);
}

TEST_CASE("families: dirichlet draws of no parts are empty") {
  for (RandomStream rng : {RandomStream(1), RandomStream::numpy_compatible(1)}) {
    const Var alpha = vector("alpha", float64);
    Function f = function({alpha}, rng.dirichlet({3}, alpha));
    CHECK(f(Array(float64, {0}))[0].shape() == Shape{3, 0});
  }
}

// x = R(7).dirichlet(numpy.arange(1, 201) / 64, 100)
// (x.view("u8").ravel() * numpy.arange(1, x.size + 1, dtype="u8")).sum()
TEST_CASE("families: a numpy stream's dirichlet draws have NumPy's bits") {
  std::vector<double> alpha;
  for (int i = 1; i <= 200; ++i) alpha.push_back(i / 64.0);
  const Array x = from_numpy(
      [&](RandomStream& r) { return r.dirichlet({100}, constant(test::vector(alpha)), float64); });
  std::uint64_t mixed = 0;
  for (std::int64_t i = 0; i < x.elements(); ++i)
    mixed += std::bit_cast<std::uint64_t>(x.data<double>()[i]) * static_cast<std::uint64_t>(i + 1);
  CHECK(mixed == 13315357999970762245U);
}

TEST_CASE("families: draws move with their parameters as their quantile does") {
  using Draw = std::function<Var(RandomStream&, const Var&)>;
  const Sizes size{200};
  const std::map<std::string, Draw> draws{
      {"lognormal", [&](auto& r, const Var& a) { return r.lognormal(size, a, a, float64); }},
      {"cauchy", [&](auto& r, const Var& a) { return r.cauchy(size, a, a, float64); }},
      {"weibull", [&](auto& r, const Var& a) { return r.weibull(size, a, a, float64); }},
      {"pareto", [&](auto& r, const Var& a) { return r.pareto(size, a, float64); }},
      {"rayleigh", [&](auto& r, const Var& a) { return r.rayleigh(size, a, float64); }},
      {"triangular",
       [&](auto& r, const Var& a) { return r.triangular(size, -a, a / 2.0, 2.0 * a, float64); }},
      {"halfnormal", [&](auto& r, const Var& a) { return r.halfnormal(size, a, float64); }},
      {"halfcauchy", [&](auto& r, const Var& a) { return r.halfcauchy(size, a, float64); }},
      {"truncated exponential",
       [&](auto& r, const Var& a) { return r.truncated_exponential(size, a, a, a, float64); }},
      {"vonmises", [&](auto& r, const Var& a) { return r.vonmises(size, a / 9.0, 5.0, float64); }}};
  for (const auto& [name, make] : draws) {
    CAPTURE(name);
    RandomStream rng(26);
    const Var a = dscalar("a");
    const Var x = make(rng, a);
    Function f = function({a}, {x, Rop(x, a, constant(test::number(1)))});
    const Array start = rng.state();
    const auto at = [&](double value) {
      rng.set_state(start);
      return f(value);
    };
    const Outputs here = at(1.3);
    const Array slope = here[1], up = at(1.3 + 1e-6)[0], down = at(1.3 - 1e-6)[0];
    for (std::int64_t i = 0; i < slope.elements(); ++i) {
      const double truth = (up.data<double>()[i] - down.data<double>()[i]) / 2e-6;
      const double s = slope.data<double>()[i];
      if (std::abs(s - truth) > 1e-5 * std::max(1.0, std::abs(truth))) {
        CAPTURE(i);
        CHECK(s == truth);
      }
    }
  }
}

TEST_CASE("families: means of draws made of gammas move as the means of their distributions") {
  const Sizes size{many / 4};
  RandomStream rng(27);
  const Var a = dscalar("a");
  const auto slope = [&](const Var& value, double at) {
    return function({a}, {grad(mean(value), a)})(at).scalar<double>(0);
  };
  CHECK(slope(rng.chisquare(size, a, float64), 3) == doctest::Approx(1).epsilon(0.02));
  // scale / (a - 1)
  CHECK(slope(rng.inverse_gamma(size, a, 2.0, float64), 5) ==
        doctest::Approx(-2.0 / 16).epsilon(0.03));
  // E x^p = a / p
  CHECK(slope(sqr(rng.generalized_gamma(size, a, 2.0, 1.0, float64)), 3) ==
        doctest::Approx(0.5).epsilon(0.02));
  // E 1 / (1 + x^2 / df), for df = a: a / (a + 1)
  CHECK(slope(1 / (1 + sqr(rng.t(size, a, 0.0, 1.0, float64)) / a), 3) ==
        doctest::Approx(1.0 / 16).epsilon(0.05));
  const Var alpha = make_vector({a, constant(test::number(2))});
  CHECK(slope(rng.dirichlet(size, alpha, float64)(all(), 0), 3) ==
        doctest::Approx(2.0 / 25).epsilon(0.03));
}

TEST_CASE("families: where no derivative exists asking for one is an error") {
  RandomStream rng(28);
  const Var a = dscalar("a");
  const Sizes size{3};
  for (const Var& x :
       {rng.wald(size, a, 1.0, float64), rng.vonmises(size, 0.0, a, float64),
        cast(rng.geometric(size, a), float64), cast(rng.negative_binomial(size, a, 0.5), float64)})
    error_of<GradError>([&] { grad(sum(x), a); });
}

TEST_CASE("families: dtypes are those of the parameters, and none are drawn of none") {
  RandomStream rng(30);
  CHECK(rng.t({2}, constant(Array::from<float>({1, 2}))).dtype() == float32);
  CHECK(rng.lognormal({2}).dtype() == floatX());
  CHECK(rng.geometric({2}, 0.5).dtype() == int64);
  for (const Var& x : {rng.t({0}, 2.0), rng.wald({0}, 1.0, 1.0), rng.geometric({0}, 0.5),
                       rng.hypergeometric({0}, 1, 1, 1), rng.vonmises({0}, 0.0, 1.0)})
    CHECK(evaluate(x).shape() == Shape{0});
}
