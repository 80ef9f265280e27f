#include <cmath>
#include <limits>
#include <numbers>

#include <damo/models/energy/units/kinds.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>

namespace damo::energy {
namespace {

using Set = Support::Set;
using Kind = std::shared_ptr<const UnitKind>;

constexpr double two_pi = 2 * std::numbers::pi;

// The inverse variance, (rows, n).
Var precision(const Natural& p) { return -2 * p.quadratic; }

Var half_square(const Var& x) { return sum(sqr(x), 1) / 2; }

// Mills' ratio of the normal distribution at t >= 5 is 1 / (t + 1 / tail(t)): Laplace's continued
// fraction, as far as float64 sees it there.
Var mills_tail(const Var& t) {
  Var fraction = t;
  for (int n = 24; n >= 2; --n) fraction = t + n / fraction;
  return fraction;
}

// log of the integral of exp(z x - x^2 / 2) over x >= 0. Below -5 the normal distribution function
// would underflow sooner than its logarithm should.
Var log_half_normal(const Var& z) {
  const Var near = maximum(z, -5), t = maximum(-z, 5);
  const Var direct =
      sqr(near) / 2 + log(0.5 * erfc(-near / std::sqrt(2.0))) + 0.5 * std::log(two_pi);
  return where(z < -5, -log(t + 1 / mills_tail(t)), direct);
}

// The mean of that density.
Var half_normal_mean(const Var& z) {
  const Var near = maximum(z, -5), t = maximum(-z, 5);
  return where(z < -5, 1 / mills_tail(t), near + exp(-log_half_normal(near)));
}

// log(sinh(a) / a) and its derivative for a >= 0, by their series near 0.
Var log_sinhc(const Var& a) {
  const Var s = sqr(minimum(a, 0.1)), far = maximum(a, 0.1);
  const Var series = s * (1.0 / 6 - s * (1.0 / 180 - s * (1.0 / 2835 - s / 37800)));
  return where(a < 0.1, series, far + log1p(-exp(-2 * far)) - log(2 * far));
}
Var langevin(const Var& a) {
  const Var near = minimum(a, 0.1), far = maximum(a, 0.1);
  const Var s = sqr(near);
  const Var series = near * (1.0 / 3 - s * (1.0 / 45 - s * (2.0 / 945 - s / 4725)));
  return where(a < 0.1, series, 1 / tanh(far) - 1 / far);
}

}  // namespace

Kind gaussian_kind() {
  static const auto kind = std::make_shared<const UnitKind>(UnitKind{
      .name = "gaussian",
      .family = "normal",
      .support = {Set::real},
      .squares = true,
      .log_normaliser =
          [](const Natural& p) {
            const Var k = precision(p);
            return sqr(p.linear) / (2 * k) + 0.5 * log(two_pi / k);
          },
      .mean = [](const Natural& p) { return p.linear / precision(p); },
      .sample =
          [](const Natural& p, RandomStream& rng) {
            const Var k = precision(p);
            const Var noise = rng.normal(Sizes(shape(p.linear)), 0.0, 1.0, p.linear.dtype());
            return p.linear / k + noise / sqrt(k);
          },
      .base_energy = half_square,
  });
  return kind;
}

Kind relu_kind() {
  // Without x^2 an exponential distribution, of a negative slope.
  const auto rate = [](const Natural& p) { return -p.linear; };
  static const auto kind = std::make_shared<const UnitKind>(UnitKind{
      .name = "relu",
      .family = "rectified normal",
      .support = {Set::nonnegative},
      .squares = true,
      .log_normaliser =
          [rate](const Natural& p) {
            if (!p.quadratic.defined()) return -log(rate(p));
            const Var k = precision(p);
            return log_half_normal(p.linear / sqrt(k)) - 0.5 * log(k);
          },
      .mean =
          [rate](const Natural& p) {
            if (!p.quadratic.defined()) return 1 / rate(p);
            const Var s = sqrt(precision(p));
            return half_normal_mean(p.linear / s) / s;
          },
      .sample =
          [rate](const Natural& p, RandomStream& rng) {
            const Sizes size(shape(p.linear));
            const DType t = p.linear.dtype();
            if (!p.quadratic.defined()) return rng.exponential(size, 1.0, t) / rate(p);
            const Var k = precision(p);
            return rng.truncated_normal(size, 0.0, std::numeric_limits<double>::infinity(),
                                        p.linear / k, 1 / sqrt(k), t);
          },
      .base_energy = half_square,
  });
  return kind;
}

Kind truncated_exponential_kind() {
  static const auto kind = std::make_shared<const UnitKind>(UnitKind{
      .name = "truncated_exponential",
      .family = "truncated exponential",
      .support = {Set::interval},
      .log_normaliser =
          [](const Natural& p) { return p.linear / 2 + log_sinhc(abs(p.linear) / 2); },
      .mean =
          [](const Natural& p) { return 0.5 + sign(p.linear) * langevin(abs(p.linear) / 2) / 2; },
      .sample =
          [](const Natural& p, RandomStream& rng) {
            const Var r = maximum(abs(p.linear), 1e-20);
            const Var u = rng.uniform(Sizes(shape(p.linear)), 0.0, 1.0, p.linear.dtype());
            const Var falling = clip(-log1p(u * expm1(-r)) / r, 0.0, 1.0);
            return where(p.linear > 0, 1 - falling, falling);
          },
  });
  return kind;
}

}  // namespace damo::energy
