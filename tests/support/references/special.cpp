#include <cmath>

#include "tests/support/incomplete.hpp"
#include "tests/support/references/nd.hpp"
#include "tests/support/references/references.hpp"

// By integrals, series and bisection, slowly.
namespace damo::test {
namespace {

using D = double;

Reference unary(D (*f)(D)) {
  return elementwise([f](const std::vector<D>& x) { return f(x[0]); });
}
Reference binary(D (*f)(D, D)) {
  return elementwise([f](const std::vector<D>& x) { return f(x[0], x[1]); });
}
/// Of integers, from doubles.
Reference of_integers(std::int64_t (*f)(std::int64_t, std::int64_t)) {
  return elementwise([f](const std::vector<D>& x) {
    return D(f(static_cast<std::int64_t>(x[0]), static_cast<std::int64_t>(x[1])));
  });
}

/// The mean of f over half a turn: for such periodic functions the midpoint rule is exact.
template <class F>
D mean_over_half_turn(F&& f) {
  constexpr int n = 64;
  Wide sum = 0;
  for (int i = 0; i < n; ++i) sum += f((i + 0.5L) * 3.14159265358979323846264L / n);
  return static_cast<D>(sum / n);
}
D bessel_j(int order, D x) {
  return mean_over_half_turn([&](Wide t) { return std::cos(order * t - x * std::sin(t)); });
}
D bessel_i(D order, D x) {
  return mean_over_half_turn(
      [&](Wide t) { return std::exp(x * std::cos(t)) * std::cos(order * t); });
}

/// Where a rising or falling function of wide numbers has this value.
template <class F>
D where_it_is(D value, F&& f) {
  Wide low = -10, high = 10;
  const bool rises = f(high) > f(low);
  for (int i = 0; i < 100; ++i) {
    const Wide middle = (low + high) / 2;
    ((f(middle) < value) == rises ? low : high) = middle;
  }
  return static_cast<D>(low);
}

Wide beta_part(Wide a, Wide b, Wide x) {
  return x > 0.5L ? 1 - beta_below(b, a, 1 - x, x) : beta_below(a, b, x, 1 - x);
}

}  // namespace

void add_special(References& all) {
  all["arcsinh"] =
      unary([](D x) { return std::copysign(std::log(std::abs(x) + std::sqrt(x * x + 1)), x); });
  all["arccosh"] = unary([](D x) { return std::log(x + std::sqrt(x * x - 1)); });
  all["arctanh"] = unary([](D x) { return std::log((1 + x) / (1 - x)) / 2; });
  all["exp2"] = unary([](D x) { return std::pow(2, x); });
  all["hypot"] = binary([](D x, D y) { return std::sqrt(x * x + y * y); });
  all["xlog1py"] = binary([](D x, D y) { return x * std::log(1 + y); });
  all["round_half_away_from_zero"] =
      unary([](D x) { return x < 0 ? std::ceil(x - 0.5) : std::floor(x + 0.5); });
  all["isfinite"] = unary([](D x) { return D(std::isfinite(x)); });
  all["bitwise_and"] = of_integers([](auto a, auto b) { return a & b; });
  all["bitwise_or"] = of_integers([](auto a, auto b) { return a | b; });
  all["bitwise_xor"] = of_integers([](auto a, auto b) { return a ^ b; });
  all["invert"] = unary([](D x) { return -1 - x; });
  all["left_shift"] = binary([](D a, D n) { return a * std::pow(2, n); });
  all["right_shift"] = binary([](D a, D n) { return std::floor(a / std::pow(2, n)); });
  all["erfinv"] = unary([](D y) { return where_it_is(y, [](Wide x) { return std::erf(x); }); });
  all["erfcinv"] = unary([](D y) { return where_it_is(y, [](Wide x) { return std::erfc(x); }); });
  all["j0"] = unary([](D x) { return bessel_j(0, x); });
  all["j1"] = unary([](D x) { return bessel_j(1, x); });
  all["i0"] = unary([](D x) { return bessel_i(0, x); });
  all["i1"] = unary([](D x) { return bessel_i(1, x); });
  all["ive"] = binary([](D n, D x) { return std::exp(-std::abs(x)) * bessel_i(n, x); });
  all["gamma"] = unary([](D x) { return static_cast<D>(std::tgamma(Wide(x))); });
  all["betaln"] = binary([](D a, D b) { return static_cast<D>(log_beta(a, b)); });
  all["gammainc"] = binary([](D a, D x) { return static_cast<D>(gamma_below(a, x)); });
  all["gammaincc"] = binary([](D a, D x) { return static_cast<D>(1 - gamma_below(a, x)); });
  all["gamma_density"] = binary([](D a, D x) { return static_cast<D>(gamma_density(a, x)); });
  all["betainc"] =
      elementwise([](const auto& x) { return static_cast<D>(beta_part(x[0], x[1], x[2])); });
  all["beta_density"] = elementwise(
      [](const auto& x) { return static_cast<D>(beta_density(x[0], x[1], x[2], 1 - Wide(x[2]))); });
}

}  // namespace damo::test
