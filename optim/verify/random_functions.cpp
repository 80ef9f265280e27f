#include <damo/ops/elementwise/math.hpp>
#include <damo/optim/verify/random_functions.hpp>

namespace damo::optim {

// clang-format off
const std::vector<RandomUnary>& unary_functions() {
  static const std::vector<RandomUnary> all{
    [](const Var& x) { return exp(x); },          [](const Var& x) { return log(x); },
    [](const Var& x) { return log1p(x); },        [](const Var& x) { return expm1(x); },
    [](const Var& x) { return log2(x); },         [](const Var& x) { return sigmoid(x); },
    [](const Var& x) { return softplus(x); },     [](const Var& x) { return tanh(x); },
    [](const Var& x) { return sqrt(x); },         [](const Var& x) { return sqr(x); },
    [](const Var& x) { return abs(x); },          [](const Var& x) { return -x; },
    [](const Var& x) { return reciprocal(x); },   [](const Var& x) { return log1mexp(x); },
    [](const Var& x) { return sign(x); },         [](const Var& x) { return relu(x); },
    [](const Var& x) { return floor(x); },        [](const Var& x) { return erf(x); },
    [](const Var& x) { return erfc(x); },         [](const Var& x) { return cosh(x); },
    [](const Var& x) { return sin(x); },          [](const Var& x) { return xlogx(x); },
    [](const Var& x) { return 1 - x; },           [](const Var& x) { return 1 + x; },
    [](const Var& x) { return 1 / x; },           [](const Var& x) { return x * x; },
};
  return all;
}

const std::vector<RandomUnary>& unary_idioms() {
  static const std::vector<RandomUnary> all{
    [](const Var& x) { return log(sigmoid(x)); },
    [](const Var& x) { return log(1 - sigmoid(x)); },
    [](const Var& x) { return log(1 + exp(x)); },
    [](const Var& x) { return log(1 - exp(x)); },
    [](const Var& x) { return 1 / (1 + exp(-x)); },
    [](const Var& x) { return exp(x) / (1 + exp(x)); },
    [](const Var& x) { return log(exp(x) - 1); },
    [](const Var& x) { return exp(log(x)); },
    [](const Var& x) { return log(exp(x)); },
    [](const Var& x) { return sqrt(sqr(x)); },
    [](const Var& x) { return exp(x) - 1; },
    [](const Var& x) { return 0.5 * (1 + tanh(x / 2)); },
    [](const Var& x) { return 1 - sqr(tanh(x)); },
    [](const Var& x) { return log(1.0 - x + 1e-7); },
    [](const Var& x) { return -log(sigmoid(x) + 1e-7); },
    [](const Var& x) { return 0 * x; },
    [](const Var& x) { return x - x; },
    [](const Var& x) { return x / x; },
    [](const Var& x) { return where(x > 0, log(x), 0.0); },
    [](const Var& x) { return where(x >= 0, x, -x); },
    [](const Var& x) { return where(isnan(x), 0.0, x); },
    [](const Var& x) { return maximum(x, 0); },
    [](const Var& x) { return minimum(maximum(x, -1), 1); },
    [](const Var& x) { return clip(x, -0.5, 0.5); },
    [](const Var& x) { return log(clip(sigmoid(x), 1e-6, 1 - 1e-6)); },
    [](const Var& x) { return pow(x, 2); },
    [](const Var& x) { return pow(x, 3); },
    [](const Var& x) { return pow(x, -1); },
    [](const Var& x) { return pow(x, 0.5); },
    [](const Var& x) { return cast(x > 0.2, x.dtype()) * x; },
    [](const Var& x) { return cast(cast(x, DType::float32), x.dtype()); },
    [](const Var& x) { return log(cosh(x)); },
    [](const Var& x) { return log(erfc(x)); },
    [](const Var& x) { return sqr(sigmoid(x)) / sigmoid(x); },
    [](const Var& x) { return sigmoid(-x) * exp(x); },
    [](const Var& x) { return abs(sqr(x)); },
    [](const Var& x) { return round(sigmoid(x)); },
    [](const Var& x) { return (1 - x) * sigmoid(x) + x * (1 - sigmoid(x)); },
};
  return all;
}

const std::vector<RandomBinary>& binary_functions() {
  static const std::vector<RandomBinary> all{
    [](const Var& x, const Var& y) { return x + y; },
    [](const Var& x, const Var& y) { return x - y; },
    [](const Var& x, const Var& y) { return x * y; },
    [](const Var& x, const Var& y) { return x / y; },
    [](const Var& x, const Var& y) { return x + y; },
    [](const Var& x, const Var& y) { return x * y; },
    [](const Var& x, const Var& y) { return maximum(x, y); },
    [](const Var& x, const Var& y) { return minimum(x, y); },
    [](const Var& x, const Var& y) { return logaddexp(x, y); },
    [](const Var& x, const Var& y) { return log(exp(x) + exp(y)); },
    [](const Var& x, const Var& y) { return exp(x) / (exp(x) + exp(y)); },
    [](const Var& x, const Var& y) { return exp(x) * exp(y); },
    [](const Var& x, const Var& y) { return where(x > y, x, y); },
    [](const Var& x, const Var& y) { return where(x >= y, x, maximum(x, y)); },
    [](const Var& x, const Var& y) { return where(x <= y, 0.0, minimum(x, y)); },
    [](const Var& x, const Var& y) { return where(eq(x, y), x, y); },
    [](const Var& x, const Var& y) { return where(x > 0, y, exp(y)); },
    [](const Var& x, const Var& y) { return x * y / y; },
    [](const Var& x, const Var& y) { return x + y - y; },
    [](const Var& x, const Var& y) { return x * sigmoid(y) - x; },
    [](const Var& x, const Var& y) { return -(-x * -y); },
    [](const Var& x, const Var& y) { return x - (-y); },
    [](const Var& x, const Var& y) { return -(x - y); },
    [](const Var& x, const Var& y) { return y * log(sigmoid(x)) + (1 - y) * log(1 - sigmoid(x)); },
    [](const Var& x, const Var& y) { return pow(x, y); },
    [](const Var& x, const Var& y) { return atan2(x, y); },
    [](const Var& x, const Var& y) { return xlogy0(x, sigmoid(y)); },
    [](const Var& x, const Var& y) { return x % y; },
    [](const Var& x, const Var& y) { return floor_div(x, y); },
};
  return all;
}

const std::vector<RandomOfConstant>& functions_of_constants() {
  static const std::vector<RandomOfConstant> all{
    [](const Var& x, double c) { return x + c; },
    [](const Var& x, double c) { return c - x; },
    [](const Var& x, double c) { return c * x; },
    [](const Var& x, double c) { return x / c; },
    [](const Var& x, double c) { return c / x; },
    [](const Var& x, double c) { return (x + c) - c; },
    [](const Var& x, double c) { return (x * c) * 3; },
    [](const Var& x, double c) { return (c - x) + c; },
    [](const Var& x, double c) { return maximum(x, c); },
    [](const Var& x, double c) { return log(c + exp(x)); },
    [](const Var& x, double c) { return log(c * sigmoid(x)); },
    [](const Var& x, double c) { return where(x > c, x, c); },
    [](const Var& x, double c) { return cast(x > c, x.dtype()); },
};
  return all;
}

const std::vector<double>& random_constants() {
  static const std::vector<double> all{0, -0.0, 1, -1, 2, 0.5, 3, 0.1, 1e-7, 1 + 1e-7, 12582912, 1e30};
  return all;
}
// clang-format on

}  // namespace damo::optim
