#include <functional>

#include <damo/graph/text/print.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/engine/pipeline.hpp>
#include "tests/support/op_samples.hpp"
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using damo::test::applies;
using damo::test::rewritten;

namespace {

/// A nonlinear function of x that nothing but computing it can give: what its shape must not need.
Var costly(const Var& x) { return exp(sin(x) * x); }

/// Whether `v` needs the node of an op with this name.
void check_not_computed(const Var& shape_of, const std::string& op) {
  for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) {
    const Var r = rewritten(shape_of, mode);
    CAPTURE(pprint(r));
    CHECK_FALSE(applies(r, op));
    CHECK_FALSE(applies(r, "exp"));
    CHECK_FALSE(applies(r, "sin"));
  }
}

}  // namespace

TEST_CASE("shape: the shape of every op's result is known without the result or its operands") {
  for (const OpSample& entry : op_samples()) {
    if (!entry.shape_known) continue;
    Vars in;
    bool any = false;
    for (const OpInput& spec : entry.inputs) {
      TensorType type{spec.dtype, {}};
      for (const char letter : spec.dims) type.dims.push_back(letter == '1' ? 1 : unknown);
      const Var v = input(type);
      // Where an operand's elements decide the shape it is left as it is.
      const bool steers = spec.dims.empty();
      any = any || !steers;
      in.push_back(is_float(spec.dtype) && !steers ? costly(v) : v);
    }
    if (!any) continue;
    const Var out = entry.apply(in);
    if (out.ndim() == 0) continue;
    CAPTURE(entry.name);
    const Var r = rewritten(shape(out), Mode::fast());
    CAPTURE(pprint(r));
    CHECK_FALSE(applies(r, "exp"));
    CHECK_FALSE(applies(r, "sin"));
  }
}

TEST_CASE("shape: the shapes of a loop's outputs are known without running it") {
  const Var x = matrix("x", float64);
  const Var w = matrix("w", float64);
  const Var h0 = matrix("h0", float64);
  const auto outs =
      scan(
          [&](Var x_t, Var two, Var one) {
            const Var h = tanh(dot(costly(x_t), w) + two - one);
            const Var inner =
                scan([&](Var g) { return costly(g * h); }, {.outputs_info = h, .n_steps = 3})
                    .outputs[0];
            return Vars{h, outer(h, x_t), concatenate({h, x_t}), inner, sum(h)};
          },
          {.sequences = x, .outputs_info = {init(h0, {-2, -1}), none, none, none, none}})
          .outputs;
  for (const Var& v : outs) check_not_computed(shape(v), "scan");
  check_not_computed(outs[0][-1].shape(), "scan");
  check_not_computed(outs[1].sum().shape(), "scan");
}

TEST_CASE("shape: a size in a loop needs no size of what the value was computed from") {
  const Var x = matrix("x", float64);
  const Var h0 = vector("h0", float64);
  const auto step = [](Var x_t, Var h) {
    const Var count = cast(nonzero(x_t)[0].shape(0), float64);  // a run alone knows it
    const Var scaled = h * count;
    return Vars{tanh(scaled) * 0.1, exp(sin(scaled))};
  };
  const auto outs = scan(step, {.sequences = x, .outputs_info = {h0, none}}).outputs;
  for (const Var& v : outs) check_not_computed(shape(v), "scan");
}

TEST_CASE("shape: a loop that may stop early runs for its number of rows alone") {
  const Var x = matrix("x", float64);
  const Var w = matrix("w", float64);
  const Var out =
      scan([&](Var r) { return until(dot(r, w), sum(r) > 3.0); }, {.sequences = x}).outputs[0];
  check_not_computed(out.shape(1), "scan");
  CHECK(applies(rewritten(out.shape(0)), "scan"));
}

TEST_CASE("shape: sizes of draws and gradients are known without drawing or differentiating") {
  const Var x = matrix("x", float64);
  RandomStream rng(1);
  check_not_computed(shape(rng.normal({x.shape(0), 7}, 0.0, 1.0, float64) + costly(x.sum())),
                     "draw");
  check_not_computed(shape(dot(costly(x), costly(x).T())), "dot");
}
