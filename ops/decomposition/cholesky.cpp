#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/decomposition/matrices.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/decomposition/factors.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// The lower triangle with its diagonal halved.
Var half_lower(const Var& x) { return where(on_diagonal(x), x / 2, tril(x)); }

/// The inverse of the lower triangular `l` times x.
Var without(const Var& l, const Var& x) { return solve_triangular(l, x, {.lower = true}); }
Var without_transposed(const Var& l, const Var& x) { return solve_triangular(mT(l), x); }

class Cholesky final : public OnSquare<Cholesky, 2> {
 public:
  std::string name() const override { return "cholesky"; }
  /// Murray 2016, "Differentiation of the Cholesky decomposition".
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const Var l = node.output();
    const Var s = without_transposed(l, half_lower(matmul(mT(l), g[0])));
    return {on_lower_triangle(mT(without_transposed(l, mT(s))))};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    const Var l = node.output();
    const Var between = mT(without(l, mT(without(l, mirrored(tangents[0])))));
    return {matmul(l, half_lower(between))};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::cholesky(*in[0], *out[0]);
  }
  friend bool operator==(const Cholesky&, const Cholesky&) = default;
};

}  // namespace

Var cholesky(const Arg& a, bool lower) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Var matrices = as_float(a);
  if (lower || matrices.ndim() < 2) return make_var(std::make_shared<Cholesky>(), {matrices});
  return mT(cholesky(mT(matrices)));
}

DAMO_OPS(cholesky) {
  ops.reader({"cholesky", read_plain<Cholesky>, 1, 1});
  ops.sample({.name = "cholesky", .inputs = {{"bnn"}}, .apply = [](const Vars& in) {
                const Var n = cast(size_at(in[0], 2) + 1, in[0].dtype());
                return cholesky(matmul(in[0], mT(in[0])) + n * eye(size_at(in[0], 2), float32));
              }});
}

}  // namespace damo
