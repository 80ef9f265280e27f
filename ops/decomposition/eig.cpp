#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/decomposition/matrices.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/decomposition/spectrum.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// Outputs [values, vectors] of a matrix whose eigenvalues are real.
class Eig final : public OnSquare<Eig, 1, 2> {
 public:
  std::string name() const override { return "eig"; }
  /// Boeddeker, Hanebrink, Drude, Heymann and Haeb-Umbach 2017, "On the computation of
  /// complex-valued gradients with application to statistically optimum beamforming", for vectors
  /// of length 1.
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const Var w = node.output(0), v = node.output(1);
    Var inner;
    if (g[0].defined()) inner = diagonal_matrices(g[0]);
    if (g[1].defined()) {
      const Var along = sum(v * g[1], -2);
      const Var across = matmul(mT(v), g[1] - scale_columns(v, along));
      inner = add_or_either(inner, inverse_gaps(w) * across);
    }
    return {solve(mT(v), matmul(inner, mT(v)))};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}, Var{}};
    const Var w = node.output(0), v = node.output(1);
    const Var moved = solve(v, matmul(tangents[0], v));
    const Var turned = matmul(v, inverse_gaps(w) * moved);
    return {diagonals(moved), turned - scale_columns(v, sum(v * turned, -2))};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::eig(*in[0], *out[0], out[1]);
  }
  friend bool operator==(const Eig&, const Eig&) = default;
};

}  // namespace

Eigen eig(const Arg& a) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Vars parts = make_node(std::make_shared<Eig>(), {as_float(a)});
  return {parts[0], parts[1]};
}
Var eigvals(const Arg& a) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  return eig(a).values;
}

DAMO_OPS(eig) {
  ops.reader({"eig", read_plain<Eig>, 1, 1});
  // Similar to a symmetric matrix with eigenvalues far from each other, so all are real.
  ops.sample({.name = "eig",
              .inputs = {{"bnn"}},
              .apply =
                  [](const Vars& in) {
                    const Var n = size_at(in[0], 2);
                    const Var rank = cast(arange(n), float32);
                    const Var spread = in[0] + mT(in[0]) + diag(9 * rank);
                    const auto [w, v] = eig(scale_rows(1 + rank, spread));
                    return matmul(scale_columns(v, sin(w)), matrix_inverse(v));
                  },
              .twice_differentiable = true});
}

}  // namespace damo
