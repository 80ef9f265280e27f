#include <algorithm>

#include <damo/graph/errors/error.hpp>
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

std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return a == unknown || b == unknown ? unknown : std::min(a, b);
}
std::int64_t fewer_of(const TensorType& type) {
  return smaller(type.dims[type.rank() - 2], type.dims.back());
}
Var fewer_of(const Vars& shape) { return minimum(shape[shape.size() - 2], shape.back()); }

/// 1 / (s[j]^2 - s[i]^2), 0 where they are equal.
Var inverse_gaps_of_squares(const Var& s) {
  const Var total = expand_dims(s, -2) + expand_dims(s, -1);
  const Var none = eq(total, 0);
  return inverse_gaps(s) * where(none, 0, 1 / where(none, 1, total));
}
Var reciprocals(const Var& s) { return where(eq(s, 0), 0, 1 / where(eq(s, 0), 1, s)); }

/// What of x's columns is perpendicular to those of `basis`.
Var beside(const Var& basis, const Var& x) { return x - matmul(basis, matmul(mT(basis), x)); }

constexpr const char* no_derivative =
    "all columns of u and all rows of vt have no derivative: those of svd(x, {.full_matrices = "
    "false}) have";

/// Outputs [u, s, vt]: as many columns and rows as there are singular values, or all.
class Svd final : public OpOf<Svd> {
 public:
  explicit Svd(bool full) : full_(full) {}
  std::string name() const override { return "svd"; }
  std::string parameters() const override { return full_ ? "full_matrices" : ""; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1);
    check_matrices(in[0]);
    const std::int64_t rows = in[0].dims[in[0].rank() - 2], cols = in[0].dims.back();
    const std::int64_t k = fewer_of(in[0]);
    const auto type = [&](std::initializer_list<std::int64_t> core) {
      return TensorType{in[0].dtype, with_core(in[0].dims, 2, core)};
    };
    return {type({rows, full_ ? rows : k}), type({k}), type({full_ ? cols : k, cols})};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    const Var rows = shapes[0][shapes[0].size() - 2], cols = shapes[0].back();
    const Var k = fewer_of(shapes[0]);
    return {with_core(shapes[0], 2, {rows, full_ ? rows : k}), with_core(shapes[0], 2, {k}),
            with_core(shapes[0], 2, {full_ ? cols : k, cols})};
  }
  void facts(const Apply&, std::span<const Fact>, std::span<Fact> out) const override {
    out[1].nonnegative = true;
  }
  /// Townsend 2016, "Differentiating the singular value decomposition"; Seeger et al. 2017,
  /// "Auto-differentiating linear algebra".
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const auto [u, s, vt] = derivable(node);
    if (!u.defined()) {
      if (g[0].defined() || g[2].defined()) return {Gradient::undefined(no_derivative)};
      const auto [thin_u, thin_s, thin_vt] = damo::svd(node.input(0), {.full_matrices = false});
      return {matmul(scale_columns(thin_u, g[1]), thin_vt)};
    }
    const Var v = mT(vt);
    const Var gaps = inverse_gaps_of_squares(s);
    Var inner, outside;
    if (g[1].defined()) inner = diagonal_matrices(g[1]);
    if (g[0].defined()) {
      const Var j = gaps * matmul(mT(u), g[0]);
      inner = add_or_either(inner, scale_columns(j + mT(j), s));
      outside = matmul(scale_columns(beside(u, g[0]), reciprocals(s)), vt);
    }
    if (g[2].defined()) {
      const Var gv = mT(g[2]);
      const Var k = gaps * matmul(vt, gv);
      inner = add_or_either(inner, scale_rows(s, k + mT(k)));
      outside = add_or_either(outside, matmul(scale_columns(u, reciprocals(s)), mT(beside(v, gv))));
    }
    return {add_or_either(matmul(matmul(u, inner), vt), outside)};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}, Var{}, Var{}};
    const auto [u, s, vt] = derivable(node);
    if (!u.defined()) throw GradError(no_derivative);
    const Var v = mT(vt);
    const Var moved = matmul(matmul(mT(u), tangents[0]), v);
    const Var gaps = inverse_gaps_of_squares(s);
    const Var in_u = gaps * (scale_columns(moved, s) + scale_rows(s, mT(moved)));
    const Var in_v = gaps * (scale_rows(s, moved) + scale_columns(mT(moved), s));
    const Var inverse = reciprocals(s);
    const Var du = matmul(u, in_u) + scale_columns(beside(u, matmul(tangents[0], v)), inverse);
    const Var dv = matmul(v, in_v) + scale_columns(beside(v, matmul(mT(tangents[0]), u)), inverse);
    return {du, diagonals(moved), mT(dv)};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::svd(*in[0], out[0], *out[1], out[2]);
  }
  friend bool operator==(const Svd&, const Svd&) = default;

 private:
  /// The outputs, or none where u or vt have more columns or rows than there are singular values.
  SingularValues derivable(const Apply& node) const {
    const TensorType& in = node.input(0).type();
    const std::int64_t rows = in.dims[in.rank() - 2];
    if (full_ && (rows == unknown || rows != in.dims.back())) return {};
    return {node.output(0), node.output(1), node.output(2)};
  }

  bool full_;
};

