#include <algorithm>
#include <limits>

#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/broadcast.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>
#include <damo/optim/rules/shared.hpp>

// Factors that cancel. The gradient of log(f(x)) is written g / f(x) * f'(x); where f underflows
// that is 0 / 0, unless the part that f and f' share goes first.
namespace damo::optim {
namespace {

using Group = Terms::Group;

/// Whether what a node multiplies may apply `f` or `g`, as far as one bit each tells: in most
/// products nothing does.
bool may_have(const Apply& product, Context& context, const ScalarOp* f, const ScalarOp* g) {
  return (context.reached(product.output()).in_product & (head_bit(*f) | head_bit(*g))).any();
}

/// The leaf's expression as far as it simplifies: a movement and its inverse vanish.
Var simple(const Terms::Leaf& leaf, Context& context) {
  Var v = surface(leaf.seen);
  if (leaf.seen.path != nullptr) v = context.simplified(v);
  while (as<SpecifyShape>(v) != nullptr) v = Var(v.inputs()[0]);
  return v;
}

/// `v`, and what it is a function of while there is one such variable.
Vars one_variable_chain(Var v) {
  Vars chain{v};
  while (scalar_op(v) != nullptr) {
    Var only;
    for (const Var& in : v.inputs()) {
      if (uniform_value(in)) continue;
      if (only.defined() && !same(only, in)) return chain;
      only = in;
    }
    if (!only.defined()) break;
    v = only;
    chain.push_back(v);
  }
  return chain;
}

/// Those of a chain that are NaN wherever its first is: up to a function that is not defined
/// everywhere, as a logarithm.
Vars nan_together(const Vars& chain) {
  const auto everywhere = [](const Var& v) {
    const auto* op = as<Elementwise>(v);
    return op != nullptr && op->slope(v.owner()) != Slope::wild;
  };
  const auto end = std::find_if_not(chain.begin(), chain.end(), everywhere);
  // NOLINTNEXTLINE(modernize-return-braced-init-list): braces would make a list of two
  return Vars(chain.begin(), end == chain.end() ? end : end + 1);
}

/// Whether `v` is NaN where any of `chain` is: it is computed from it.
bool reads(const Var& v, const Vars& chain, int depth) {
  if (std::any_of(chain.begin(), chain.end(), [&](const Var& x) { return same(x, v); }))
    return true;
  const ScalarOp* f = scalar_op(v);
  const bool hides = f != nullptr && (f->types == ScalarOp::Types::select ||
                                      f->types == ScalarOp::Types::predicate);
  if (depth == 0 || hides || (f == nullptr && !is_movement(v.owner()))) return false;
  const auto& in = v.inputs();
  const auto last = f == nullptr ? in.begin() + 1 : in.end();
  return std::any_of(in.begin(), last, [&](const Var& x) { return reads(x, chain, depth - 1); });
}

/// `rest` where x / x is 1; NaN where x is, and where x is 0 or infinite because the innermost
/// variable that it is a function of is infinite: there nothing has been rounded.
Var where_quotient_is_one(const Var& x, const Vars& chain, const Var& rest) {
  const Var& innermost = chain.back();
  Var v = x;
  if (!same(innermost, x) && is_float(innermost.dtype())) {
    const Var limit = and_(isinf(innermost), or_(eq(x, 0), isinf(x)));
    v = where(limit, std::numeric_limits<double>::quiet_NaN(), x);
  }
  return where(isnan(v), v, rest);
}

/// x / x = 1 for x that is positive in exact arithmetic; NaN where x / x is undefined.
std::optional<Vars> cancel_factors(const Apply& node, Context& context) {
  if (!may_have(node, context, vocabulary().div, vocabulary().reciprocal)) return std::nullopt;
  const Terms& terms = context.terms(Group::product, node.output());
  const auto& leaves = terms.leaves();
  std::vector<bool> drop(leaves.size(), false);
  Vars gone;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (!leaves[i].inverse || !never_zero(leaves[i], context)) continue;
    const Var below = simple(leaves[i], context);
    for (std::size_t k = 0; k < leaves.size(); ++k) {
      if (leaves[k].inverse || drop[k] || leaves[k].constant) continue;
      if (!same(leaves[k].seen, leaves[i].seen) && !same(simple(leaves[k], context), below))
        continue;
      drop[i] = drop[k] = true;
      gone.push_back(surface(leaves[i].seen));
      break;
    }
  }
  if (gone.empty()) return std::nullopt;
  const Var rest = terms.without(drop).value(Group::product);
  Var result = rest;
  for (const Var& x : gone) {
    const Vars chain = one_variable_chain(x);
    if (!reads(rest, nan_together(chain), 8)) result = where_quotient_is_one(x, chain, result);
  }
  return Vars{fit(result, node.output())};
}

/// where(c, 0, x) * y = where(c, 0, x * y) where x * y has a stable form.
std::optional<Vars> product_into_where(const Apply& node, Context& context) {
  if (!may_have(node, context, vocabulary().where, vocabulary().where)) return std::nullopt;
  const Terms& terms = context.terms(Group::product, node.output());
  const auto& leaves = terms.leaves();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const Var choice = surface(leaves[i].seen);
    if (leaves[i].inverse || scalar_op(choice) != vocabulary().where) continue;
    const bool zero_first = uniform_value(choice.inputs()[1]) == 0.0;
    if (!zero_first && uniform_value(choice.inputs()[2]) != 0.0) continue;
    const Var& x = choice.inputs()[zero_first ? 2 : 1];
    std::vector<bool> drop(leaves.size(), false);
    drop[i] = true;
    const Terms::Rest rest = terms.without(drop);
    if (!rest.v.defined() || uniform_value(rest.v)) continue;
    const auto stable = context.stabilized(x * rest.v);
    if (!stable) continue;
    const Var y = rest.negative ? -*stable : *stable;
    const Var& c = choice.inputs()[0];
    const Var none = 0.0 * rest.v;  // NaN where what is multiplied is not finite
    return Vars{fit(zero_first ? where(c, none, y) : where(c, y, none), node.output())};
  }
  return std::nullopt;
}

