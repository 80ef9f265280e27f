#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include "tests/support/op_samples.hpp"

using namespace damo;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

/// A scalar function's value in long double at one point.
Wide at(const Var& y, const Var& x, double value) {
  const Bindings bindings{{x, Array::scalar(value).cast(x.dtype())}};
  WideEvaluation evaluation(bindings);
  return evaluation.value(y)[0];
}

}  // namespace

TEST_CASE("wide: every op computes in long double what its kernel computes") {
  std::mt19937 rng(3);
  for (const OpSample& entry : op_samples()) {
    for (int i = 0; i < 4; ++i) {
      const auto values = test::draw_values(entry, rng);
      const Vars inputs = test::inputs_for(entry, values, test::Known::only_ones);
      const auto bindings = test::bindings_of(inputs, values);
      const Var y = entry.apply(inputs);
      const Array expected = evaluate(y, bindings);
      WideEvaluation evaluation(bindings);
      const WideArray& wide = evaluation.value(y);
      INFO(entry.name);
      REQUIRE(to_string(wide.shape()) == to_string(expected.shape()));
      const WideArray narrow(expected.view());
      for (std::size_t k = 0; k < wide.size(); ++k) {
        const Wide& w = wide[k];
        if (std::isnan(w.value) || std::isinf(w.rounding)) continue;
        const long double off = std::abs(w.value - narrow[k].value);
        INFO("element ", k, ": ", static_cast<double>(narrow[k].value), " in double, ",
             static_cast<double>(w.value), " in long double, rounding ",
             static_cast<double>(w.rounding));
        CHECK((w.value == narrow[k].value || off <= 8 * w.rounding + 1e-15L));
      }
    }
  }
}

TEST_CASE("wide: what cancels is in doubt, and rounding explains what double makes of it") {
  const Var x = scalar("x", float64);
  const Wide saturated = at(log(1 - sigmoid(x)), x, 37);
  CHECK(static_cast<double>(saturated.value) == doctest::Approx(-37).epsilon(1e-3));
  CHECK(saturated.doubt > 0);
  CHECK(std::isinf(saturated.rounding));
  const Wide lost = at(log(1 - sigmoid(x)), x, 745);
  CHECK(std::isinf(lost.doubt));
  const Wide plain = at(log(sigmoid(x)), x, 1);
  CHECK(plain.rounding < 1e-14L);
  CHECK(plain.rounding > 0);
}

TEST_CASE("wide: overflow and underflow of the dtype are rounding") {
  const Var x = scalar("x", float32);
  CHECK(std::isinf(at(exp(x), x, 100).rounding));
  CHECK(std::isfinite(at(exp(x), x, 80).rounding));
  CHECK(static_cast<double>(at(log(exp(x)), x, 100).value) == doctest::Approx(100));
  const Wide tiny = at(exp(x), x, -120);
  CHECK(tiny.value > 0);
  CHECK(tiny.rounding >= std::numeric_limits<float>::denorm_min());
}

TEST_CASE("wide: what leaves the range of long double, too, may be any number the dtype holds") {
  const Var x = scalar("x", float64);
  CHECK(std::isinf(at(exp(x), x, 1e20).rounding));
  CHECK(at(exp(x), x, -1e20).rounding > 0);
  CHECK(std::isinf(at(log(exp(x)), x, -1e20).rounding));
  CHECK(at(x > log(sigmoid(x)), x, -3e199).rounding > 0);
  CHECK(at(cast(log(exp(x) / exp(x)), int64), x, -1e20).rounding > 0);
}

TEST_CASE("wide: what a condition in doubt chooses is off as far as the other choice") {
  const Var x = scalar("x", float64);
  const Var y = log(1 - x);
  CHECK(at(where(eq(y, 0), 0.0, y), x, 1e-30).rounding >= 1e-17L);
}

TEST_CASE("wide: a comparison is exact unless rounding may turn it") {
  const Var x = scalar("x", float64);
  CHECK(at(x > 0.5, x, 0.75).rounding == 0);
  CHECK(at(x * 3 > 0.3, x, 0.1).rounding > 0);
  CHECK(at(where(x * 3 > 0.3, 1.0, 2.0), x, 0.1).rounding >= 1);
}

TEST_CASE("wide: a conversion to a narrower float rounds as the user says") {
  const Var x = scalar("x", float64);
  CHECK(at(cast(cast(x, float32), float64), x, 0.1).value == static_cast<long double>(0.1F));
  CHECK(at(cast(x, int64), x, 2.9).value == 2);
}

TEST_CASE("wide: loops and indexing go on from what is not yet rounded") {
  const Var x = scalar("x", float32);
  const Var last = scan([](const Var& h) { return h * 3.0; }, {.outputs_info = {x}, .n_steps = 60})
                       .outputs[0][-1];
  const Wide w = at(last / exp(60 * log(3.0)), x, 1);
  CHECK(static_cast<double>(w.value) == doctest::Approx(1).epsilon(1e-6));
  const Var v = vector("v", float32);
  const Bindings bindings{{v, Array::from(std::vector<float>{1, 2, 3})}};
  WideEvaluation evaluation(bindings);
  const WideArray& picked = evaluation.value(
      inc_subtensor((v / 3)[constant(Array::from(std::vector<std::int64_t>{2, 2}))], 1));
  CHECK(picked[0].value == 1.0L / 3);
  CHECK(picked[2].value == 3);
}