class SvdVals final : public OpOf<SvdVals> {
 public:
  std::string name() const override { return "svdvals"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1);
    check_matrices(in[0]);
    return {{in[0].dtype, with_core(in[0].dims, 2, {fewer_of(in[0])})}};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {with_core(shapes[0], 2, {fewer_of(shapes[0])})};
  }
  void facts(const Apply&, std::span<const Fact>, std::span<Fact> out) const override {
    out[0].nonnegative = true;
  }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const auto [u, s, vt] = damo::svd(node.input(0), {.full_matrices = false});
    return {matmul(scale_columns(u, g[0]), vt)};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    const auto [u, s, vt] = damo::svd(node.input(0), {.full_matrices = false});
    return {diagonals(matmul(matmul(mT(u), tangents[0]), mT(vt)))};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::svd(*in[0], nullptr, *out[0], nullptr);
  }
  friend bool operator==(const SvdVals&, const SvdVals&) = default;
};

OpPtr read_svd(OpText& text) {
  return std::make_shared<Svd>(text.parameters.accept_word("full_matrices"));
}

/// A matrix whose singular values are far from each other and from 0.
Var with_spread_singular_values(const Var& x) {
  const Var rows = size_at(x, x.ndim() - 2), cols = size_at(x, x.ndim() - 1);
  const Var far = 9 + 9 * cast(arange(cols), float32);
  return x + cast(eye(rows, cols, 0, float32), x.dtype()) * far;
}

}  // namespace

SingularValues svd(const Arg& a, SvdOptions options) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Vars parts = make_node(std::make_shared<Svd>(options.full_matrices), {as_float(a)});
  return {parts[0], parts[1], parts[2]};
}

Var svdvals(const Arg& a) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  return make_var(std::make_shared<SvdVals>(), {as_float(a)});
}

DAMO_OPS(svd) {
  ops.reader({"svd", read_svd, 1, 1});
  ops.reader({"svdvals", read_plain<SvdVals>, 1, 1});
  ops.sample({.name = "svd", .inputs = {{"bmn"}}, .apply = [](const Vars& in) {
                return svd(with_spread_singular_values(in[0]), {.full_matrices = false}).s;
              }});
  // A function of all parts that does not depend on the signs of vectors.
  ops.sample({.name = "svd, vectors", .inputs = {{"bmn"}}, .apply = [](const Vars& in) {
                const auto [u, s, vt] =
                    svd(with_spread_singular_values(in[0]), {.full_matrices = false});
                return matmul(scale_columns(u, sin(s)), vt);
              }});
  ops.sample({.name = "svd, all vectors",
              .inputs = {{"mn"}},
              .apply = [](const Vars& in) { return svd(with_spread_singular_values(in[0])).s; },
              .differentiable = false});
  ops.sample({.name = "svdvals", .inputs = {{"bmn"}}, .apply = [](const Vars& in) {
                return svdvals(with_spread_singular_values(in[0]));
              }});
}

}  // namespace damo