/// Whether a factor other than the one at `sum` may overflow or underflow: only then is a sum worth
/// multiplying out.
bool runs_away(const Terms& terms, std::size_t sum, Context& context) {
  for (std::size_t i = 0; i < terms.leaves().size(); ++i) {
    const auto& leaf = terms.leaves()[i];
    if (i != sum && !leaf.constant && context.stable_log(leaf.seen.core)) return true;
  }
  return false;
}

/// Whether a factor divides, or is a function that overflows.
bool overflows_or_divides(const Terms::Leaf& leaf, Context& context) {
  if (leaf.constant) return false;
  const Fact fact = context.fact(leaf.seen.core);
  return leaf.inverse || (!fact.at_most_one && context.stable_log(leaf.seen.core));
}

/// Whether anything of the product, the summands of the sum at `sum` included, grows: where nothing
/// does, no product of parts is other than the parts are.
bool something_grows(const Terms& terms, std::size_t sum, Context& context) {
  const auto& leaves = terms.leaves();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (i != sum && overflows_or_divides(leaves[i], context)) return true;
  }
  const Vars& summands = leaves[sum].seen.core.inputs();
  return std::any_of(summands.begin(), summands.end(), [&](const Var& x) {
    const auto& factors = context.terms(Group::product, x).leaves();
    return std::any_of(factors.begin(), factors.end(), [&](const Terms::Leaf& leaf) {
      return overflows_or_divides(leaf, context);
    });
  });
}

/// Whether a term divides by what may be 0: then a sum times it is infinite where a summand times
/// it is undefined.
bool may_divide_by_zero(const Terms& terms, Context& context) {
  const auto& leaves = terms.leaves();
  return std::any_of(leaves.begin(), leaves.end(), [&](const Terms::Leaf& leaf) {
    const auto c = uniform_value(surface(leaf.seen));
    return leaf.inverse && (c ? *c == 0 : !never_zero(leaf, context));
  });
}

