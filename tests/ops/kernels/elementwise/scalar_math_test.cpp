#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <damo/ops/kernels/elementwise/loop.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/machine/isa.hpp>

namespace {

namespace math = damo::math;
using Real = long double;

/// The spacing of T at `x`; of subnormal numbers where x is one.
template <class T>
Real ulp(Real x) {
  int exponent = 0;
  std::frexp(x, &exponent);
  const Real spacing = std::ldexp(Real{1}, exponent - std::numeric_limits<T>::digits);
  return std::max<Real>(spacing, std::numeric_limits<T>::denorm_min());
}

/// Points from every binade, of both signs, some evenly spaced ones in [-1000, 1000], and the
/// special values.
template <class T>
std::vector<T> samples() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> points = {0,
                           -T{0},
                           Limits::infinity(),
                           -Limits::infinity(),
                           Limits::max(),
                           Limits::lowest(),
                           Limits::min(),
                           Limits::denorm_min(),
                           T(0.5),
                           T(-1),
                           T(1)};
  for (int e = Limits::min_exponent - Limits::digits; e < Limits::max_exponent; ++e) {
    for (int k = 0; k < 24; ++k) {
      const T x = std::ldexp(T(1) + T(k * 0.0413), e);
      points.push_back(x);
      points.push_back(-x);
    }
  }
  for (int i = -40000; i <= 40000; ++i) {
    points.push_back(T(i) / 40);
    points.push_back(T(i) / 4001);
  }
  return points;
}

template <class T, class F, class Truth>
void check_ulps(const char* name, F f, Truth truth, Real allowed) {
  CAPTURE(name);
  CHECK(std::isnan(f(std::numeric_limits<T>::quiet_NaN())));
  Real worst = 0;
  T at = 0;
  for (const T x : samples<T>()) {
    const T y = f(x);
    const Real t = truth(static_cast<Real>(x));
    if (std::isnan(t) || std::isinf(static_cast<T>(t)) || t == 0) {
      const T expected = static_cast<T>(t);
      if (!(std::isnan(t) ? std::isnan(y) : y == expected)) {
        FAIL_CHECK(std::string(name) << "(" << x << ") is " << y << " instead of " << expected);
      }
      continue;
    }
    const Real error = std::abs(static_cast<Real>(y) - t) / ulp<T>(t);
    if (!(error <= worst)) {
      worst = error;
      at = x;
    }
  }
  CAPTURE(at);
  CHECK(worst <= allowed);
}

Real true_sigmoid(Real x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
Real true_softplus(Real x) { return std::max(x, Real{0}) + std::log1p(std::exp(-std::abs(x))); }
Real true_log1mexp(Real x) {
  if (x > 0) return NAN;
  return x > -0.7L ? std::log(-std::expm1(x)) : std::log1p(-std::exp(x));
}

template <class T>
void check_accuracy() {
  check_ulps<T>(
      "exp", [](T x) { return math::exp(x); }, [](Real x) { return std::exp(x); }, 1);
  check_ulps<T>(
      "log", [](T x) { return math::log(x); }, [](Real x) { return std::log(x); }, 1);
  check_ulps<T>(
      "log1p", [](T x) { return math::log1p(x); }, [](Real x) { return std::log1p(x); }, 1.5L);
  check_ulps<T>(
      "expm1", [](T x) { return math::expm1(x); }, [](Real x) { return std::expm1(x); }, 1.5L);
  check_ulps<T>(
      "tanh", [](T x) { return math::tanh(x); }, [](Real x) { return std::tanh(x); }, 1.5L);
  check_ulps<T>(
      "sigmoid", [](T x) { return math::sigmoid(x); }, true_sigmoid, 1.5L);
  check_ulps<T>(
      "softplus", [](T x) { return math::softplus(x); }, true_softplus, 1.5L);
  check_ulps<T>(
      "log1mexp", [](T x) { return math::log1mexp(x); }, true_log1mexp, 2);
  check_ulps<T>(
      "round", [](T x) { return math::round(x); }, [](Real x) { return std::rint(x); }, 0);
  check_ulps<T>(
      "trunc", [](T x) { return math::trunc(x); }, [](Real x) { return std::trunc(x); }, 0);
  check_ulps<T>(
      "floor", [](T x) { return math::floor(x); }, [](Real x) { return std::floor(x); }, 0);
  check_ulps<T>(
      "ceil", [](T x) { return math::ceil(x); }, [](Real x) { return std::ceil(x); }, 0);
}

template <class T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

/// Bits of F over the samples, in the loop of each instruction set and one element at a time.
template <class F, class T>
void check_same_bits() {
  const std::vector<T> x = samples<T>();
  const damo::LoopSet loops = damo::make_loops<F, T, T>();
  const void* in[] = {x.data()};
  std::vector<T> expected(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const void* one[] = {x.data() + i};
    loops.by_isa[0](one, expected.data() + i, 1);
  }
  const damo::Isa best = damo::isa();
  for (const damo::Isa isa : {damo::Isa::sse2, damo::Isa::avx2, damo::Isa::avx512}) {
    damo::set_isa(isa);
    std::vector<T> y(x.size());
    loops.best()(in, y.data(), y.size());
    std::size_t differing = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (!same_bits(y[i], expected[i]) && y[i] == y[i]) ++differing;
    }
    CHECK(differing == 0);
  }
  damo::set_isa(best);
}

