#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/axis.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/near.hpp>
#include <damo/ops/kernels/reductions/recurrence.hpp>
#include <damo/ops/reduction/cumprod.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/reduction/running.hpp>
#include <damo/ops/reduction/softmax.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// x - m, and 0 where both are the same infinity.
Var below(const Var& x, const Var& m) { return where(and_(isinf(m), eq(x, m)), 0.0, x - m); }

/// Running sums of exponentials along one axis, as m and r: the largest exponent so far, and the
/// logarithm of what the sum is times exp(-m). What is near 0 beside m is then not rounded with it.
class RunningLogSum final : public OpOf<RunningLogSum>, public ReadsElements, public ComputesWide {
 public:
  explicit RunningLogSum(std::size_t axis) : axis_(axis) {}
  std::string name() const override { return "running_log_sum"; }
  std::string parameters() const override { return fmt::format("axis={}", axis_); }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1);
    if (!is_float(in[0].dtype) || axis_ >= in[0].rank()) {
      throw TypeError(
          fmt::format("expected floats with an axis {}, got {}", axis_, to_string(in[0])));
    }
    return {in[0], in[0]};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[0], shapes[0]};
  }
  // m is put in where r takes it out: as a constant it leaves all derivatives to r. A sum is one
  // more term beside the sum before, which weigh what they are of it.
  Gradients gradient(const Apply& node, const Vars& g) const override {
    if (!g[1].defined()) return {Gradient{}};
    return {weights(node) * backward_recurrence(earlier_steps(node), g[1], axis_)};
  }
  Slope slope(const Apply&) const override { return Slope::tame; }
  Var read_for(const Apply& node, std::size_t, std::size_t, const Var& marked) const override {
    if (marked.ndim() == 0 || constant_along(marked, axis_)) return marked;
    const Var asked = cast(broadcast_like(marked, node.output()), DType::int64);
    const int axis = static_cast<int>(axis_);
    return reversed(cumsum(reversed(asked, axis_), axis), axis_) > 0;
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}, Var{}};
    return {Var{}, linear_recurrence(steps(node), tangents[0] * weights(node), axis_)};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::running_log_sum(*in[0], axis_, *out[0], *out[1]);
  }
  // The logarithm of each sum by itself.
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override {
    out[0] = out[1] = *in[0];
    const WideMath math(in[0]->dtype());
    const LogSumExp total(1, false);
    for (const auto& row : reduced_groups(in[0]->shape(), 1U << axis_)) {
      if (row.empty()) continue;
      Wide largest = (*in[0])[row[0]];
      for (std::size_t n = 1; n <= row.size(); ++n) {
        largest = math.max(largest, (*in[0])[row[n - 1]]);
        const Wide shift{std::isinf(largest.value) ? 0 : largest.value};
        WideArray first(in[0]->dtype(), {static_cast<std::int64_t>(n)});
        for (std::size_t i = 0; i < n; ++i) first[i] = math.sub((*in[0])[row[i]], shift);
        const WideArray* operand = &first;
        WideArray sum;
        total.perform_wide(node, std::span(&operand, 1), std::span(&sum, 1));
        out[0][row[n - 1]] = Wide{largest.value};
        out[1][row[n - 1]] = std::isinf(largest.value) ? Wide{0} : sum[0];
      }
    }
  }
  friend bool operator==(const RunningLogSum&, const RunningLogSum&) = default;

 private:
  /// What x_i is of the sum up to i: all of it where both are infinite.
  Var weights(const Apply& node) const {
    const Var &x = node.input(0), m = node.output(0);
    return exp(below(x, m) - node.output(1));
  }
  /// What the sum before is of the sum up to i.
  Var steps(const Apply& node) const {
    const Var m = node.output(0), r = node.output(1);
    return exp(below(later(m, axis_, -INFINITY), m) + (later(r, axis_, 0) - r));
  }
  /// What the sum up to i is of the next.
  Var earlier_steps(const Apply& node) const { return earlier(steps(node), axis_); }

  std::size_t axis_;
};

OpPtr read_running_log_sum(OpText& text) {
  text.parameters.expect("axis=");
  return std::make_shared<RunningLogSum>(text.parameters.number_below(max_rank, "an axis"));
}

}  // namespace

Var logcumsumexp(const Arg& x, int axis) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = as_float(x);
  const std::size_t along = axis_of("logcumsumexp", axis, v, x.site());
  const Var m = make_var(std::make_shared<RunningLogSum>(along), {v}, x.site());
  return m + m.owner().output(1);
}

DAMO_OPS(logcumsumexp) {
  ops.reader({"running_log_sum", read_running_log_sum, 1, 1});
  ops.sample({.name = "running_log_sum", .inputs = {{"mnk"}}, .apply = [](const Vars& in) {
                return logcumsumexp(in[0], 1);
              }});
}

}  // namespace damo
