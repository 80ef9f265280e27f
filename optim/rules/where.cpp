#include <functional>

#include <damo/ops/elementwise/math.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>
#include <damo/optim/rules/shared.hpp>

// What a condition says holds in the branch it guards.
namespace damo::optim {
namespace {

using Known = std::function<Var(const Var&)>;

/// `v` with the parts that `known` has a value for exchanged, through elementwise nodes of its
/// shape, to a small depth. What log1mexp is of stays: the logarithm of all other shares is bounded
/// there, and would be taken apart again without its bound.
Var substituted(const Var& v, const Known& known, int depth) {
  if (const Var better = known(v); better.defined()) return better;
  if (depth == 0 || scalar_op(v) == nullptr || scalar_op(v) == vocabulary().log1mexp) return v;
  Vars inputs;
  bool changed = false;
  for (const Var& in : v.inputs()) {
    const bool full = in.type().dims == v.type().dims;
    inputs.push_back(full ? substituted(in, known, depth - 1) : in);
    changed = changed || !same(inputs.back(), in);
  }
  return changed ? make_var(v.owner().op_ptr(), std::move(inputs), v.site()) : v;
}

/// Whether `v` applies `f` to the operands of `pair`, in order or (for a symmetric f) not.
bool applies_to(const Var& v, const ScalarOp* f, const Vars& pair) {
  if (scalar_op(v) != f) return false;
  const auto& in = v.inputs();
  return (same(in[0], pair[0]) && same(in[1], pair[1])) ||
         (f->commutative && same(in[0], pair[1]) && same(in[1], pair[0]));
}

/// Whether no element is a zero, or zeros have no sign.
bool has_no_zero(const Var& v) {
  if (!is_float(v.dtype())) return true;
  const auto c = uniform_value(v);
  return c && *c != 0;
}

Var extremum_chosen(const Var& v, const Var& condition, bool holds, bool exact) {
  const ScalarOp* c = scalar_op(condition);
  const bool chosen =
      (c == words().greater_equal && applies_to(v, words().maximum, condition.inputs())) ||
      (c == words().less_equal && applies_to(v, words().minimum, condition.inputs()));
  // A comparison with NaN does not hold, and the extremum is then NaN whichever operand is.
  if (!chosen || (!holds && is_float(v.dtype()))) return {};
  if (exact && !has_no_zero(v.inputs()[0]) && !has_no_zero(v.inputs()[1])) return {};
  return condition.inputs()[holds ? 0 : 1];
}

Var clip_passed(const Var& v, const Var& condition, bool holds, bool exact) {
  if (scalar_op(condition) != words().or_ || holds || scalar_op(v) != words().clip) return {};
  const Var& below = condition.inputs()[0];
  const Var& above = condition.inputs()[1];
  const bool inside =
      scalar_op(below) == words().less && scalar_op(above) == words().greater &&
      same(below.inputs()[0], v.inputs()[0]) && same(below.inputs()[1], v.inputs()[1]) &&
      same(above.inputs()[0], v.inputs()[0]) && same(above.inputs()[1], v.inputs()[2]);
  if (exact && (!has_no_zero(v.inputs()[1]) || !has_no_zero(v.inputs()[2]))) return {};
  return inside ? v.inputs()[0] : Var{};
}

/// What is known where `condition` has the value `holds`: to the bit, or but for the sign of zeros.
Known knowledge(const Var& condition, bool holds, bool exact) {
  return [condition, holds, exact](const Var& v) -> Var {
    if (scalar_op(v) == words().where && same(v.inputs()[0], condition))
      return v.inputs()[holds ? 1 : 2];
    const Var chosen = extremum_chosen(v, condition, holds, exact);
    return chosen.defined() ? chosen : clip_passed(v, condition, holds, exact);
  };
}

/// where(c, f(where(c, a, b)), d) = where(c, f(a), d); and maximum, minimum and clip likewise in
/// branches that say which way they go. Of two zeros that are equal an extremum may be either.
template <bool exact>
std::optional<Vars> known_in_branch(const Apply& node, Context&) {
  const Var& c = node.input(0);
  const Var yes = substituted(node.input(1), knowledge(c, true, exact), 4);
  const Var no = substituted(node.input(2), knowledge(c, false, exact), 4);
  if (same(yes, node.input(1)) && same(no, node.input(2))) return std::nullopt;
  return Vars{fit(where(c, yes, no), node.output())};
}

}  // namespace

const Rules& where_rules() {
  static const Rules rules = [] {
    Rules list;
    list.push_back(node_rewriter("known_in_branch", {"where"},
                                 "where(c, f(where(c, a, b)), d) = where(c, f(a), d)",
                                 known_in_branch<true>)
                       .canonicalizes()
                       .sound(Soundness::bit_exact));
    list.push_back(node_rewriter("known_extremum_in_branch", {"where"},
                                 "where(a >= b, f(maximum(a, b)), d) = where(a >= b, f(a), d)",
                                 known_in_branch<false>)
                       .canonicalizes()
                       .sound(Soundness::zero_sign));
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