struct Softplus {
  template <class T>
  DAMO_INLINE T operator()(T x) const {
    return math::softplus(x);
  }
};
struct Sigmoid {
  template <class T>
  DAMO_INLINE T operator()(T x) const {
    return math::sigmoid(x);
  }
};
struct Log1mexp {
  template <class T>
  DAMO_INLINE T operator()(T x) const {
    return math::log1mexp(x);
  }
};
struct Tanh {
  template <class T>
  DAMO_INLINE T operator()(T x) const {
    return math::tanh(x);
  }
};

}  // namespace

TEST_CASE("elementary functions are within two ulp in float32") { check_accuracy<float>(); }
TEST_CASE("elementary functions are within two ulp in float64") { check_accuracy<double>(); }

TEST_CASE("elementary functions have the same bits in every loop and position") {
  check_same_bits<Sigmoid, float>();
  check_same_bits<Sigmoid, double>();
  check_same_bits<Softplus, float>();
  check_same_bits<Softplus, double>();
  check_same_bits<Log1mexp, float>();
  check_same_bits<Log1mexp, double>();
  check_same_bits<Tanh, float>();
  check_same_bits<Tanh, double>();
}

TEST_CASE("sigmoid and softplus keep their tails") {
  CHECK(math::softplus(17.0) == 17.000000041399375);
  CHECK(math::softplus(1000.0F) == 1000.0F);
  CHECK(math::sigmoid(-745.0) == std::exp(-745.0));
  CHECK(math::sigmoid(-50.0F) == doctest::Approx(1.9287498e-22).epsilon(1e-6));
  CHECK(math::softplus(-100.0F) == std::exp(-100.0F));
}

TEST_CASE("odd functions and roundings keep the sign of zero") {
  for (const double y : {math::tanh(-0.0), math::expm1(-0.0), math::log1p(-0.0), math::round(-0.3),
                         math::trunc(-0.7), math::ceil(-0.7)}) {
    CHECK(y == 0);
    CHECK(std::signbit(y));
  }
}

TEST_CASE("digamma agrees with known values and with its recurrence") {
  constexpr double euler = 0.57721566490153286061;
  CHECK(math::digamma(1.0) == doctest::Approx(-euler).epsilon(1e-15));
  CHECK(math::digamma(0.5) == doctest::Approx(-euler - 2 * std::log(2.0)).epsilon(1e-15));
  CHECK(math::digamma(-0.5) == doctest::Approx(2 - euler - 2 * std::log(2.0)).epsilon(1e-13));
  CHECK(math::digamma(10.0F) == doctest::Approx(2.251752589066721).epsilon(1e-6));
  for (const double x : {0.1, 1.4, 3.7, 9.99, 25.0, 1e4}) {
    CHECK(math::digamma(x + 1) - math::digamma(x) == doctest::Approx(1 / x).epsilon(1e-9));
  }
  CHECK(std::isnan(math::digamma(-3.0)));
  CHECK(std::isnan(math::digamma(NAN)));
}

TEST_CASE("xlogx and xlogy0 are zero where x is zero") {
  CHECK(math::xlogx(0.0) == 0);
  CHECK(math::xlogx(2.0) == doctest::Approx(1.3862943611198906));
  CHECK(math::xlogy0(0.0, 0.0) == 0);
  CHECK(math::xlogy0(0.0F, -1.0F) == 0);
  CHECK(math::xlogy0(0.5, 0.0) == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(math::xlogy0(0.0, std::numeric_limits<double>::quiet_NaN())));
}

TEST_CASE("cosine of turns agrees with libm") {
  Real worst = 0;
  for (int i = 0; i <= 100000; ++i) {
    const double x = i / 100000.0;
    const Real truth = std::cos(2 * 3.14159265358979323846264338327950288L * Real{x});
    worst = std::max(worst, std::abs(Real{math::cos_turns(x)} - truth));
  }
  CHECK(worst < 4e-16L);
}
