#include <algorithm>
#include <cmath>

#include "tests/support/incomplete.hpp"
#include "tests/support/references/nd.hpp"
#include "tests/support/references/references.hpp"

namespace damo::test {
namespace {

Reference unary(double (*f)(double)) {
  return elementwise([f](const std::vector<double>& x) { return f(x[0]); });
}
Reference binary(double (*f)(double, double)) {
  return elementwise([f](const std::vector<double>& x) { return f(x[0], x[1]); });
}

double digamma(double x) {
  double sum = 0;
  for (int k = 0; k < 3000; ++k) sum -= 1 / (x + k);
  const double y = x + 3000;
  return sum + std::log(y) - 1 / (2 * y) - 1 / (12 * y * y);
}
double trigamma(double x) {
  double sum = 0;
  for (int k = 0; k < 3000; ++k) sum += 1 / ((x + k) * (x + k));
  const double y = x + 3000;
  return sum + 1 / y + 1 / (2 * y * y) + 1 / (6 * y * y * y);
}

double polygamma(double n, double x) {
  const double s = n + 1;
  double sum = 0;
  for (int k = 0; k < 3000; ++k) sum += std::pow(x + k, -s);
  const double y = x + 3000;
  sum += std::pow(y, 1 - s) / (s - 1) + std::pow(y, -s) / 2 + s * std::pow(y, -s - 1) / 12;
  return (std::fmod(n, 2) == 1 ? 1 : -1) * std::tgamma(s) * sum;
}

/// The mean of a function of period 2 pi.
template <class F>
double periodic_mean(F&& f) {
  constexpr int points = 200;
  double sum = 0;
  for (int k = 0; k < points; ++k) sum += f(2 * M_PI * k / points);
  return sum / points;
}
double jn(double n, double x) {
  return periodic_mean([&](double t) { return std::cos(n * t - x * std::sin(t)); });
}
double in(double n, double x) {
  return periodic_mean([&](double t) { return std::exp(x * std::cos(t)) * std::cos(n * t); });
}
/// exp(x^2) erfc(x) is 2 / sqrt(pi) times the integral of exp(-t^2 - 2 x t) over t > 0.
double erfcx_derivative(double n, double x) {
  // By Gauss and Legendre, five points in each of many pieces.
  constexpr double at[] = {0, 0.5384693101056830910, -0.5384693101056830910, 0.9061798459386639928,
                           -0.9061798459386639928};
  constexpr double weight[] = {0.5688888888888888889, 0.4786286704993664680, 0.4786286704993664680,
                               0.2369268850561890875, 0.2369268850561890875};
  constexpr double half = 0.02;
  double sum = 0;
  for (double middle = half; middle < 20; middle += 2 * half) {
    for (int k = 0; k < 5; ++k) {
      const double t = middle + half * at[k];
      sum += weight[k] * std::pow(-2 * t, n) * std::exp(-t * t - 2 * x * t);
    }
  }
  return sum * half * 2 / std::sqrt(M_PI);
}

/// Minus the derivative of a distribution function in its parameter, over the density.
double gamma_derivative(const std::vector<double>& x) {
  const Wide z = x[1];
  const auto below = [&](Wide shape) { return gamma_below(shape, z); };
  return static_cast<double>(-derivative(below, x[0], 2e-4L) / gamma_density(x[0], z));
}
double gamma_in_shape(const std::vector<double>& x) {
  const Wide z = x[1];
  return static_cast<double>(
      derivative([&](Wide shape) { return gamma_below(shape, z); }, x[0], 2e-4L));
}
double beta_derivative(Wide a, Wide b, Wide z, bool in_a) {
  if (z > 0.5L) return -beta_derivative(b, a, 1 - z, !in_a);
  const auto below = [&](Wide s) { return beta_below(in_a ? s : a, in_a ? b : s, z, 1 - z); };
  return static_cast<double>(-derivative(below, in_a ? a : b, 2e-4L) /
                             beta_density(a, b, z, 1 - z));
}

double beta_in(Wide a, Wide b, Wide z, bool in_a) {
  return static_cast<double>(-beta_derivative(a, b, z, in_a) * beta_density(a, b, z, 1 - z));
}

void add_draw_derivatives(References& all) {
  all["gammainc_in_shape"] = elementwise(gamma_in_shape);
  all["betainc_in_a"] = elementwise([](const auto& x) { return beta_in(x[0], x[1], x[2], true); });
  all["betainc_in_b"] = elementwise([](const auto& x) { return beta_in(x[0], x[1], x[2], false); });
  all["gamma_derivative"] = elementwise(gamma_derivative);
  all["beta_derivative_a"] =
      elementwise([](const auto& x) { return beta_derivative(x[0], x[1], x[2], true); });
  all["beta_derivative_b"] =
      elementwise([](const auto& x) { return beta_derivative(x[0], x[1], x[2], false); });
}

void add_binary(References& all) {
  using D = double;
  all["add"] = binary([](D a, D b) { return a + b; });
  all["sub"] = binary([](D a, D b) { return a - b; });
  all["mul"] = binary([](D a, D b) { return a * b; });
  all["div"] = binary([](D a, D b) { return a / b; });
  all["mod"] = binary([](D a, D b) { return a - b * std::floor(a / b); });
  all["floor_div"] = binary([](D a, D b) { return std::floor(a / b); });
  all["pow"] = binary([](D a, D b) { return std::pow(a, b); });
  all["polygamma"] = binary(polygamma);
  all["polygamma_difference"] = elementwise([](const auto& x) {
    return x[0] == 0 ? digamma(x[1]) - digamma(x[1] + x[2])
                     : polygamma(x[0], x[1]) - polygamma(x[0], x[1] + x[2]);
  });
  all["jn"] = binary(jn);
  all["in"] = binary(in);
  all["erfcx_derivative"] = binary(erfcx_derivative);
  all["atan2"] = binary([](D a, D b) { return std::atan2(a, b); });
  all["logaddexp"] = binary([](D a, D b) { return std::log(std::exp(a) + std::exp(b)); });
  all["xlogy0"] = binary([](D a, D b) { return a * std::log(b); });
  all["maximum"] = binary([](D a, D b) { return a > b ? a : b; });
  all["minimum"] = binary([](D a, D b) { return a < b ? a : b; });
  all["lt"] = binary([](D a, D b) { return D(a < b); });
  all["le"] = binary([](D a, D b) { return D(a <= b); });
  all["gt"] = binary([](D a, D b) { return D(a > b); });
  all["ge"] = binary([](D a, D b) { return D(a >= b); });
  all["eq"] = binary([](D a, D b) { return D(a == b); });
  all["neq"] = binary([](D a, D b) { return D(a != b); });
  all["and_"] = binary([](D a, D b) { return D(a != 0 && b != 0); });
  all["or_"] = binary([](D a, D b) { return D(a != 0 || b != 0); });
  all["xor_"] = binary([](D a, D b) { return D((a != 0) != (b != 0)); });
  all["where"] = elementwise([](const auto& x) { return x[0] != 0 ? x[1] : x[2]; });
  all["clip"] = elementwise([](const auto& x) { return std::min(std::max(x[0], x[1]), x[2]); });
}

void add_unary(References& all) {
  using D = double;
  all["neg"] = unary([](D x) { return -x; });
  all["sqr"] = unary([](D x) { return x * x; });
  all["exp"] = unary([](D x) { return std::exp(x); });
  all["expm1"] = unary([](D x) { return std::expm1(x); });
  all["sigmoid"] = unary([](D x) { return 1 / (1 + std::exp(-x)); });
  all["softplus"] = unary([](D x) { return std::log1p(std::exp(x)); });
  all["sin"] = unary([](D x) { return std::sin(x); });
  all["cos"] = unary([](D x) { return std::cos(x); });
  all["tan"] = unary([](D x) { return std::tan(x); });
  all["arcsin"] = unary([](D x) { return std::asin(x); });
  all["arccos"] = unary([](D x) { return std::acos(x); });
  all["arctan"] = unary([](D x) { return std::atan(x); });
  all["sinh"] = unary([](D x) { return std::sinh(x); });
  all["cosh"] = unary([](D x) { return std::cosh(x); });
  all["tanh"] = unary([](D x) { return std::tanh(x); });
  all["erf"] = unary([](D x) { return std::erf(x); });
  all["erfc"] = unary([](D x) { return std::erfc(x); });
  all["erfcx"] = unary([](D x) { return std::exp(x * x) * std::erfc(x); });
  all["log_erfc"] = unary([](D x) { return std::log(std::erfc(x)); });
  all["log_ndtr"] = unary([](D x) { return std::log(std::erfc(-x / std::sqrt(D(2))) / 2); });
  all["log_cosh"] = unary([](D x) { return std::log(std::cosh(x)); });
  all["sech_squared"] = unary([](D x) { return 1 / (std::cosh(x) * std::cosh(x)); });
  all["abs"] = unary([](D x) { return std::abs(x); });
  all["relu"] = unary([](D x) { return std::max(x, 0.0); });
  all["reciprocal"] = unary([](D x) { return 1 / x; });
  all["sqrt"] = unary([](D x) { return std::sqrt(x); });
  all["log"] = unary([](D x) { return std::log(x); });
  all["log2"] = unary([](D x) { return std::log2(x); });
  all["log10"] = unary([](D x) { return std::log10(x); });
  all["log1p"] = unary([](D x) { return std::log1p(x); });
  all["log1mexp"] = unary([](D x) { return std::log(1 - std::exp(x)); });
  all["xlogx"] = unary([](D x) { return x * std::log(x); });
  all["gammaln"] = unary([](D x) { return std::log(std::tgamma(x)); });
  all["digamma"] = unary(digamma);
  all["trigamma"] = unary(trigamma);
  all["sign"] = unary([](D x) { return D(x > 0) - D(x < 0); });
  all["floor"] = unary([](D x) { return std::floor(x); });
  all["ceil"] = unary([](D x) { return std::ceil(x); });
  all["trunc"] = unary([](D x) { return std::trunc(x); });
  all["round"] = unary([](D x) { return std::nearbyint(x); });
  all["isnan"] = unary([](D x) { return D(x != x); });
  all["isinf"] = unary([](D x) { return D(std::isinf(x)); });
  all["not_"] = unary([](D x) { return D(x == 0); });
  all["cast to bool"] = unary([](D x) { return D(x != 0); });
  all["cast to int64"] = unary([](D x) { return std::trunc(x); });
  all["cast to int32"] = unary([](D x) { return std::trunc(x); });
  all["cast to uint8"] = unary([](D x) { return std::fmod(std::trunc(x) + 256, 256); });
  all["cast to float32"] = unary([](D x) { return D(static_cast<float>(x)); });
  all["cast to float64"] = unary([](D x) { return x; });
}

}  // namespace

Reference elementwise(std::function<double(const std::vector<double>&)> f) {
  return [f](const std::vector<Array>& in) {
    std::vector<Nd> x(in.begin(), in.end());
    Shape shape = x[0].shape;
    for (const Nd& operand : x) {
      for (std::size_t axis = 0; axis < operand.shape.rank(); ++axis) {
        if (operand.shape[axis] != 1) shape[axis] = operand.shape[axis];
      }
    }
    return build(shape, [&](const Position& at) {
      std::vector<double> arguments;
      for (Nd& operand : x) {
        Position own;
        for (std::size_t axis = 0; axis < operand.shape.rank(); ++axis) {
          own.push_back(operand.shape[axis] == 1 ? 0 : at[axis]);
        }
        arguments.push_back(operand(own));
      }
      return f(arguments);
    });
  };
}

void add_elementwise(References& all) {
  add_draw_derivatives(all);
  add_binary(all);
  add_unary(all);
}

}  // namespace damo::test
