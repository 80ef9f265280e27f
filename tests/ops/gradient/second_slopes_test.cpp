#include <doctest/doctest.h>

#include <cmath>

#include <damo/damo.hpp>
#include "tests/support/slopes.hpp"

// Second derivatives where a factor is 0: the first one is 0 of itself there, and must not be
// written as a constant.
using namespace damo;
using test::check_slopes;
using test::vec;

TEST_CASE("second slopes: x log(y) has its slopes where x is 0 and y has a logarithm") {
  const double l3 = std::log(3.0);
  check_slopes([](const Var& x) { return xlogy0(x, x + 3.0); }, vec({0, 1}),
               vec({l3, std::log(4.0) + 0.25}), vec({2.0 / 3, 0.5 - 1.0 / 16}));
  check_slopes([](const Var& x) { return xlog1py(x, x + 2.0); }, vec({0, 1}),
               vec({l3, std::log(4.0) + 0.25}), vec({2.0 / 3, 0.5 - 1.0 / 16}));
  check_slopes([](const Var& x) { return xlogy0(x, x + 1.0); }, vec({0, 1}),
               vec({0, std::log(2.0) + 0.5}), vec({2, 0.75}));
}

TEST_CASE("second slopes: x log(y) has its slopes where x is 0 and the logarithm a stable form") {
  const double s = 1 / (1 + std::exp(-1.0));
  check_slopes([](const Var& x) { return xlogy0(x, sigmoid(x + 1.0)); }, vec({0}),
               vec({std::log(s)}), vec({2 * (1 - s)}));
  check_slopes(
      [](const Var& x) {
        return xlogy0(x, softmax(stack({x, 0.0 * x}), 0)[0]);
      },
      vec({0}), vec({std::log(0.5)}), vec({1}));
  check_slopes([](const Var& x) { return xlogy0(0.0 * x, sigmoid(x)); }, vec({-800, 800}),
               vec({0, 0}));
}

TEST_CASE("second slopes: a power has its slopes where the exponent is 0") {
  const double l2 = std::log(2.0);
  check_slopes([](const Var& x) { return pow(x + 2.0, x); }, vec({0}), vec({l2}),
               vec({l2 * l2 + 1}));
  check_slopes([](const Var& x) { return pow(x, where(x > 5.0, x, 0.0)); }, vec({0, 2}),
               vec({0, 0}));
}
