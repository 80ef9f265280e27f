#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include <damo/damo.hpp>
#include "tests/support/random_expression.hpp"
#include "tests/support/rewrite.hpp"

// Logarithms of random positive expressions made of exponentials, sigmoids and softmax, where most
// of what is inside overflows or vanishes; against the same computed in logarithms from the start.
using namespace damo;
using namespace damo::test;

namespace {

using Real = long double;
using Reals = std::vector<Real>;

Real log_add(Real a, Real b) {
  const Real most = std::max(a, b);
  return std::isinf(most) ? most : most + std::log1p(std::exp(-std::abs(a - b)));
}
Real log_total(const Reals& x) {
  Real total = -INFINITY;
  for (const Real v : x) total = log_add(total, v);
  return total;
}

/// A positive expression of x, a vector of three, and its logarithm as a function of x.
struct Positive {
  Var v;
  std::function<Reals(const Reals&)> log;
  std::size_t n = 3;  ///< elements; of a scalar 1
};

class RandomPositive {
 public:
  RandomPositive(Var x, std::uint64_t seed) : x_(std::move(x)), numbers_{seed} {
    for (int i = 0; i < 5; ++i) numbers_.below(2);
  }
  Positive operator()() { return made(1 + numbers_.below(5)); }

 private:
  static Positive each(const Var& v, std::size_t n, std::function<Reals(const Reals&)> from,
                       std::function<Real(Real)> f) {
    return {v,
            [from = std::move(from), f = std::move(f)](const Reals& x) {
              Reals y = from(x);
              std::transform(y.begin(), y.end(), y.begin(), f);
              return y;
            },
            n};
  }

  Positive leaf() {
    const auto same = [](const Reals& x) { return x; };
    switch (numbers_.below(6)) {
      case 0:
        return each(exp(x_), 3, same, [](Real t) { return t; });
      case 1:
        return each(sigmoid(x_), 3, same, [](Real t) { return -log_add(0, -t); });
      case 2:
        return each(1 - sigmoid(x_), 3, same, [](Real t) { return -log_add(0, t); });
      case 3:
        return each(exp(-x_), 3, same, [](Real t) { return -t; });
      case 4:
        return {softmax(x_, 0), [](const Reals& x) {
                  Reals y = x;
                  for (Real& t : y) t -= log_total(x);
                  return y;
                }};
      default:
        return each(exp(2 * x_ + 1), 3, same, [](Real t) { return 2 * t + 1; });
    }
  }

  Positive pair(const Positive& a, const Positive& b) {
    const auto kind = numbers_.below(3);
    const Var v = kind == 0 ? a.v * b.v : kind == 1 ? a.v + b.v : a.v / b.v;
    return {v,
            [kind, f = a.log, g = b.log](const Reals& x) {
              const Reals p = f(x);
              const Reals q = g(x);
              Reals y(std::max(p.size(), q.size()));
              for (std::size_t i = 0; i < y.size(); ++i) {
                const Real s = p[p.size() == 1 ? 0 : i];
                const Real t = q[q.size() == 1 ? 0 : i];
                y[i] = kind == 0 ? s + t : kind == 1 ? log_add(s, t) : s - t;
              }
              return y;
            },
            std::max(a.n, b.n)};
  }

  Positive reduced(const Positive& a) {
    const auto kind = numbers_.below(3);
    const auto k = numbers_.below(3);
    const Var v = kind == 0 ? sum(a.v) : kind == 1 ? mean(a.v) : a.v[static_cast<int>(k)];
    return {v,
            [kind, k, f = a.log](const Reals& x) {
              const Reals y = f(x);
              return Reals{kind == 2 ? y[k] : log_total(y) - (kind == 1 ? std::log(3.0L) : 0)};
            },
            1};
  }

  Positive made(std::size_t depth) {
    if (depth == 0) return leaf();
    const Positive a = made(depth - 1);
    switch (numbers_.below(11)) {
      case 0:
      case 1:
      case 2:
        return pair(a, made(numbers_.below(depth)));
      case 3:
        return each(1 + a.v, a.n, a.log, [](Real t) { return log_add(0, t); });
      case 4:
        return each(sqrt(a.v), a.n, a.log, [](Real t) { return t / 2; });
      case 5:
        return each(sqr(a.v), a.n, a.log, [](Real t) { return 2 * t; });
      case 6:
        return each(pow(a.v, 1.5), a.n, a.log, [](Real t) { return 1.5L * t; });
      case 7:
        return each(1 / a.v, a.n, a.log, [](Real t) { return -t; });
      case 8:
        if (a.n == 3) {
          return {concatenate({a.v(range(1, 3)), a.v(range(0, 1))}, 0),
                  [f = a.log](const Reals& x) {
                    const Reals y = f(x);
                    return Reals{y[1], y[2], y[0]};
                  }};
        }
        [[fallthrough]];
      case 9:
        if (a.n == 3) return reduced(a);
        [[fallthrough]];
      default:
        return each(0.25 * a.v, a.n, a.log, [](Real t) { return t + std::log(0.25L); });
    }
  }

  Var x_;
  Numbers numbers_;
};

/// How the sum of `log` changes with x[k], to fourth order in the step.
Real slope(const std::function<Reals(const Reals&)>& log, Reals x, std::size_t k) {
  constexpr Real h = 1e-4L;
  const Real at = x[k];
  Real total = 0;
  for (const auto& [offset, weight] :
       {std::pair{-2.0L, 1.0L}, {-1.0L, -8.0L}, {1.0L, 8.0L}, {2.0L, -1.0L}}) {
    x[k] = at + offset * h;
    for (const Real t : log(x)) total += weight * t / (12 * h);
  }
  return total;
}

void check_random(std::uint64_t seed, DType dtype) {
  static const std::vector<std::vector<double>> points{
      {.3, -.2, .5},      {40, 0, -3},      {-800, 2, 1}, {800, 799, 1},
      {-800, -801, -802}, {1000, 0, -1000}, {17, -17, 37}};
  const bool single = dtype == DType::float32;
  const Var x = vector("x", dtype);
  const Positive p = RandomPositive(x, seed)();
  Function f = function({x}, {log(p.v), grad(sum(log(p.v)), x)});
  for (const auto& at : points) {
    INFO("seed ", seed, ": log(", pprint(p.v, 40), ") at ", at[0], ", ", at[1], ", ", at[2]);
    const Reals exact(at.begin(), at.end());
    const Reals truth = p.log(exact);
    const Outputs out = f(Array::from(at).cast(dtype));
    const auto values = values_of(out[0]);
    const auto slopes = values_of(out[1]);
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const Real allowed = (single ? 1e-3L : 1e-9L) * (1 + std::abs(truth[i]));
      CHECK(std::abs(values[i] - truth[i]) <= allowed);
    }
    for (std::size_t k = 0; k < 3; ++k) {
      const Real wanted = slope(p.log, exact, k);
      CHECK(std::abs(slopes[k] - wanted) <= (single ? 2e-3L : 1e-7L) * (1 + std::abs(wanted)));
    }
  }
}

}  // namespace

TEST_CASE("stable: logarithms of random positive expressions are finite and true, slopes too") {
  for (std::uint64_t seed = 1; seed <= 1500; ++seed)
    check_random(seed, seed % 2 == 0 ? DType::float32 : DType::float64);
}
