#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include <damo/core.hpp>

// Logarithms of random products of factors of every sign, zero among them, at numbers that are in
// range: where plain arithmetic has a number, an infinity or NaN, every rewrite has the same.
using namespace damo;

namespace {

class RandomProduct {
 public:
  RandomProduct(Vars of, std::uint64_t seed) : of_(std::move(of)), rng_(seed) {
    product = factor();
    for (int n = 1 + below(3); n > 0; --n) {
      const int how = below(5);
      product = how < 2    ? product * factor()
                : how == 2 ? product / factor()
                : how == 3 ? product * (below(2) == 0 ? -2.0 : 0.5)
                           : product * pow(of_[0], powers[below(6)]);
    }
  }
  Var product;

 private:
  static constexpr double powers[] = {2, 3, -1, -2, 1.5, 2.5};

  int below(int n) { return static_cast<int>(rng_() % static_cast<std::uint64_t>(n)); }
  Var factor() {
    const Var& v = of_[static_cast<std::size_t>(below(2))];
    const Vars factors{v,
                       relu(v),
                       sqr(v),
                       exp(v),
                       sigmoid(v),
                       abs(v),
                       cast(v > 1.0, v.dtype()),
                       softplus(v),
                       cosh(v),
                       v * sigmoid(v),
                       sqrt(abs(v))};
    return factors[static_cast<std::size_t>(below(11))];
  }

  Vars of_;
  std::mt19937_64 rng_;
};

}  // namespace

TEST_CASE("logarithms of random products are numbers, infinite and NaN where they are as written") {
  const std::vector<double> values{-3, -1, 0, 0.5, 2, NAN};
  std::vector<double> left, right;
  for (const double a : values) {
    for (const double b : values) {
      left.push_back(a);
      right.push_back(b);
    }
  }
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const DType dtype = seed % 2 == 0 ? float64 : float32;
    const Var x = vector("x", dtype), y = vector("y", dtype);
    const Var l = log(RandomProduct({x, y}, seed).product);
    CAPTURE(seed);
    CAPTURE(pprint(l));
    Function fast = function({x, y}, l, {.on_unused_input = Unused::ignore});
    Function plain = function({x, y}, l, {.mode = Mode::none(), .on_unused_input = Unused::ignore});
    const Array a = Array::from(left, Shape{36}).cast(dtype),
                b = Array::from(right, Shape{36}).cast(dtype);
    const Array found = fast(a, b)[0].cast(float64), wanted = plain(a, b)[0].cast(float64);
    for (std::size_t i = 0; i < left.size(); ++i) {
      const double f = found.data<double>()[i], w = wanted.data<double>()[i];
      CAPTURE(left[i]);
      CAPTURE(right[i]);
      const double allowed = (dtype == float32 ? 1e-5 : 1e-12) * (1 + std::abs(w));
      CHECK((std::isnan(w) ? std::isnan(f) : f == w || std::abs(f - w) <= allowed));
    }
  }
}