/// (x / s + y) * s = x + y * s, and (x * exp(z) + y) * sigmoid(-z), where a term gets stable.
std::optional<Vars> product_into_sum(const Apply& node, Context& context) {
  if (!may_have(node, context, vocabulary().add, vocabulary().sub)) return std::nullopt;
  const Terms& terms = context.terms(Group::product, node.output());
  const auto& leaves = terms.leaves();
  if (may_divide_by_zero(terms, context)) return std::nullopt;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const Var& core = leaves[i].seen.core;
    const ScalarOp* f = scalar_op(core);
    if (leaves[i].inverse || (f != vocabulary().add && f != vocabulary().sub)) continue;
    // 1 + exp(x) and the like have rules of their own, as a whole.
    if (uniform_value(core.inputs()[0]) || uniform_value(core.inputs()[1])) continue;
    if (!runs_away(terms, i, context) || !something_grows(terms, i, context)) continue;
    std::vector<bool> drop(leaves.size(), false);
    drop[i] = true;
    const Terms::Rest rest = terms.without(drop);
    if (!rest.v.defined() || uniform_value(rest.v)) continue;
    if (context.stabilized(rest.v)) continue;  // it needs no help of the sum
    const Var a = surface({core.inputs()[0], leaves[i].seen.path}) * rest.v;
    const Var b = surface({core.inputs()[1], leaves[i].seen.path}) * rest.v;
    const auto stable_a = context.stabilized(a);
    const auto stable_b = context.stabilized(b);
    if (!stable_a && !stable_b) continue;
    const Var x = stable_a ? *stable_a : a;
    const Var y = stable_b ? *stable_b : b;
    const Var total = f == vocabulary().add ? x + y : x - y;
    return Vars{fit(rest.negative ? -total : total, node.output())};
  }
  return std::nullopt;
}

/// x^c as the base and the exponent; a reciprocal power has a negative one.
std::pair<Seen, double> power_or_root(const Terms::Leaf& leaf) {
  const Var& v = leaf.seen.core;
  const ScalarOp* f = scalar_op(v);
  double exponent = leaf.inverse ? -1 : 1;
  if (f == vocabulary().sqrt) return {{v.inputs()[0], leaf.seen.path}, exponent / 2};
  if (f != vocabulary().pow) return {leaf.seen, exponent};
  const auto c = uniform_value(v.inputs()[1]);
  if (!c || v.inputs()[0].ndim() != v.ndim()) return {leaf.seen, exponent};
  return {{v.inputs()[0], leaf.seen.path}, exponent * *c};
}

/// x^a * x^b = x^(a + b) of positive x, where `joins(a, b)`.
std::optional<Vars> joined_powers(const Apply& node, Context& context,
                                  bool (*joins)(double a, double b)) {
  if (!may_have(node, context, vocabulary().sqrt, vocabulary().pow)) return std::nullopt;
  const Terms& terms = context.terms(Group::product, node.output());
  const auto& leaves = terms.leaves();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const auto [base, a] = power_or_root(leaves[i]);
    if (same(base.core, leaves[i].seen.core) || !context.fact(base.core).positive) continue;
    for (std::size_t k = 0; k < leaves.size(); ++k) {
      const auto [other, b] = power_or_root(leaves[k]);
      if (k == i || !same(base, other) || !joins(a, b)) continue;
      std::vector<bool> drop(leaves.size(), false);
      drop[i] = drop[k] = true;
      const Terms::Rest rest = terms.without(drop);
      const Var x = surface(base);
      const double c = a + b;
      Var joined = c == 1 || c == -1 ? x : (std::abs(c) == 0.5 ? sqrt(x) : pow(x, std::abs(c)));
      const Var others = rest.value(Group::product);
      if (c == 0) return Vars{fit(others, node.output())};
      return Vars{fit(c > 0 ? others * joined : others / joined, node.output())};
    }
  }
  return std::nullopt;
}

