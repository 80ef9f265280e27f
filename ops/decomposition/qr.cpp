#include <fmt/format.h>

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
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// x times the inverse of the upper triangular r, and of its transpose.
Var over(const Var& x, const Var& r) { return mT(solve_triangular(mT(r), mT(x), {.lower = true})); }
Var over_transposed(const Var& x, const Var& r) { return mT(solve_triangular(r, mT(x))); }

/// Outputs [q, r] of matrices with at least as many rows as columns.
class Qr final : public OpOf<Qr> {
 public:
  std::string name() const override { return "qr"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1);
    check_matrices(in[0]);
    const std::int64_t rows = in[0].dims[in[0].rank() - 2], cols = in[0].dims.back();
    if (rows != unknown && cols != unknown && rows < cols)
      throw ShapeError(fmt::format("{} rows are fewer than {} columns", rows, cols));
    return {in[0], {in[0].dtype, with_core(in[0].dims, 2, {cols, cols})}};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    const Var cols = shapes[0].back();
    return {shapes[0], with_core(shapes[0], 2, {cols, cols})};
  }
  std::vector<Demand> demands(const Apply&, const std::vector<Vars>& shapes) const override {
    return {{Demand::Kind::at_least, shapes[0][shapes[0].size() - 2], shapes[0].back()}};
  }
  /// Seeger, Hetzel, Dai, Meissner and Lawrence 2017, "Auto-differentiating linear algebra".
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const Var q = node.output(0), r = node.output(1);
    Var m;
    if (g[1].defined()) m = matmul(r, mT(triu(g[1])));
    if (g[0].defined()) m = add_or_either(m, -matmul(mT(g[0]), q));
    return {over_transposed(add_or_either(g[0], matmul(q, mirrored(m))), r)};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}, Var{}};
    const Var q = node.output(0), r = node.output(1);
    const Var moved = over(tangents[0], r);
    const Var along = matmul(mT(q), moved);
    const Var turned = tril(along, -1);
    const Var upper = along - turned + mT(turned);
    return {moved - matmul(q, upper), matmul(upper, r)};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::qr(*in[0], out[0], *out[1]);
  }
  friend bool operator==(const Qr&, const Qr&) = default;
};

/// Outputs [q, r] with a square q.
class FullQr final : public OpOf<FullQr> {
 public:
  std::string name() const override { return "full_qr"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1);
    check_matrices(in[0]);
    const std::int64_t rows = in[0].dims[in[0].rank() - 2];
    return {{in[0].dtype, with_core(in[0].dims, 2, {rows, rows})}, in[0]};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    const Var rows = shapes[0][shapes[0].size() - 2];
    return {with_core(shapes[0], 2, {rows, rows}), shapes[0]};
  }
  Gradients gradient(const Apply&, const Vars&) const override {
    return {Gradient::undefined(no_derivative)};
  }
  Vars push_forward(const Apply&, const Vars& tangents) const override {
    if (tangents[0].defined()) throw GradError(no_derivative);
    return {Var{}, Var{}};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::qr(*in[0], out[0], *out[1]);
  }
  friend bool operator==(const FullQr&, const FullQr&) = default;

 private:
  static constexpr const char* no_derivative =
      "the complete qr has no derivative: that of QrMode::reduced has";
};

QrFactors tall(const Var& a) {
  const Vars parts = make_node(std::make_shared<Qr>(), {a});
  return {parts[0], parts[1]};
}

Var columns(const Var& x, const Range& which) {
  std::vector<Index> index(x.ndim() - 1, all());
  index.emplace_back(which);
  return index_with(x, index, x.site());
}

Var with_large_diagonal(const Var& x) {
  const Var n = size_at(x, x.ndim() - 2), m = size_at(x, x.ndim() - 1);
  return x + 9 * eye(n, m, 0, float32);
}

}  // namespace

QrFactors qr(const Arg& a, QrMode mode) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Var v = as_float(a);
  if (mode == QrMode::complete) {
    const Vars parts = make_node(std::make_shared<FullQr>(), {v});
    return {parts[0], parts[1]};
  }
  if (v.ndim() < 2) return tall(v);
  const std::int64_t rows = v.type().dims[v.ndim() - 2], cols = v.type().dims[v.ndim() - 1];
  if (rows != unknown && cols != unknown && rows >= cols) return tall(v);
  // The leading columns decide; the rest of r is what they say of the other columns.
  const Var k = minimum(size_at(v, v.ndim() - 2), size_at(v, v.ndim() - 1));
  const auto [q, r] = tall(columns(v, range(k)));
  const Var rest = matmul(mT(q), columns(v, from(k)));
  return {q, concatenate({r, rest}, static_cast<int>(v.ndim()) - 1)};
}

DAMO_OPS(qr) {
  ops.reader({"qr", read_plain<Qr>, 1, 1});
  ops.reader({"full_qr", read_plain<FullQr>, 1, 1});
  ops.sample({.name = "qr", .inputs = {{"bmn"}}, .apply = [](const Vars& in) {
                return qr(with_large_diagonal(in[0])).r;
              }});
  ops.sample({.name = "qr, columns", .inputs = {{"bmn"}}, .apply = [](const Vars& in) {
                return qr(with_large_diagonal(in[0])).q;
              }});
  ops.sample(
      {.name = "full_qr",
       .inputs = {{"bmn"}},
       .apply = [](const Vars& in) { return qr(with_large_diagonal(in[0]), QrMode::complete).r; },
       .differentiable = false});
}

}  // namespace damo
