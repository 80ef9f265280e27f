#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/op_samples.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;

namespace {

/// The op's value and the gradients of the sum of its squares.
Vars outputs_for(const OpSample& entry, const Vars& inputs) {
  Vars outputs{entry.apply(inputs)};
  if (!entry.differentiable) return outputs;
  Vars moving;
  for (const Var& v : inputs) {
    if (is_float(v.dtype())) moving.push_back(v);
  }
  const Var cost = sum(sqr(outputs[0]));
  for (const Var& g : grad(cost, moving, {.disconnected_inputs = Disconnected::ignore})) {
    outputs.push_back(g);
  }
  return outputs;
}

void compare(const OpSample& entry, const Mode& mode) {
  std::mt19937 rng(7);
  const Vars inputs =
      test::inputs_for(entry, test::draw_values(entry, rng), test::Known::only_ones);
  const Vars outputs = outputs_for(entry, inputs);
  Function f = function(inputs, outputs, {.mode = mode});
  for (int round = 0; round < 6; ++round) {
    const std::vector<Array> values = test::draw_values(entry, rng);
    std::string shapes;
    for (const Array& a : values) shapes += to_string(a.shape()) + " ";
    CAPTURE(shapes);
    std::vector<Argument> arguments;
    for (const Array& a : values) arguments.emplace_back(a);
    const Outputs compiled = f.call(arguments);
    const auto expected = evaluate(outputs, test::bindings_of(inputs, values));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      CAPTURE(i);
      CHECK(compiled[i].dtype() == outputs[i].dtype());
      check_close(compiled[i], expected[i], 1e-11);
    }
  }
}

}  // namespace

TEST_CASE("function: every op and its gradient computes what the reference does in every mode") {
  for (const OpSample& entry : op_samples()) {
    if (entry.name == "draw") continue;  // moves on from call to call
    for (const Mode& mode : {Mode::fast(), Mode::fast_compile(), Mode::none()}) {
      const std::string name = entry.name + " in mode " + mode.text();
      SUBCASE(name.c_str()) {
        try {
          compare(entry, mode);
        } catch (const Error& e) {
          FAIL_CHECK(std::string(e.what()));
        }
      }
    }
  }
}
