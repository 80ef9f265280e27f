#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/random/philox.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

TEST_CASE("random: element e of draw d of stream s is word e mod 4 of Philox at (e / 4, d)") {
  RandomStream rng(1234);
  rng.uniform({3});
  const Var u = rng.uniform({2, 3});
  const Array a = evaluate(u);
  for (std::uint32_t e = 0; e < 6; ++e) {
    const auto words = philox4x32({e / 4, 0, 0, 0}, {1234, 1});
    CHECK(a.data<float>()[e] == static_cast<float>(words[e % 4] >> 8U) * 0x1p-24F);
  }
}

TEST_CASE("random: a bernoulli draw is the comparison of the uniform one") {
  RandomStream a(9);
  RandomStream b(9);
  const Var p = constant(Array::from<float>({0.0F, 0.25F, 0.5F, 0.75F, 1.0F}));
  test::check_same_bits(evaluate(a.bernoulli(p)), evaluate(cast(b.uniform({5}) < p, float32)));
}

TEST_CASE("random: means and variances are right") {
  RandomStream rng(5);
  const double n = 200000;
  const Array u = evaluate(rng.uniform({200000}, -1.0, 3.0, float64));
  const Array z = evaluate(rng.normal({200000}, 2.0, 3.0, float64));
  const Array k =
      evaluate(rng.binomial({.n = 10, .p = 0.3, .size = Sizes{200000}, .dtype = float64}));
  const auto moments = [&](const Array& x) {
    double mean = 0;
    double square = 0;
    for (const double v : x.values<double>()) mean += v / n;
    for (const double v : x.values<double>()) square += (v - mean) * (v - mean) / n;
    return std::pair(mean, square);
  };
  CHECK(moments(u).first == doctest::Approx(1.0).epsilon(0.02));
  CHECK(moments(u).second == doctest::Approx(16.0 / 12).epsilon(0.02));
  CHECK(moments(z).first == doctest::Approx(2.0).epsilon(0.02));
  CHECK(moments(z).second == doctest::Approx(9.0).epsilon(0.02));
  CHECK(moments(k).first == doctest::Approx(3.0).epsilon(0.01));
  CHECK(moments(k).second == doctest::Approx(2.1).epsilon(0.02));
}

TEST_CASE("random: binomial counts follow the exact distribution") {
  RandomStream rng(17);
  const int n = 100000;
  const Array k = evaluate(rng.binomial({.n = 4, .p = 0.35, .size = Sizes{n}, .dtype = int64}));
  std::vector<double> counts(5);
  for (const std::int64_t v : k.values<std::int64_t>()) counts.at(static_cast<std::size_t>(v)) += 1;
  const double choose[] = {1, 4, 6, 4, 1};
  double chi2 = 0;
  for (int i = 0; i <= 4; ++i) {
    const double expected = n * choose[i] * std::pow(0.35, i) * std::pow(0.65, 4 - i);
    chi2 += (counts[static_cast<std::size_t>(i)] - expected) *
            (counts[static_cast<std::size_t>(i)] - expected) / expected;
  }
  CHECK(chi2 < 18.5);  // 4 degrees of freedom, p = 0.001
}

TEST_CASE("random: seeding and states save and restore the numbers") {
  RandomStream rng(3);
  const Var u = rng.uniform({4});
  const Array first = evaluate(u);
  const Array state = rng.state();
  rng.seed(99);
  CHECK(evaluate(u).data<float>()[0] != first.data<float>()[0]);
  rng.set_state(state);
  test::check_same_bits(evaluate(u), first);
  CHECK(contains(error_of<ShapeError>([&] { rng.set_state(Array(int64, {5, 3})); }), "1 streams"));
}

TEST_CASE("random: sizes may be symbolic and zero") {
  RandomStream rng(3);
  const Var n = lscalar("n");
  const Var u = rng.uniform({n, 2});
  CHECK(
      to_string(evaluate(u, std::vector<std::pair<Var, Array>>{{n, Array::scalar(std::int64_t{0})}})
                    .shape()) == "(0, 2)");
  CHECK(
      to_string(evaluate(u, std::vector<std::pair<Var, Array>>{{n, Array::scalar(std::int64_t{3})}})
                    .shape()) == "(3, 2)");
}
