#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <damo/graph/errors/error.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/reductions/softmax.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/reduction/softmax.hpp>
#include <limits>

namespace damo {
namespace {

void check_float(std::span<const TensorType> in, std::uint32_t axes) {
  check_arity(in, 1);
  check_axes(in[0], axes);
  if (!is_float(in[0].dtype)) {
    throw TypeError(fmt::format("expected a float, got {}", to_string(in[0])));
  }
}

Var total(const Var& v, std::uint32_t axes) { return sum(v, axis_list(axes), {.keepdims = true}); }

Var softmax_over(const Var& x, std::uint32_t axes, Infinities several = Infinities::share) {
  return make_var(std::make_shared<Softmax>(axes, several), {x});
}

constexpr const char* undefined_text = ", inf undefined";

std::string text_of(std::uint32_t axes, Infinities several) {
  return axes_text(axes, false) + (several == Infinities::share ? "" : undefined_text);
}

template <class Op>
OpPtr read_normalised(OpText& text) {
  const std::uint32_t axes = read_axes(text.parameters).first;
  const bool undefined = text.parameters.accept(undefined_text);
  return std::make_shared<Op>(axes, undefined ? Infinities::undefined : Infinities::share);
}

/// v less its mean under the probabilities y. What a probability near 1 weighs is taken out of both
/// first: it would leave nothing of 1 - y.
Var centred(const Var& v, const Var& y, std::uint32_t axes) {
  const Var rest = v - total(where(y > 0.5, v, 0), axes);
  return rest - total(rest * y, axes);
}

}  // namespace

namespace {

/// Every element along the axes is read for each.
Var some_of(const Var& marked, std::uint32_t axes) {
  for (const int axis : axis_list(axes)) {
    if (!constant_along(marked, static_cast<std::size_t>(axis)))
      return any(marked, axis_list(axes), {.keepdims = true});
  }
  return marked;
}

}  // namespace

Var Softmax::read_for(const Apply&, std::size_t, std::size_t, const Var& marked) const {
  return some_of(marked, axes_);
}
Var LogSoftmax::read_for(const Apply&, std::size_t, std::size_t, const Var& marked) const {
  return some_of(marked, axes_);
}
Var LogSumExp::read_for(const Apply& node, std::size_t, std::size_t, const Var& marked) const {
  const bool restore = !keepdims_ && marked.ndim() > 0;
  return restore ? restore_axes(marked, axes_, node.input(0).ndim()) : marked;
}

std::string Softmax::parameters() const { return text_of(axes_, several_); }

namespace {

OpPtr read_logsumexp(OpText& text) {
  const auto [axes, keepdims] = read_axes(text.parameters);
  return std::make_shared<LogSumExp>(axes, keepdims);
}

}  // namespace

std::vector<TensorType> Softmax::infer(std::span<const TensorType> in) const {
  check_float(in, axes_);
  return {in[0]};
}

std::vector<std::optional<Vars>> Softmax::shape_rule(const Apply&,
                                                     const std::vector<Vars>& shapes) const {
  return {shapes[0]};
}

Gradients Softmax::gradient(const Apply& node, const Vars& g) const {
  const Var y = node.output();
  return {y * centred(g[0], y, axes_)};
}

Vars Softmax::push_forward(const Apply& node, const Vars& tangents) const {
  const Var& t = tangents[0];
  if (!t.defined()) return {Var{}};
  const Var y = node.output();
  return {y * centred(t, y, axes_)};
}

void Softmax::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  damo::softmax(*in[0], axes_, several_, *out[0]);
}

namespace {

/// The elements of a group less the largest, and the logarithm of the sum of their exponentials.
/// Infinite elements share the mass if they may, as in the kernels.
struct WideGroup {
  std::vector<Wide> x{};
  Wide largest{};
  Wide log_sum{};

  WideGroup(const WideMath& math, const WideArray& in, const std::vector<std::size_t>& group,
            Infinities several = Infinities::share) {
    largest.value = -INFINITY;
    for (const std::size_t i : group) largest = math.max(largest, in[i]);
    Wide sum{0};
    Wide most{};  // the logarithm is off by no more than the elements are
    for (const std::size_t i : group) {
      // A largest element that is off moves the others and the sum alike.
      const Wide base{largest.value};
      x.push_back(in[i].value == largest.value && std::isinf(largest.value)
                      ? Wide{0, in[i].doubt, in[i].rounding}
                      : math.sub(in[i], base));
      sum = math.add(sum, math.exp(Wide{x.back().value}));
      most.doubt = std::max(most.doubt, x.back().doubt);
      most.rounding = std::max(most.rounding, x.back().rounding);
    }
    const auto is_largest = [&](std::size_t i) { return in[i].value == largest.value; };
    const bool shared =
        std::isinf(largest.value) && std::count_if(group.begin(), group.end(), is_largest) > 1;
    for (std::size_t k = 0; k < group.size(); ++k) {
      if (shared && several == Infinities::undefined && is_largest(group[k]))
        x[k].value = std::numeric_limits<long double>::quiet_NaN();
    }
    log_sum = math.log(sum);
    log_sum.doubt += most.doubt;
    log_sum.rounding += most.rounding;
  }
};

}  // namespace

