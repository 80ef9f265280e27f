#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/decomposition/matrices.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/decomposition/spectrum.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// v m v^T.
Var between(const Var& v, const Var& m) { return matmul(matmul(v, m), mT(v)); }

/// Outputs [values, vectors].
class Eigh final : public OnSquare<Eigh, 1, 2> {
 public:
  std::string name() const override { return "eigh"; }
  /// Giles 2008, "An extended collection of matrix derivative results", 3.1.
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const Var w = node.output(0), v = node.output(1);
    Var inner;
    if (g[0].defined()) inner = diagonal_matrices(g[0]);
    if (g[1].defined()) inner = add_or_either(inner, inverse_gaps(w) * matmul(mT(v), g[1]));
    return {on_lower_triangle(between(v, inner))};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}, Var{}};
    const Var w = node.output(0), v = node.output(1);
    const Var moved = between(mT(v), mirrored(tangents[0]));
    return {diagonals(moved), matmul(v, inverse_gaps(w) * moved)};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::eigh(*in[0], *out[0], out[1]);
  }
  friend bool operator==(const Eigh&, const Eigh&) = default;
};

class EigvalsH final : public OnSquare<EigvalsH, 1> {
 public:
  std::string name() const override { return "eigvalsh"; }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const Var v = damo::eigh(node.input(0)).vectors;
    return {on_lower_triangle(between(v, diagonal_matrices(g[0])))};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    const Var v = damo::eigh(node.input(0)).vectors;
    return {diagonals(between(mT(v), mirrored(tangents[0])))};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::eigh(*in[0], *out[0], nullptr);
  }
  friend bool operator==(const EigvalsH&, const EigvalsH&) = default;
};

/// A symmetric matrix whose eigenvalues are far from each other.
Var with_spread_eigenvalues(const Var& x) {
  const Var n = size_at(x, x.ndim() - 1);
  return x + mT(x) + diag(9 * cast(arange(n), float32));
}

}  // namespace

Eigen eigh(const Arg& a, bool lower) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Var matrices = as_float(a);
  const Vars parts =
      make_node(std::make_shared<Eigh>(), {lower || matrices.ndim() < 2 ? matrices : mT(matrices)});
  return {parts[0], parts[1]};
}

Var eigvalsh(const Arg& a, bool lower) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Var matrices = as_float(a);
  return make_var(std::make_shared<EigvalsH>(),
                  {lower || matrices.ndim() < 2 ? matrices : mT(matrices)});
}

DAMO_OPS(eigh) {
  ops.reader({"eigh", read_plain<Eigh>, 1, 1});
  ops.reader({"eigvalsh", read_plain<EigvalsH>, 1, 1});
  ops.sample({.name = "eigh", .inputs = {{"bnn"}}, .apply = [](const Vars& in) {
                return eigh(with_spread_eigenvalues(in[0])).values;
              }});
  // A function of both that does not depend on the signs of vectors.
  ops.sample({.name = "eigh, vectors", .inputs = {{"bnn"}}, .apply = [](const Vars& in) {
                const auto [w, v] = eigh(with_spread_eigenvalues(in[0]));
                return matmul(scale_columns(v, sin(w)), mT(v));
              }});
  ops.sample({.name = "eigvalsh", .inputs = {{"bnn"}}, .apply = [](const Vars& in) {
                return eigvalsh(with_spread_eigenvalues(in[0]));
              }});
}

}  // namespace damo