/// x^a / x^b = x^(a - b) for positive x: both may have underflowed.
std::optional<Vars> join_powers(const Apply& node, Context& context) {
  return joined_powers(node, context, [](double a, double b) { return a * b < 0; });
}

/// sqrt(x) * sqrt(x) = x for positive x. Nothing gets stabler by it: roots are always in range.
std::optional<Vars> product_of_roots(const Apply& node, Context& context) {
  return joined_powers(node, context,
                       [](double a, double b) { return a == b && std::abs(a) == 0.5; });
}

/// sum(x / y, a) = sum(x, a) / y for a y that is the same along axis a, and at most 1: by a larger
/// one the user may have kept the sum in range.
std::optional<Vars> divisor_out_of_sum(const Apply& node, Context& context) {
  const auto& r = static_cast<const Reduce&>(node.op());
  const Var& x = node.input(0);
  if (r.kind() != Reduction::sum || r.keepdims() || !is_float(x.dtype())) return std::nullopt;
  const Terms& terms = context.terms(Group::product, x);
  for (std::size_t i = 0; i < terms.leaves().size(); ++i) {
    const auto& leaf = terms.leaves()[i];
    if (!leaf.inverse || !never_zero(leaf, context)) continue;
    if (!context.fact(leaf.seen.core).at_most_one) continue;
    Var y = simple(leaf, context);
    if (as<BroadcastTo>(y) != nullptr) y = Var(y.inputs()[0]);
    if (y.ndim() != x.ndim()) continue;
    bool constant_along = true;
    std::vector<int> kept;
    for (std::size_t axis = 0; axis < x.ndim(); ++axis) {
      const bool summed = (r.axes() >> axis & 1U) != 0;
      if (summed) constant_along = constant_along && y.type().dims[axis] == 1;
      if (!summed) kept.push_back(static_cast<int>(axis));
    }
    if (!constant_along) continue;
    std::vector<bool> drop(terms.leaves().size(), false);
    drop[i] = true;
    const Var rest = fit(terms.without(drop).value(Group::product), x);
    const Var total = make_var(std::make_shared<Reduce>(r.kind(), r.axes(), false), {rest});
    const Var divided = total / shuffle_axes(y, kept);
    const Var nothing = nothing_along(x, r.axes());  // adds up to 0, whatever y is
    return Vars{fit(nothing.defined() ? where(nothing, 0.0, divided) : divided, node.output())};
  }
  return std::nullopt;
}

}  // namespace

const Rules& cancel_rules() {
  static const Rules rules = [] {
    Rules list;
    const auto add = [&](std::string name, std::vector<std::string> roots, std::string equation,
                         Rule::Rewrite f, Soundness soundness = Soundness::needs_fact) {
      list.push_back(
          node_rewriter(std::move(name), std::move(roots), std::move(equation), std::move(f))
              .stabilizes()
              .sound(soundness));
    };
    const std::vector<std::string> products{"mul", "div"};
    add("cancel_factors", products, "x / x = 1 for positive x", cancel_factors, Soundness::limit);
    add("product_into_where", products, "where(c, 0, x) * y = where(c, 0, x * y)",
        product_into_where);
    add("product_into_sum", products, "(x / s + y) * s = x + y * s", product_into_sum);
    add("join_powers", products, "x^a / x^b = x^(a - b) for positive x", join_powers);
    list.push_back(
        node_rewriter("product_of_roots", products, "sqrt(x) * sqrt(x) = x", product_of_roots)
            .canonicalizes()
            .sound(Soundness::needs_fact));
    add("divisor_out_of_sum", {"sum"}, "sum(x / y) = sum(x) / y for y in (0, 1], constant along it",
        divisor_out_of_sum);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
