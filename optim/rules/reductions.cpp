#include <algorithm>
#include <cmath>

#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/broadcast.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>

// Reductions: of what is repeated, of products with something constant along the axes, of
// reductions.
namespace damo::optim {
namespace {

const Reduce& reduction(const Apply& node) { return static_cast<const Reduce&>(node.op()); }

Var reduced(const Reduce& like, const Var& x, std::uint32_t axes, bool keepdims) {
  return make_var(std::make_shared<Reduce>(like.kind(), axes, keepdims), {x});
}

/// Kept axes are put back by a change of layout, which can move on.
std::optional<Vars> keepdims_outward(const Apply& node, Context&) {
  const Reduce& r = reduction(node);
  if (!r.keepdims() || r.axes() == 0) return std::nullopt;
  const Var plain = reduced(r, node.input(0), r.axes(), false);
  return Vars{fit(restore_axes(plain, r.axes(), node.input(0).ndim()), node.output())};
}

std::optional<Vars> over_no_axis(const Apply& node, Context&) {
  const Reduce& r = reduction(node);
  const Var& x = node.input(0);
  std::uint32_t axes = 0;
  for (const int axis : axis_list(r.axes())) {
    if (x.type().dims[static_cast<std::size_t>(axis)] != 1) axes |= 1U << axis;
  }
  if (axes == r.axes() && axes != 0) return std::nullopt;
  if (x.dtype() != node.types()[0].dtype) return std::nullopt;
  if (axes == 0 && r.keepdims()) return Vars{fit(x, node.output())};
  if (axes != 0 && r.keepdims()) return Vars{fit(reduced(r, x, axes, true), node.output())};
  // Axes of size 1 are dropped first, then the others are reduced.
  std::vector<int> pattern;
  std::uint32_t rest = 0;
  for (std::size_t i = 0; i < x.ndim(); ++i) {
    const bool named = (r.axes() >> i & 1U) != 0;
    if (named && (axes >> i & 1U) == 0) continue;
    if (named) rest |= 1U << pattern.size();
    pattern.push_back(static_cast<int>(i));
  }
  const Var dropped = shuffle_axes(x, pattern);
  return Vars{fit(rest == 0 ? dropped : reduced(r, dropped, rest, false), node.output())};
}

/// Products of floats may overflow or underflow on the way in one order and not in another; sums do
/// not (see sums_again.hpp).
bool leaves_range_in_other_orders(const Reduce& r, const Var& x) {
  return r.kind() == Reduction::prod && is_float(x.dtype());
}

/// sum(sum(x, a), b) = sum(x, a and b), and for prod, max, min, any and all.
std::optional<Vars> of_reduction(const Apply& node, Context& context) {
  const Reduce& outer = reduction(node);
  const auto* inner = as<Reduce>(node.input(0));
  if (inner == nullptr || inner->kind() != outer.kind() || inner->keepdims() || outer.keepdims() ||
      context.uses(node.input(0)) > 1)
    return std::nullopt;
  const Var& x = node.input(0).inputs()[0];
  if (leaves_range_in_other_orders(outer, x)) return std::nullopt;
  std::uint32_t axes = inner->axes();
  std::size_t place = 0;
  for (std::size_t i = 0; i < x.ndim(); ++i) {
    if ((inner->axes() >> i & 1U) != 0) continue;
    if ((outer.axes() >> place++ & 1U) != 0) axes |= 1U << i;
  }
  return Vars{fit(reduced(outer, x, axes, false), node.output())};
}

/// A number that makes no product smaller: a sum of terms that were made smaller may be finite
/// where that of the terms is not.
Condition is_enlarging() {
  return [](const Var& v, Context&) {
    const auto c = is_float(v.dtype()) ? uniform_value(v) : std::nullopt;
    return c && std::isfinite(*c) && std::abs(*c) >= 1;
  };
}
/// One that makes no quotient smaller.
Condition is_diminishing() {
  return [](const Var& v, Context&) {
    const auto c = is_float(v.dtype()) ? uniform_value(v) : std::nullopt;
    return c && *c != 0 && std::abs(*c) <= 1;
  };
}

/// Whether a size cannot be negative: a tensor's, a number, what is made of such.
bool never_negative(const Var& size, Context& context) {
  const ScalarOp* f = scalar_op(size);
  if (f != nullptr && (f == vocabulary().add || f == vocabulary().mul))
    return never_negative(size.inputs()[0], context) && never_negative(size.inputs()[1], context);
  return context.fact(size).nonnegative;
}

/// The sum of a repeated value is a multiple of it, and 0 when there is none of it. A negative
/// count is a mistake that the tensor itself reports.
std::optional<Vars> sum_of_repeated(const Apply& node, Context& context) {
  const Reduce& r = reduction(node);
  const Var& x = node.input(0);
  const auto* broadcast = as<BroadcastTo>(x);
  if (r.kind() != Reduction::sum || broadcast == nullptr || !is_float(x.dtype()))
    return std::nullopt;
  Vars counts;
  for (const int axis : broadcast->stretched(x.owner())) {
    if ((r.axes() >> axis & 1U) == 0) return std::nullopt;
    counts.push_back(broadcast->size(x.owner(), static_cast<std::size_t>(axis)));
    if (!never_negative(counts.back(), context)) return std::nullopt;
  }
  if (counts.empty()) return std::nullopt;
  const Var once = reduced(r, x.inputs()[0], r.axes(), r.keepdims());
  const Var count = cast(size_product(counts), x.dtype());
  const auto value = uniform_value(once);
  if (value && std::isfinite(*value)) return Vars{fit(once * count, node.output())};
  return Vars{fit(where(eq(count, 0.0), 0.0, once * count), node.output())};
}

/// The scalar that `v` repeats everywhere, or an empty Var.
Var repeated_scalar(const Var& v) {
  Var core = v;
  bool stretched = false;
  while (core.ndim() > 0) {
    const auto* shuffle = as<DimShuffle>(core);
    const bool grows = shuffle != nullptr && core.inputs()[0].ndim() == 0;
    if (!grows && as<BroadcastTo>(core) == nullptr && shuffle == nullptr) return {};
    if (shuffle != nullptr && !grows &&
        std::all_of(shuffle->pattern().begin(), shuffle->pattern().end(),
                    [](int axis) { return axis < 0; }))
      return shuffle_axes(core.inputs()[0], {});  // its axes of size 1 go, others come
    stretched = true;
    core = Var(core.inputs()[0]);
  }
  return stretched ? core : Var{};
}

/// dot(x, c everywhere) = c * sum(x, 1) for a number c that makes the terms no smaller (as in a
/// sum), where both are known to be equally long.
std::optional<Vars> dot_with_repeated(const Apply& node, Context& context) {
  const auto length = [&](const Var& v, std::size_t axis) {
    return context.simplified(size_at(v, axis));
  };
  for (const std::size_t i : {1, 0}) {
    const Var& repeated = node.input(i);
    const Var& other = node.input(1 - i);
    if (repeated.ndim() != 1 || other.ndim() != 2) continue;
    const auto c = uniform_value(repeated);
    if (!c || !std::isfinite(*c) || std::abs(*c) < 1) continue;
    if (!same_graph(length(repeated, 0), length(other, i))) continue;
    const Var number = Arg(*c).var(other.dtype());
    return Vars{fit(number * sum(other, static_cast<int>(i)), node.output())};
  }
  return std::nullopt;
}

/// An operand that is one scalar everywhere is that scalar, where another operand has the size.
std::optional<Vars> scalar_operand(const Apply& node, Context&) {
  for (std::size_t i = 0; i < node.inputs().size(); ++i) {
    if (node.input(i).ndim() == 0) continue;
    const Var c = repeated_scalar(node.input(i));
    if (!c.defined()) continue;
    Vars inputs = node.inputs();
    inputs[i] = c;
    const Var result = make_var(node.op_ptr(), std::move(inputs), node.site());
    const TensorType& out = node.types()[0];
    if (refines(result.type(), out) && stretched_axes(result.type(), out).empty())
      return Vars{result};
  }
  return std::nullopt;
}

/// A reduction over all axes does not care for their order.
std::optional<Vars> of_shuffled(const Apply& node, Context&) {
  const Reduce& r = reduction(node);
  const auto* shuffle = as<DimShuffle>(node.input(0));
  if (shuffle == nullptr || r.keepdims()) return std::nullopt;
  const Var& x = node.input(0).inputs()[0];
  if (leaves_range_in_other_orders(r, x)) return std::nullopt;
  std::uint32_t axes = 0;
  std::vector<int> kept;
  for (std::size_t i = 0; i < shuffle->pattern().size(); ++i) {
    const int axis = shuffle->pattern()[i];
    const bool named = (r.axes() >> i & 1U) != 0;
    if (axis < 0 && !named) return std::nullopt;
    if (axis >= 0 && named) axes |= 1U << axis;
    if (axis >= 0 && !named) kept.push_back(axis);
  }
  for (std::size_t i = 1; i < kept.size(); ++i) {
    if (kept[i] < kept[i - 1]) return std::nullopt;
  }
  if (kept.size() + axis_list(axes).size() != x.ndim() || axes == 0) return std::nullopt;
  return Vars{fit(reduced(r, x, axes, false), node.output())};
}

}  // namespace

const Rules& reduction_rules() {
  static const Rules rules = [] {
    const std::vector<std::string> all{"sum", "prod", "max", "min", "any", "all"};
    Rules list;
    const auto add = [&](std::string name, std::vector<std::string> roots, std::string equation,
                         Rule::Rewrite f, bool early) {
      Rule r = node_rewriter(std::move(name), std::move(roots), std::move(equation), std::move(f));
      list.push_back(early ? std::move(r).canonicalizes() : std::move(r).specializes());
    };
    add("keepdims_outward", all, "sum(x, keepdims) = dimshuffle(sum(x))", keepdims_outward, true);
    add("reduce_no_axis", all, "sum(x, a) = x where axis a has size 1", over_no_axis, true);
    add("reduce_of_reduce", all, "sum(sum(x, a), b) = sum(x, a and b)", of_reduction, true);
    add("reduce_of_shuffled", all, "sum(x.T) = sum(x)", of_shuffled, true);
    add("scalar_operand", {"elementwise"}, "f(c everywhere, x) = f(c, x)", scalar_operand, true);
    const Var x = any("x"), c = any("c", 0, is_enlarging()), d = any("d", 0, is_diminishing());
    list.push_back(rule("sum_neg", sum(-x), -sum(x)).specializes());
    list.push_back(rule("sum_times", sum(c * x), c * sum(x)).specializes());
    list.push_back(rule("sum_over", sum(x / d), sum(x) / d).specializes());
    add("sum_of_repeated", {"sum"}, "sum(c everywhere) = n * c", sum_of_repeated, false);
    add("dot_with_repeated", {"dot"}, "dot(x, c everywhere) = c * sum(x, 1)", dot_with_repeated,
        false);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