void Softmax::perform_wide(const Apply&, WidesIn in, WidesOut out) const {
  out[0] = *in[0];
  const WideMath math(in[0]->dtype());
  for (const auto& group : reduced_groups(in[0]->shape(), axes_)) {
    const WideGroup g(math, *in[0], group, several_);
    for (std::size_t i = 0; i < group.size(); ++i)
      out[0][group[i]] = math.exp(math.sub(g.x[i], g.log_sum));
  }
}

std::string LogSoftmax::parameters() const { return text_of(axes_, several_); }

std::vector<TensorType> LogSoftmax::infer(std::span<const TensorType> in) const {
  check_float(in, axes_);
  return {in[0]};
}

std::vector<std::optional<Vars>> LogSoftmax::shape_rule(const Apply&,
                                                        const std::vector<Vars>& shapes) const {
  return {shapes[0]};
}

Gradients LogSoftmax::gradient(const Apply& node, const Vars& g) const {
  const Var y = softmax_over(node.input(0), axes_, several_);
  const Var slope = g[0] - y * total(g[0], axes_);
  // The slopes add up to 0: that of a probability near 1, where 1 - y is lost, from the others'.
  const Var others = where(y > 0.5, 0, slope);
  return {where(y > 0.5, -total(others, axes_), slope)};
}

Vars LogSoftmax::push_forward(const Apply& node, const Vars& tangents) const {
  const Var& t = tangents[0];
  if (!t.defined()) return {Var{}};
  return {centred(t, softmax_over(node.input(0), axes_, several_), axes_)};
}

void LogSoftmax::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  damo::log_softmax(*in[0], axes_, several_, *out[0]);
}

void LogSoftmax::perform_wide(const Apply&, WidesIn in, WidesOut out) const {
  out[0] = *in[0];
  const WideMath math(in[0]->dtype());
  for (const auto& group : reduced_groups(in[0]->shape(), axes_)) {
    const WideGroup g(math, *in[0], group, several_);
    for (std::size_t i = 0; i < group.size(); ++i) out[0][group[i]] = math.sub(g.x[i], g.log_sum);
  }
}

std::string LogSumExp::parameters() const { return axes_text(axes_, keepdims_); }

std::vector<TensorType> LogSumExp::infer(std::span<const TensorType> in) const {
  check_float(in, axes_);
  return {{in[0].dtype, reduced_dims(in[0].dims, axes_, keepdims_)}};
}

std::vector<std::optional<Vars>> LogSumExp::shape_rule(const Apply&,
                                                       const std::vector<Vars>& shapes) const {
  return {reduced_sizes(shapes[0], axes_, keepdims_)};
}

Gradients LogSumExp::gradient(const Apply& node, const Vars& g) const {
  const Var& x = node.input(0);
  const Var gx = keepdims_ ? g[0] : restore_axes(g[0], axes_, x.ndim());
  return {gx * softmax_over(x, axes_)};
}

Vars LogSumExp::push_forward(const Apply& node, const Vars& tangents) const {
  if (!tangents[0].defined()) return {Var{}};
  return {sum(tangents[0] * softmax_over(node.input(0), axes_), axis_list(axes_),
              {.keepdims = keepdims_})};
}

void LogSumExp::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  damo::logsumexp(*in[0], axes_, *out[0]);
}

void LogSumExp::perform_wide(const Apply&, WidesIn in, WidesOut out) const {
  out[0] = WideArray(in[0]->dtype(), reduced_dims(in[0]->shape(), axes_, keepdims_));
  const WideMath math(in[0]->dtype());
  const auto groups = reduced_groups(in[0]->shape(), axes_);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const WideGroup g(math, *in[0], groups[i]);
    const bool infinite = std::isinf(g.largest.value);
    out[0][i] = infinite ? g.largest : math.add(Wide{g.largest.value}, g.log_sum);
  }
}

Var softmax(const Arg& x, const Axes& axes) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = as_float(x);
  return make_var(std::make_shared<Softmax>(axes_of("softmax", v, axes, x.site())), {v});
}

Var log_softmax(const Arg& x, const Axes& axes) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = as_float(x);
  return make_var(std::make_shared<LogSoftmax>(axes_of("log_softmax", v, axes, x.site())), {v});
}

Var logsumexp(const Arg& x, const Axes& axes, ReduceOptions options) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = as_float(x);
  return make_var(
      std::make_shared<LogSumExp>(axes_of("logsumexp", v, axes, x.site()), options.keepdims), {v});
}

DAMO_OPS(softmax) {
  ops.reader({"softmax", read_normalised<Softmax>, 1, 1});
  ops.reader({"log_softmax", read_normalised<LogSoftmax>, 1, 1});
  ops.reader({"logsumexp", read_logsumexp, 1, 1});
  ops.sample({.name = "softmax", .inputs = {{"mnk"}}, .apply = [](const Vars& in) {
                return softmax(in[0], {0, 2});
              }});
  ops.sample({.name = "log_softmax", .inputs = {{"mn"}}, .apply = [](const Vars& in) {
                return log_softmax(in[0]);
              }});
  ops.sample({.name = "logsumexp",
              .inputs = {{"mn"}},
              .apply = [](const Vars& in) { return logsumexp(in[0], 0); },
              .nonempty = "m"});
}

}  // namespace damo
