#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/axis.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/along_axis.hpp>
#include <damo/ops/kernels/order/sort.hpp>
#include <damo/ops/order/sort.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

namespace damo {
namespace {

/// The elements along an axis in order.
class Sort final : public OpOf<Sort>, public ReadsElements, public ComputesWide {
 public:
  explicit Sort(std::size_t axis) : axis_(axis) {}
  std::string name() const override { return "sort"; }
  std::string parameters() const override { return "axis=" + std::to_string(axis_); }
  bool takes_storage(std::size_t) const override { return true; }
  Origin origin(const Apply&, std::size_t) const override { return {0, 1, Origin::Way::by_value}; }
  Slope slope(const Apply&) const override { return Slope::constant; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  friend bool operator==(const Sort&, const Sort&) = default;

 private:
  std::size_t axis_;
};

/// The positions that sort along an axis.
class ArgSort final : public OpOf<ArgSort> {
 public:
  ArgSort(std::size_t axis, bool descending) : axis_(axis), descending_(descending) {}
  std::string name() const override { return "argsort"; }
  std::string parameters() const override {
    return "axis=" + std::to_string(axis_) + (descending_ ? ", descending" : "");
  }
  bool takes_storage(std::size_t) const override { return true; }
  void facts(const Apply&, std::span<const Fact>, std::span<Fact> out) const override {
    out[0] = {.nonnegative = true, .integer = true, .finite = true};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  Vars push_forward(const Apply&, const Vars&) const override { return {Var{}}; }
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  friend bool operator==(const ArgSort&, const ArgSort&) = default;

 private:
  std::size_t axis_;
  bool descending_;
};

void check_axis(std::span<const TensorType> in, std::size_t axis) {
  check_arity(in, 1);
  if (axis < in[0].rank()) return;
  throw ShapeError(fmt::format("there is no axis {} in {}", axis, to_string(in[0])));
}

Var positions(const Var& x, std::size_t axis, bool descending, Site site) {
  return make_var(std::make_shared<ArgSort>(axis, descending), {x}, site);
}

OpPtr read_sort(OpText& text) {
  text.parameters.expect("axis=");
  return std::make_shared<Sort>(text.parameters.number_below(max_rank, "an axis"));
}
OpPtr read_argsort(OpText& text) {
  text.parameters.expect("axis=");
  const std::size_t axis = text.parameters.number_below(max_rank, "an axis");
  return std::make_shared<ArgSort>(axis, text.parameters.accept(", descending"));
}

std::vector<TensorType> Sort::infer(std::span<const TensorType> in) const {
  check_axis(in, axis_);
  return {in[0]};
}
std::vector<std::optional<Vars>> Sort::shape_rule(const Apply&,
                                                  const std::vector<Vars>& shapes) const {
  return {shapes[0]};
}
Gradients Sort::gradient(const Apply& node, const Vars& g) const {
  if (!is_float(node.input(0).dtype())) return {Gradient{}};
  // Where each element went is the order of where each came from.
  const Var from = positions(node.input(0), axis_, false, {});
  return {take_along_axis(g[0], positions(from, axis_, false, {}), static_cast<int>(axis_))};
}
Vars Sort::push_forward(const Apply& node, const Vars& tangents) const {
  if (!tangents[0].defined()) return {Var{}};
  const Var from = positions(node.input(0), axis_, false, {});
  return {take_along_axis(tangents[0], from, static_cast<int>(axis_))};
}
void Sort::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace& scratch) const {
  damo::sort(*in[0], axis_, *out[0], scratch);
}
// Where two are as near as they may be off, either may come first.
void Sort::perform_wide(const Apply&, WidesIn in, WidesOut out) const {
  out[0] = *in[0];
  for (const auto& row : reduced_groups(in[0]->shape(), 1U << axis_)) {
    std::vector<Wide> values;
    for (const std::size_t i : row) values.push_back((*in[0])[i]);
    std::stable_sort(values.begin(), values.end(), [](const Wide& a, const Wide& b) {
      return a.value < b.value || (!std::isnan(a.value) && std::isnan(b.value));
    });
    for (std::size_t i = 0; i < row.size(); ++i) out[0][row[i]] = values[i];
  }
}

std::vector<TensorType> ArgSort::infer(std::span<const TensorType> in) const {
  check_axis(in, axis_);
  return {{DType::int64, in[0].dims}};
}
std::vector<std::optional<Vars>> ArgSort::shape_rule(const Apply&,
                                                     const std::vector<Vars>& shapes) const {
  return {shapes[0]};
}
void ArgSort::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace& scratch) const {
  damo::argsort(*in[0], axis_, descending_, *out[0], scratch);
}

}  // namespace

Var sort(const Arg& x, int axis) {
  const Var v = x.var();
  return make_var(std::make_shared<Sort>(axis_of("sort", axis, v, x.site())), {v}, x.site());
}
Var argsort(const Arg& x, int axis) {
  const Var v = x.var();
  return positions(v, axis_of("argsort", axis, v, x.site()), false, x.site());
}
Var Var::sort(int axis, Site site) const {
  return damo::sort(Arg(*this, site.file, site.line), axis);
}
Var Var::argsort(int axis, Site site) const {
  return damo::argsort(Arg(*this, site.file, site.line), axis);
}

Var argtopk(const Arg& x, const Arg& k, int axis) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const Var v = x.var();
  const std::size_t along = axis_of("topk", axis, v, site);
  const Var wanted = whole_scalar("topk", "how many", k, site);
  const auto known = scalar_constant(wanted);
  const bool smallest = known && *known < 0;
  const Var count = smallest ? int_constant(-static_cast<std::int64_t>(*known)) : wanted;
  const auto there = scalar_constant(size_at(v, along));
  const bool fits = known && there && std::abs(*known) <= *there;
  const auto check = [&](const Var& least, const Var& most) {
    return size_check(Demand::Kind::at_least, most, least, "topk", {v, count}, site);
  };
  const Var taken =
      fits ? count
           : after_checks(count, {check(count, size_at(v, along)), check(int_constant(0), count)});
  std::vector<Index> first(along, all());
  first.emplace_back(Range{{}, taken, {}});
  return index_with(positions(v, along, !smallest, site), first, site);
}
Var topk(const Arg& x, const Arg& k, int axis) { return topk_and_argtopk(x, k, axis).first; }
std::pair<Var, Var> topk_and_argtopk(const Arg& x, const Arg& k, int axis) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var at = argtopk(x, k, axis);
  return {take_along_axis(x, at, axis), at};
}

std::pair<Var, Var> max_and_argmax(const Arg& x, const Axes& axes, ReduceOptions options) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return {max(x, axes, options), argmax(x, axes, options)};
}

DAMO_OPS(sort) {
  ops.reader({"sort", read_sort, 1, 1});
  ops.reader({"argsort", read_argsort, 1, 1});
  // Neighbours change places within the step of a finite difference.
  ops.sample({.name = "sort",
              .inputs = {{"mnk"}},
              .apply = [](const Vars& in) { return sort(in[0], 1); },
              .differentiable = false});
  ops.sample({.name = "argsort",
              .inputs = {{.dims = "mn", .low = -2, .high = 2, .dtype = DType::int64}},
              .apply = [](const Vars& in) { return argsort(in[0], 0); },
              .differentiable = false});
}

}  // namespace damo
