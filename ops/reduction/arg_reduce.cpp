#include <cmath>

#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>
#include <damo/ops/reduction/arg_reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>

namespace damo {
namespace {

Var apply_arg_reduction(bool largest, const Arg& x, const Axes& axes, ReduceOptions options) {
  const Var v = x.var();
  const std::uint32_t mask = axes_of(largest ? "argmax" : "argmin", v, axes, x.site());
  return make_var(std::make_shared<ArgReduce>(largest, mask, options.keepdims), {v}, x.site());
}

}  // namespace

std::string ArgReduce::parameters() const { return axes_text(axes_, keepdims_); }

namespace {

OpPtr read_arg_reduce(OpText& text) {
  const auto [axes, keepdims] = read_axes(text.parameters);
  return std::make_shared<ArgReduce>(text.name == "argmax", axes, keepdims);
}

}  // namespace

std::vector<TensorType> ArgReduce::infer(std::span<const TensorType> in) const {
  check_arity(in, 1);
  check_axes(in[0], axes_);
  return {{DType::int64, reduced_dims(in[0].dims, axes_, keepdims_)}};
}

std::vector<std::optional<Vars>> ArgReduce::shape_rule(const Apply&,
                                                       const std::vector<Vars>& shapes) const {
  return {reduced_sizes(shapes[0], axes_, keepdims_)};
}

std::vector<Demand> ArgReduce::demands(const Apply&, const std::vector<Vars>& shapes) const {
  return something_to_choose_from(shapes[0], axes_);
}

Vars ArgReduce::push_forward(const Apply&, const Vars&) const { return {Var{}}; }

void ArgReduce::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  if (largest_) {
    damo::argmax(*in[0], axes_, *out[0]);
  } else {
    damo::argmin(*in[0], axes_, *out[0]);
  }
}

// What may be best when the elements are off by their errors is in doubt.
void ArgReduce::perform_wide(const Apply& node, WidesIn in, WidesOut out) const {
  wide_by_kernel(node, in, out);
  const auto groups = reduced_groups(in[0]->shape(), axes_);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Wide& best = (*in[0])[groups[i][static_cast<std::size_t>(out[0][i].value)]];
    for (const std::size_t at : groups[i]) {
      const Wide& other = (*in[0])[at];
      const long double gap = std::abs(best.value - other.value);
      const auto size = static_cast<long double>(groups[i].size());
      if (&other == &best) continue;
      if (best.doubt + other.doubt > 0 && !(gap > best.doubt + other.doubt)) out[0][i].doubt = size;
      if (best.rounding + other.rounding > 0 && !(gap > best.rounding + other.rounding))
        out[0][i].rounding = size;
    }
  }
}

Var argmax(const Arg& x, const Axes& axes, ReduceOptions options) {
  return apply_arg_reduction(true, x, axes, options);
}
Var argmin(const Arg& x, const Axes& axes, ReduceOptions options) {
  return apply_arg_reduction(false, x, axes, options);
}

DAMO_OPS(arg_reduce) {
  for (const char* name : {"argmax", "argmin"}) ops.reader({name, read_arg_reduce, 1, 1});
  ops.sample({.name = "argmax",
              .inputs = {{"mn"}},
              .apply = [](const Vars& in) { return argmax(in[0], 1); },
              .differentiable = false,
              .nonempty = "n"});
  ops.sample({.name = "argmin",
              .inputs = {{"mn"}},
              .apply = [](const Vars& in) { return argmin(in[0], {.keepdims = true}); },
              .differentiable = false,
              .nonempty = "mn"});
}

}  // namespace damo
