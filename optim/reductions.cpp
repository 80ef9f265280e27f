#include <algorithm>

#include <damo/graph/leaves.hpp>
#include <damo/ops/broadcast_op.hpp>
#include <damo/ops/dimshuffle_op.hpp>
#include <damo/ops/dot_op.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/math.hpp>
#include <damo/ops/reduce.hpp>
#include <damo/ops/reduce_op.hpp>
#include <damo/ops/shape.hpp>
#include <damo/optim/catalogue.hpp>
#include <damo/optim/context.hpp>
#include <damo/optim/fit.hpp>
#include <damo/optim/vocabulary.hpp>

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

/// sum(sum(x, a), b) = sum(x, a and b), and for prod, max, min, any and all.
std::optional<Vars> of_reduction(const Apply& node, Context& context) {
  const Reduce& outer = reduction(node);
  const auto* inner = as<Reduce>(node.input(0));
  if (inner == nullptr || inner->kind() != outer.kind() || inner->keepdims() || outer.keepdims() ||
      context.uses(node.input(0)) > 1)
    return std::nullopt;
  const Var& x = node.input(0).inputs()[0];
  std::uint32_t axes = inner->axes();
  std::size_t place = 0;
  for (std::size_t i = 0; i < x.ndim(); ++i) {
    if ((inner->axes() >> i & 1U) != 0) continue;
    if ((outer.axes() >> place++ & 1U) != 0) axes |= 1U << i;
  }
  return Vars{fit(reduced(outer, x, axes, false), node.output())};
}

/// sum(-x) = -sum(x), sum(c * x) = c * sum(x), sum(x / c) = sum(x) / c for a scalar c.
std::optional<Vars> factor_out_of_sum(const Apply& node, Context&) {
  const Reduce& r = reduction(node);
  const Var& x = node.input(0);
  if (r.kind() != Reduction::sum || !is_float(x.dtype()) || x.ndim() == 0) return std::nullopt;
  const ScalarOp* f = scalar_op(x);
  const auto sum_of = [&](const Var& v) { return reduced(r, v, r.axes(), r.keepdims()); };
  if (f == vocabulary().neg) return Vars{fit(-sum_of(x.inputs()[0]), node.output())};
  if (f != vocabulary().mul && f != vocabulary().div) return std::nullopt;
  for (const std::size_t i : {1, 0}) {
    const Var& c = x.inputs()[i];
    const Var& other = x.inputs()[1 - i];
    if (c.ndim() != 0 || other.ndim() == 0 || (f == vocabulary().div && i == 0)) continue;
    const Var s = sum_of(other);
    return Vars{fit(f == vocabulary().div ? s / c : c * s, node.output())};
  }
  return std::nullopt;
}

/// The sum of a repeated value is a multiple of it.
std::optional<Vars> sum_of_repeated(const Apply& node, Context&) {
  const Reduce& r = reduction(node);
  const Var& x = node.input(0);
  const auto* broadcast = as<BroadcastTo>(x);
  if (r.kind() != Reduction::sum || broadcast == nullptr || !is_float(x.dtype()))
    return std::nullopt;
  Vars counts;
  for (const int axis : broadcast->stretched(x.owner())) {
    if ((r.axes() >> axis & 1U) == 0) return std::nullopt;
    counts.push_back(broadcast->size(x.owner(), static_cast<std::size_t>(axis)));
  }
  if (counts.empty()) return std::nullopt;
  const Var once = reduced(r, x.inputs()[0], r.axes(), r.keepdims());
  return Vars{fit(once * cast(size_product(counts), x.dtype()), node.output())};
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

/// dot(x, c everywhere) = c * sum(x, 1).
std::optional<Vars> dot_with_repeated(const Apply& node, Context&) {
  const Var& a = node.input(0);
  const Var& b = node.input(1);
  if (a.ndim() == 2 && b.ndim() == 1) {
    if (const Var c = repeated_scalar(b)) return Vars{fit(c * sum(a, 1), node.output())};
  }
  if (a.ndim() == 1 && b.ndim() == 2) {
    if (const Var c = repeated_scalar(a)) return Vars{fit(c * sum(b, 0), node.output())};
  }
  return std::nullopt;
}

/// An operand that is one scalar everywhere is that scalar, where another operand has the size.
std::optional<Vars> scalar_operand(const Apply& node, Context&) {
  for (std::size_t i = 0; i < node.inputs().size(); ++i) {
    if (node.input(i).ndim() == 0) continue;
    const Var c = repeated_scalar(node.input(i));
    if (!c) continue;
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
    add("factor_out_of_sum", {"sum"}, "sum(c * x) = c * sum(x)", factor_out_of_sum, false);
    add("sum_of_repeated", {"sum"}, "sum(c everywhere) = n * c", sum_of_repeated, false);
    add("dot_with_repeated", {"dot"}, "dot(x, c everywhere) = c * sum(x, 1)", dot_with_repeated,
        false);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
