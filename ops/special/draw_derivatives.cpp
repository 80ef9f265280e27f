#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/samples.hpp>
#include <damo/ops/kernels/elementwise/implicit.hpp>
#include <damo/ops/random/stream_draws.hpp>

namespace damo {
namespace {

using Types = ScalarOp::Types;

DAMO_SCALAR(GammaDerivative, (T shape, T z), static_cast<T>(implicit_gamma(shape, z)));
DAMO_SCALAR(BetaDerivativeA, (T a, T b, T z), static_cast<T>(implicit_beta_a(a, b, z)));
DAMO_SCALAR(BetaDerivativeB, (T a, T b, T z), static_cast<T>(implicit_beta_b(a, b, z)));

std::shared_ptr<const Op> without_gradient(const std::string& name, std::size_t arity,
                                           const ScalarLoops& loops) {
  ScalarOp op{.name = name, .arity = arity, .types = Types::real, .loops = loops};
  op.gradient = [name](const Vars&, const Var&, const Var&) -> Vars {
    throw GradError(name + ": no derivative is provided");
  };
  return define(std::move(op));
}

}  // namespace

Var gamma_derivative(const Arg& shape, const Arg& z) {
  static const auto op =
      without_gradient("gamma_derivative", 2, double_loops<GammaDerivative, 2>());
  return elementwise(op, {shape, z});
}
Var beta_derivative_a(const Arg& a, const Arg& b, const Arg& z) {
  static const auto op =
      without_gradient("beta_derivative_a", 3, double_loops<BetaDerivativeA, 3>());
  return elementwise(op, {a, b, z});
}
Var beta_derivative_b(const Arg& a, const Arg& b, const Arg& z) {
  static const auto op =
      without_gradient("beta_derivative_b", 3, double_loops<BetaDerivativeB, 3>());
  return elementwise(op, {a, b, z});
}

DAMO_OPS(draw_derivatives) {
  const OpInput shape{.dims = "1n", .low = 0.3, .high = 4};
  const OpInput other{.dims = "", .low = 0.3, .high = 4};
  const OpInput part{.dims = "mn", .low = 0.05, .high = 0.95};
  const auto add = [&](const std::string& name, const std::vector<OpInput>& inputs, auto apply) {
    OpSample sample = samples::elementwise(name, inputs, apply);
    sample.differentiable = false;
    ops.sample(std::move(sample));
  };
  add("gamma_derivative", {shape, {.dims = "mn", .low = 0.1, .high = 5}},
      [](const Vars& in) { return gamma_derivative(in[0], in[1]); });
  add("beta_derivative_a", {shape, other, part},
      [](const Vars& in) { return beta_derivative_a(in[0], in[1], in[2]); });
  add("beta_derivative_b", {shape, other, part},
      [](const Vars& in) { return beta_derivative_b(in[0], in[1], in[2]); });
}

}  // namespace damo
