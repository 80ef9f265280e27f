#include <algorithm>
#include <limits>

#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/decomposition/matrices.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/decomposition/from_singular_values.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/axes.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

double epsilon(DType dtype) {
  return dtype == DType::float32 ? static_cast<double>(std::numeric_limits<float>::epsilon())
                                 : std::numeric_limits<double>::epsilon();
}

class Pinv final : public OpOf<Pinv> {
 public:
  explicit Pinv(std::optional<double> rcond) : rcond_(rcond) {}
  std::string name() const override { return "pinv"; }
  std::string parameters() const override { return rcond_ ? "rcond=" + exact(*rcond_) : ""; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1);
    check_matrices(in[0]);
    return {
        {in[0].dtype, with_core(in[0].dims, 2, {in[0].dims.back(), in[0].dims[in[0].rank() - 2]})}};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    const Vars& shape = shapes[0];
    return {with_core(shape, 2, {shape.back(), shape[shape.size() - 2]})};
  }
  /// Golub and Pereyra 1973, "The differentiation of pseudo-inverses and nonlinear least squares
  /// problems whose variables separate".
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const Var a = node.input(0), p = node.output();
    const Var turned = mT(p), flow = mT(g[0]);
    const auto outside_a = [&](const Var& x) { return x - matmul(a, matmul(p, x)); };
    const auto outside_p = [&](const Var& x) { return x - matmul(matmul(x, p), a); };
    return {-matmul(matmul(turned, g[0]), turned) + matmul(matmul(outside_a(flow), p), turned) +
            matmul(matmul(turned, p), outside_p(flow))};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    const Var a = node.input(0), p = node.output(), turned = mT(p), d = tangents[0];
    const Var left = matmul(p, matmul(turned, mT(d)));
    const Var right = matmul(matmul(mT(d), turned), p);
    return {-matmul(matmul(p, d), p) + (left - matmul(matmul(left, a), p)) +
            (right - matmul(p, matmul(a, right)))};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    const Shape& shape = in[0]->shape;
    const std::int64_t larger = std::max(shape[shape.rank() - 2], shape.back());
    damo::pinv(*in[0], rcond_.value_or(static_cast<double>(larger) * epsilon(in[0]->dtype)),
               *out[0]);
  }
  friend bool operator==(const Pinv&, const Pinv&) = default;

 private:
  std::optional<double> rcond_;
};

OpPtr read_pinv(OpText& text) {
  if (!text.parameters.accept("rcond=")) return std::make_shared<Pinv>(std::nullopt);
  return std::make_shared<Pinv>(text.parameters.real());
}

/// How many of a's singular values count.
Var rank_of(const Var& a, const Var& s, std::optional<double> rcond) {
  const Var larger = maximum(size_at(a, a.ndim() - 2), size_at(a, a.ndim() - 1));
  const Var bound = rcond ? Arg(*rcond).var(a.dtype())
                          : cast(larger, a.dtype()) * Arg(epsilon(a.dtype())).var(a.dtype());
  // From the largest on; there may be none.
  std::vector<Index> index(s.ndim() - 1, all());
  index.emplace_back(range(1));
  const Var largest = sum(index_with(s, index, s.site()), {-1}, {.keepdims = true});
  return sum(cast(s > bound * largest, int64), -1);
}

}  // namespace

Var pinv(const Arg& a, std::optional<double> rcond) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  return make_var(std::make_shared<Pinv>(rcond), {as_float(a)});
}

Var matrix_rank(const Arg& a, std::optional<double> rcond) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Var v = as_float(a);
  return rank_of(v, svdvals(v), rcond);
}

LeastSquares lstsq(const Arg& a, const Arg& b, std::optional<double> rcond) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Var left = as_float(a), right = as_float(b);
  if (right.ndim() == 1 && left.ndim() > 2) {
    // One vector for each matrix of a batch.
    const LeastSquares columns = lstsq(left, expand_dims(right, -1), rcond);
    return {squeeze(columns.x, -1), squeeze(columns.residuals, -1), columns.rank, columns.s};
  }
  const Var x = matmul(pinv(left, rcond), right);
  const Var s = svdvals(left);
  const Var off = right - matmul(left, x);
  const int rows = right.ndim() == 1 ? -1 : -2;
  return {x, sum(sqr(off), rows), rank_of(left, s, rcond), s};
}

DAMO_OPS(pinv) {
  ops.reader({"pinv", read_pinv, 1, 1});
  ops.sample({.name = "pinv", .inputs = {{"bmn"}}, .apply = [](const Vars& in) {
                const Var rows = size_at(in[0], 1), cols = size_at(in[0], 2);
                return pinv(in[0] + 9 * eye(rows, cols, 0, float32));
              }});
}

}  // namespace damo
