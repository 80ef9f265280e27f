#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/reduction/running.hpp>

namespace damo {
namespace {

class CumSum final : public OpOf<CumSum>, public ReadsElements, public ComputesWide {
 public:
  explicit CumSum(std::size_t axis) : axis_(axis) {}
  std::size_t axis() const { return axis_; }

  std::string name() const override { return "cumsum"; }
  std::string parameters() const override { return fmt::format("axis={}", axis_); }
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override {
    out[0] = unless_wrapped(fact_of_total(in[0]), node.types()[0].dtype);
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1);
    if (axis_ >= in[0].rank()) {
      throw ShapeError(fmt::format("there is no axis {} in {}", axis_, to_string(in[0])));
    }
    return {{reduced_dtype(Reduction::sum, in[0].dtype), in[0].dims}};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[0]};
  }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    if (!is_float(node.input(0).dtype())) return {Gradient{}};
    return {reversed(cumsum(reversed(g[0], axis_), static_cast<int>(axis_)), axis_)};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    return {reapply(node, tangents[0])};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::cumsum(*in[0], axis_, *out[0]);
  }
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override {
    if (!is_float(in[0]->dtype())) return wide_by_kernel(node, in, out);
    out[0] = *in[0];
    const WideMath math(in[0]->dtype());
    for (const auto& row : reduced_groups(in[0]->shape(), 1U << axis_)) {
      for (std::size_t i = 1; i < row.size(); ++i)
        out[0][row[i]] = math.add(out[0][row[i - 1]], out[0][row[i]]);
    }
  }
  friend bool operator==(const CumSum&, const CumSum&) = default;

 private:
  std::size_t axis_;
};

OpPtr read_cumsum(OpText& text) {
  text.parameters.expect("axis=");
  return std::make_shared<CumSum>(text.parameters.number_below(max_rank, "an axis"));
}

}  // namespace

Var cumsum(const Arg& x, int axis) {
  const Var v = x.var();
  const int n = static_cast<int>(v.ndim());
  if (axis < -n || axis >= n) {
    throw ShapeError(fmt::format("cumsum: there is no axis {} in {}, at {}", axis,
                                 to_string(v.type()), to_string(x.site())));
  }
  return make_var(std::make_shared<CumSum>(static_cast<std::size_t>(axis < 0 ? axis + n : axis)),
                  {v}, x.site());
}

std::optional<std::size_t> cumsum_axis(const Var& v) {
  const auto* op = as<CumSum>(v);
  return op != nullptr ? std::optional(op->axis()) : std::nullopt;
}

Var Var::cumsum(int axis, Site site) const {
  return damo::cumsum(Arg(*this, site.file, site.line), axis);
}

DAMO_OPS(cumsum) {
  ops.reader({"cumsum", read_cumsum, 1, 1});
  ops.sample({.name = "cumsum", .inputs = {{"mnk"}}, .apply = [](const Vars& in) {
                return cumsum(in[0], 1);
              }});
}

}  // namespace damo
