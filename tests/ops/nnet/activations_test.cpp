#include <cmath>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/scaled_math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/nnet/activations.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/tabulated.hpp"
#include "tests/support/values.hpp"

using namespace damo;

namespace {

const std::vector<test::Tabulated> table{
#include "tests/ops/nnet/activations_table.inc"
};

const test::Functions activations{
    {"elu", [](const Vars& x) { return elu(x[0]); }},
    {"selu", [](const Vars& x) { return selu(x[0]); }},
    {"gelu", [](const Vars& x) { return gelu(x[0]); }},
    {"hard_sigmoid", [](const Vars& x) { return hard_sigmoid(x[0]); }},
    {"softsign", [](const Vars& x) { return softsign(x[0]); }},
    {"log_sigmoid", [](const Vars& x) { return log_sigmoid(x[0]); }},
    {"ndtr", [](const Vars& x) { return ndtr(x[0]); }},
    {"relu", [](const Vars& x) { return relu(x[0], x[1]); }}};

}  // namespace

TEST_CASE("activations: have the tabulated values") {
  test::Functions rewritten;
  for (const auto& [name, f] : activations)
    rewritten[name] = [&f](const Vars& x) { return test::rewritten(f(x)); };
  for (const auto& functions : {activations, rewritten})
    // ndtr(-20) has the 400-fold of its argument's rounding.
    test::check_tabulated(table, functions, 200);
}

TEST_CASE("activations: have the derivatives of finite differences, twice") {
  const Array points = Array::from<double>({-3.1, -1.2, -0.3, 0.4, 1.7, 2.2});
  for (const auto& [name, f] : activations) {
    CAPTURE(name);
    const auto of_one = [&f](const Var& x) { return f({x, Arg(0.3).var(float64)}); };
    CHECK_NOTHROW(verify_grad(of_one, {points}, {.second_order = true, .forward_mode = true}));
  }
}

TEST_CASE("activations: derivatives are finite in the tails, and right at the infinities") {
  const double inf = INFINITY;
  const std::map<std::string, std::vector<double>> slopes{
      {"elu", {0, 0, 1, 1}},
      {"selu", {0, 0, 1.0507009873554805, 1.0507009873554805}},
      {"gelu", {0, 0, 1, 1}},
      {"hard_sigmoid", {0, 0, 0, 0}},
      {"softsign", {0, 1e-6, 1e-6, 0}},
      {"log_sigmoid", {1, 1, 0, 0}},
      {"ndtr", {0, 0, 0, 0}},
      {"relu", {0.3, 0.3, 1, 1}}};
  for (const auto& [name, f] : activations) {
    CAPTURE(name);
    const Var x = vector("x", float64);
    const Var g = grad(sum(f({x, Arg(0.3).var(float64)})), x);
    const std::vector<std::pair<Var, Array>> at{{x, Array::from<double>({-inf, -999, 999, inf})}};
    test::check_close(evaluate(g, at), test::vector(slopes.at(name)), 1e-12);
    test::check_close(evaluate(test::rewritten(g), at), test::vector(slopes.at(name)), 1e-12);
  }
}

TEST_CASE("activations: integers become floats, and nothing stays nothing") {
  const Var i = lvector("i");
  const Var none = vector("none", float64);
  for (const auto& [name, f] : activations) {
    CAPTURE(name);
    CHECK(is_float(f({i, Arg(0.25).var()}).dtype()));
    const std::vector<std::pair<Var, Array>> at{{none, Array(float64, {0})}};
    CHECK(evaluate(f({none, Arg(0.25).var(float64)}), at).shape() == Shape{0});
  }
}

TEST_CASE("activations: of NaN are NaN, and so are their slopes but for clipped ones") {
  for (const auto& [name, f] : activations) {
    CAPTURE(name);
    const Var x = vector("x", float64);
    const Var y = f({x, Arg(0.3).var(float64)});
    const std::vector<std::pair<Var, Array>> at{{x, Array::from<double>({NAN})}};
    CHECK(std::isnan(evaluate(y, at).data<double>()[0]));
    if (name == "hard_sigmoid" || name == "relu") continue;
    for (const Var& g : {grad(sum(y), x), test::rewritten(grad(sum(y), x))})
      CHECK(std::isnan(evaluate(g, at).data<double>()[0]));
  }
}

TEST_CASE("softsign: its slope is 1 / (1 + |x|)^2 to rounding, however large x is") {
  for (const DType dtype : {float32, float64}) {
    const Var x = vector("x", dtype);
    const Var g = grad(sum(softsign(x)), x);
    const Array at =
        Array::from<double>({-1e9, -3e4, -1.5, -1, 0, 0.5, 1, 7, 1e6, 1e12}).cast(dtype);
    for (const Var& form : {g, test::rewritten(g)}) {
      const Array slopes =
          evaluate(form, std::vector<std::pair<Var, Array>>{{x, at}}).cast(float64);
      for (std::int64_t i = 0; i < at.elements(); ++i) {
        const double size = 1 + std::abs(at.cast(float64).data<double>()[i]);
        CHECK(slopes.data<double>()[i] * size * size ==
              doctest::Approx(1).epsilon(dtype == float32 ? 1e-6 : 1e-14));
      }
    }
  }
}
