#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/kernels/elementwise/implicit.hpp>
#include <damo/ops/random/stream_draws.hpp>

namespace damo {
namespace {

using Types = ScalarOp::Types;

DAMO_SCALAR(GammaDerivative, (T shape, T z), static_cast<T>(implicit_gamma(shape, z)));
DAMO_SCALAR(BetaDerivativeA, (T a, T b, T z), static_cast<T>(implicit_beta_a(a, b, z)));
DAMO_SCALAR(BetaDerivativeB, (T a, T b, T z), static_cast<T>(implicit_beta_b(a, b, z)));

std::shared_ptr<const Op> once_only(const std::string& name, std::size_t arity,
                                    const std::array<LoopSet, 4>& loops) {
  ScalarOp op{.name = name, .arity = arity, .types = Types::real, .loops = loops};
  op.gradient = [name](const Vars&, const Var&, const Var&) -> Vars {
    throw GradError(name + ": no derivative is provided");
  };
  return define(std::move(op));
}

}  // namespace

Var gamma_derivative(const Arg& shape, const Arg& z) {
  static const auto op = once_only("gamma_derivative", 2, real_loops<GammaDerivative, 2>());
  return elementwise(op, {shape, z});
}
Var beta_derivative_a(const Arg& a, const Arg& b, const Arg& z) {
  static const auto op = once_only("beta_derivative_a", 3, real_loops<BetaDerivativeA, 3>());
  return elementwise(op, {a, b, z});
}
Var beta_derivative_b(const Arg& a, const Arg& b, const Arg& z) {
  static const auto op = once_only("beta_derivative_b", 3, real_loops<BetaDerivativeB, 3>());
  return elementwise(op, {a, b, z});
}

}  // namespace damo
