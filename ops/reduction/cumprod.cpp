#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/axis.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/reductions/recurrence.hpp>
#include <damo/ops/reduction/cumprod.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/running.hpp>

namespace damo {
namespace {

void check_axis(const TensorType& x, std::size_t axis) {
  if (axis < x.rank()) return;
  throw ShapeError(fmt::format("there is no axis {} in {}", axis, to_string(x)));
}

class CumProd final : public OpOf<CumProd> {
 public:
  explicit CumProd(std::size_t axis) : axis_(axis) {}
  std::size_t axis() const { return axis_; }
  std::string name() const override { return "cumprod"; }
  std::string parameters() const override { return fmt::format("axis={}", axis_); }
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override {
    const Fact& x = in[0];
    out[0] = unless_wrapped({.nonnegative = x.nonnegative,
                             .positive = x.positive,
                             .at_most_one = x.nonnegative && x.at_most_one,
                             .integer = x.integer},
                            node.types()[0].dtype);
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1);
    check_axis(in[0], axis_);
    return {{reduced_dtype(Reduction::prod, in[0].dtype), in[0].dims}};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[0]};
  }
  // What is before x_i, times what flows back from it and all after.
  Gradients gradient(const Apply& node, const Vars& g) const override {
    if (!is_float(node.input(0).dtype())) return {Gradient{}};
    const Var after = backward_recurrence(earlier(node.input(0), axis_), g[0], axis_);
    return {later(node.output(), axis_, 1) * after};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    return {linear_recurrence(node.input(0), tangents[0] * later(node.output(), axis_, 1), axis_)};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::cumprod(*in[0], axis_, *out[0]);
  }
  friend bool operator==(const CumProd&, const CumProd&) = default;

 private:
  std::size_t axis_;
};

class LinearRecurrence final : public OpOf<LinearRecurrence> {
 public:
  explicit LinearRecurrence(std::size_t axis) : axis_(axis) {}
  std::string name() const override { return "linear_recurrence"; }
  std::string parameters() const override { return fmt::format("axis={}", axis_); }
  void facts(const Apply&, std::span<const Fact> in, std::span<Fact> out) const override {
    out[0] = {.nonnegative = in[0].nonnegative && in[1].nonnegative};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 2);
    check_axis(in[0], axis_);
    if (!is_float(in[0].dtype) || in[0].dtype != in[1].dtype || !compatible(in[0], in[1])) {
      throw TypeError(fmt::format("expected floats of one type, got {} and {}", to_string(in[0]),
                                  to_string(in[1])));
    }
    return {in[1]};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[1]};
  }
  std::vector<Demand> demands(const Apply&, const std::vector<Vars>& shapes) const override {
    std::vector<Demand> equal;
    for (std::size_t i = 0; i < shapes[0].size(); ++i)
      equal.push_back({Demand::Kind::equal, shapes[0][i], shapes[1][i]});
    return equal;
  }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const Var flow = backward_recurrence(earlier(node.input(0), axis_), g[0], axis_);
    return {flow * later(node.output(), axis_, 0), flow};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    Var b = tangents[1];
    if (tangents[0].defined()) b = add_or_either(b, tangents[0] * later(node.output(), axis_, 0));
    return {b.defined() ? linear_recurrence(node.input(0), b, axis_) : Var{}};
  }
  void run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const override {
    if (!(in[0]->shape == in[1]->shape)) {
      throw ShapeError(fmt::format("shapes differ, {} and {}", to_string(in[0]->shape),
                                   to_string(in[1]->shape)));
    }
    out[0] = in[1]->shape;
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::linear_recurrence(*in[0], *in[1], axis_, *out[0]);
  }
  friend bool operator==(const LinearRecurrence&, const LinearRecurrence&) = default;

 private:
  std::size_t axis_;
};

template <class T>
OpPtr read_axis(OpText& text) {
  text.parameters.expect("axis=");
  return std::make_shared<T>(text.parameters.number_below(max_rank, "an axis"));
}

}  // namespace

Var cumprod(const Arg& x, int axis) {
  const Var v = x.var();
  return make_var(std::make_shared<CumProd>(axis_of("cumprod", axis, v, x.site())), {v}, x.site());
}
Var Var::cumprod(int axis, Site site) const {
  return damo::cumprod(Arg(*this, site.file, site.line), axis);
}

std::optional<std::size_t> cumprod_axis(const Var& v) {
  const auto* op = as<CumProd>(v);
  return op != nullptr ? std::optional(op->axis()) : std::nullopt;
}

Var linear_recurrence(const Var& a, const Var& b, std::size_t axis) {
  return make_var(std::make_shared<LinearRecurrence>(axis), {a, b}, b.site());
}

DAMO_OPS(cumprod) {
  ops.reader({"cumprod", read_axis<CumProd>, 1, 1});
  ops.reader({"linear_recurrence", read_axis<LinearRecurrence>, 2, 2});
  ops.sample({.name = "cumprod", .inputs = {{"mnk"}}, .apply = [](const Vars& in) {
                return cumprod(in[0], 1);
              }});
  ops.sample({.name = "linear_recurrence", .inputs = {{"mn"}, {"mn"}}, .apply = [](const Vars& in) {
                return linear_recurrence(in[0], in[1], 1);
              }});
}

}  // namespace damo
