#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/decomposition/matrices.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/decomposition/factors.hpp>
#include <damo/ops/kernels/decomposition/from_singular_values.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// A number for each matrix, to stretch over it.
Var over_matrices(const Var& v) { return expand_dims(expand_dims(v, -1), -1); }

/// For each element the determinant of what is left without its row and column, with its sign.
class Cofactors final : public OnSquare<Cofactors, 2> {
 public:
  std::string name() const override { return "cofactors"; }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const Var c = node.output();
    const Var x = mT(matrix_inverse(node.input(0)));
    return {over_matrices(sum(g[0] * c, {-2, -1})) * x - matmul(matmul(c, mT(g[0])), x)};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    const Var c = node.output();
    const Var x = mT(matrix_inverse(node.input(0)));
    return {over_matrices(sum(x * tangents[0], {-2, -1})) * c -
            matmul(matmul(x, mT(tangents[0])), c)};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::cofactors(*in[0], *out[0]);
  }
  friend bool operator==(const Cofactors&, const Cofactors&) = default;
};

Var cofactors(const Var& a) { return make_var(std::make_shared<Cofactors>(), {a}); }

class Det final : public OnSquare<Det, 0> {
 public:
  std::string name() const override { return "det"; }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    return {over_matrices(g[0]) * cofactors(node.input(0))};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    return {sum(cofactors(node.input(0)) * tangents[0], {-2, -1})};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::det(*in[0], *out[0]);
  }
  friend bool operator==(const Det&, const Det&) = default;
};

/// Outputs [sign, log of the magnitude].
class SLogDet final : public OnSquare<SLogDet, 0, 0> {
 public:
  std::string name() const override { return "slogdet"; }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    if (!g[1].defined()) return {zeros_like(node.input(0))};
    return {over_matrices(g[1]) * mT(matrix_inverse(node.input(0)))};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}, Var{}};
    return {Var{}, sum(mT(matrix_inverse(node.input(0))) * tangents[0], {-2, -1})};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::slogdet(*in[0], *out[0], *out[1]);
  }
  friend bool operator==(const SLogDet&, const SLogDet&) = default;
};

Var far_from_singular(const Var& a) { return a + 5 * eye(size_at(a, a.ndim() - 1), float32); }

}  // namespace

Var det(const Arg& a) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  return make_var(std::make_shared<Det>(), {as_float(a)});
}

SignLogDet slogdet(const Arg& a) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Vars parts = make_node(std::make_shared<SLogDet>(), {as_float(a)});
  return {parts[0], parts[1]};
}

DAMO_OPS(determinant) {
  ops.reader({"cofactors", read_plain<Cofactors>, 1, 1});
  ops.reader({"det", read_plain<Det>, 1, 1});
  ops.reader({"slogdet", read_plain<SLogDet>, 1, 1});
  ops.sample({.name = "det", .inputs = {{"bnn"}}, .apply = [](const Vars& in) {
                return det(far_from_singular(in[0]));
              }});
  ops.sample({.name = "cofactors", .inputs = {{"bnn"}}, .apply = [](const Vars& in) {
                return cofactors(far_from_singular(in[0]));
              }});
  ops.sample({.name = "slogdet", .inputs = {{"bnn"}}, .apply = [](const Vars& in) {
                return slogdet(far_from_singular(in[0])).logabsdet;
              }});
}

}  // namespace damo
