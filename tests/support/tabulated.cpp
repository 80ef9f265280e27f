#include "tests/support/tabulated.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include <damo/graph/variables.hpp>
#include "tests/support/values.hpp"

namespace damo::test {
namespace {

bool is_float32(double x) {
  return std::isnan(x) || static_cast<double>(static_cast<float>(x)) == x;
}

double of(const std::function<Var(const Vars&)>& f, const std::vector<double>& x, DType dtype) {
  Vars in;
  std::vector<std::pair<Var, Array>> at;
  for (const double v : x) {
    in.push_back(input({dtype, {}}));
    at.emplace_back(in.back(), Array::scalar(v).cast(dtype));
  }
  return evaluate(f(in), at).cast(float64).item<double>();
}

void check_value(double actual, double expected, double unit, double roundings) {
  if (std::isnan(expected) || std::isinf(expected)) {
    CHECK((actual == expected || (std::isnan(actual) && std::isnan(expected))));
    return;
  }
  const double tiny = unit < 1e-10 ? 1e-300 : 1e-37;
  // A power has as many times the rounding of its logarithm as that is large.
  const double size = std::max(std::abs(expected), tiny);
  const double logarithm = std::max(1.0, std::abs(std::log(size)));
  CHECK(std::abs(actual - expected) <= roundings * logarithm * unit * size);
}

}  // namespace

void check_tabulated(const std::vector<Tabulated>& rows, const Functions& functions,
                     double roundings) {
  std::set<std::string> seen;
  for (const Tabulated& row : rows) {
    CAPTURE(row.function);
    std::string arguments;
    for (const double x : row.arguments) arguments += std::to_string(x) + " ";
    CAPTURE(arguments);
    CAPTURE(row.value);
    REQUIRE(functions.contains(row.function));
    seen.insert(row.function);
    const auto& f = functions.at(row.function);
    check_value(of(f, row.arguments, float64), row.value, 0x1p-53, roundings);
    bool narrow = std::isnan(row.value) || std::abs(row.value) < 1e38 || std::isinf(row.value);
    for (const double x : row.arguments) narrow = narrow && is_float32(x);
    if (narrow) check_value(of(f, row.arguments, float32), row.value, 0x1p-24, roundings);
  }
  CHECK(seen.size() == functions.size());
}

}  // namespace damo::test
