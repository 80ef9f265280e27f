#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include "tests/support/rewrite.hpp"

namespace damo::test {
namespace {

// For all tests of the program, those of compiled functions included.
[[maybe_unused]] const bool checks_on = [] {
  set_pass_checks(true);
  return true;
}();

}  // namespace

Vars rewritten(const Vars& outputs, const Mode& mode, Trace* trace) {
  FunctionGraph graph;
  graph.outputs = outputs;
  for (const Var& leaf : leaves(outputs)) {
    if (is_input(leaf)) graph.inputs.push_back(leaf);
  }
  const FunctionGraph result = optimize(graph, mode, trace);
  result.check();
  return result.outputs;
}

Var rewritten(const Var& v, const Mode& mode, Trace* trace) {
  return rewritten(Vars{v}, mode, trace).front();
}

void check_rewrite(const Var& before, const Var& after, const Mode& mode) {
  const Var actual = rewritten(before, mode);
  const Var expected = rewritten(after, mode);
  INFO("before   ", pprint(before));
  INFO("actual   ", pprint(actual));
  INFO("expected ", pprint(expected));
  INFO("graph\n", debugprint(actual));
  CHECK(same_graph(actual, expected));
}

bool applies(const Var& v, const std::string& op_name) {
  for (const Apply* node : toposort(std::span(&v, 1))) {
    if (node->op().name() == op_name) return true;
    if (node->op().body() == nullptr) continue;
    for (const Var& out : node->op().body()->outputs) {
      if (applies(out, op_name)) return true;
    }
  }
  return false;
}

void check_lacks(const Var& before, const std::string& op_name) {
  const Var actual = rewritten(before);
  INFO("before ", pprint(before));
  INFO("actual ", pprint(actual));
  CHECK_FALSE(applies(actual, op_name));
}

Array array_of(const std::vector<double>& values, DType dtype) {
  return Array::from(values).cast(dtype);
}

std::vector<double> values_of(const Array& a) {
  const Array wide = a.cast(DType::float64);
  const auto values = wide.values<double>();
  return {values.begin(), values.end()};
}

std::vector<double> adversarial() {
  const double inf = INFINITY;
  return {0.0,  -0.0, 1e-300, -1e-300, 1e-40, 1e-9, -1e-9, 0.3, -0.3, 1,
          -1,   2.5,  -2.5,   17,      -17,   37,   -37,   88,  -88,  104,
          -104, 700,  -700,   745,     -745,  1000, -1000, inf, -inf, NAN};
}

double ulps(double actual, long double truth, DType dtype) {
  if (std::isnan(actual) || std::isnan(truth))
    return std::isnan(actual) == std::isnan(truth) ? 0 : INFINITY;
  const bool single = dtype == DType::float32;
  const long double most =
      single ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
  if (std::abs(truth) > most || std::isinf(actual)) {
    return std::isinf(actual) && (actual > 0) == (truth > 0) && std::abs(truth) > most * 0.9999999L
               ? 0
               : INFINITY;
  }
  if (truth == 0) return actual == 0 ? 0 : INFINITY;
  const int digits = single ? 24 : 53;
  const int lowest = single ? -149 : -1074;
  int exponent = 0;
  std::frexp(truth, &exponent);
  const long double ulp = std::ldexp(1.0L, std::max(exponent - digits, lowest));
  return static_cast<double>(std::abs(static_cast<long double>(actual) - truth) / ulp);
}

}  // namespace damo::test
