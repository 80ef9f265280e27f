#include <algorithm>
#include <cmath>

#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/reduction/softmax.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/analysis/shifted.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>
#include <damo/optim/rules/shared.hpp>

// Quotients and products of what overflows or underflows on both sides: exponentials and their
// sums.
namespace damo::optim {
namespace {

using Group = Terms::Group;

/// Whether `v` may overflow where what it is made of does not: a sum, its root, or cosh.
bool grows(const Var& v) {
  const ScalarOp* f = scalar_op(v);
  if (f == words().sqrt) return grows(v.inputs()[0]);
  if (f != nullptr) return f == words().add || f == words().sub || f == words().cosh;
  return as<Reduce>(v) != nullptr || as<Dot>(v) != nullptr;
}

/// A divisor of a product that may overflow with what is divided by it.
struct Divisor {
  std::size_t place;
  Var value;
  Var log;
};
std::optional<Divisor> growing_divisor(const Terms& terms, Context& context) {
  for (std::size_t i = 0; i < terms.leaves().size(); ++i) {
    const auto& leaf = terms.leaves()[i];
    if (!leaf.inverse || !grows(leaf.seen.core) || !context.fact(leaf.seen.core).nonnegative)
      continue;
    const Var value = surface(leaf.seen);
    if (is_shifted(value)) continue;
    if (const auto l = context.stable_log(value)) return Divisor{i, value, *l};
  }
  return std::nullopt;
}

Vars times_rest(const Terms& terms, std::size_t i, std::size_t k, const Var& v, const Apply& node) {
  std::vector<bool> drop(terms.leaves().size(), false);
  drop[i] = drop[k] = true;
  const Terms::Rest rest = terms.without(drop);
  const Var product = rest.v.defined() ? rest.v * v : v;
  return {fit(rest.negative ? -product : product, node.output())};
}

/// The terms of a logaddexp of logaddexps.
void add_terms(const Var& v, Vars& terms) {
  if (scalar_op(v) != words().logaddexp) return terms.push_back(v);
  for (const Var& in : v.inputs()) add_terms(in, terms);
}

/// A sum of exponentials with the largest taken out: sum * exp(shift).
struct ShiftedSum {
  Var shift, sum;
};
/// The sum whose logarithm is `s`, where s adds up exponentials.
std::optional<ShiftedSum> shifted_sum(const Var& s, Context& context) {
  Steps steps;
  Seen seen{s};
  while (!is_float_cast(seen.core) && look_deeper(seen, steps)) continue;
  const auto whole = [&](const Var& part) { return surface({part, seen.path}); };
  if (const auto* total = as<LogSumExp>(seen.core)) {
    // Nothing has no largest x to take away: a sum of it would look as it did before.
    const Var nothing = nothing_along(seen.core.inputs()[0], total->axes());
    if (nothing.defined() && uniform_value(context.simplified(nothing)) == 1.0) return std::nullopt;
    const auto [exponential, shift] = shifted(seen.core.inputs()[0], total->axes());
    const Var sum =
        damo::sum(exponential, axis_list(total->axes()), {.keepdims = total->keepdims()});
    const Var m = total->keepdims() ? shift : damo::sum(shift, axis_list(total->axes()));
    return ShiftedSum{whole(m), whole(sum)};
  }
  Vars terms;
  add_terms(seen.core, terms);
  const bool constant = std::any_of(terms.begin(), terms.end(), [](const Var& x) {
    return uniform_value(scalar_op(x) == words().log ? x.inputs()[0] : x).has_value();
  });
  if (terms.size() < 2 || constant) return std::nullopt;
  Var largest = terms[0];
  for (const Var& x : terms) largest = same(x, largest) ? x : maximum(largest, x);
  const Var shift = shift_by(largest);
  Var sum;
  for (const Var& x : terms) sum = sum.defined() ? sum + exp(x - shift) : exp(x - shift);
  return ShiftedSum{whole(shift), whole(sum)};
}

/// exp(l - s) where s is the logarithm of a sum: as exp(l - m) / sum(exp(x - m)) where s adds up
/// exponentials of x and m is the largest x. What l and s have in common is taken from each before
/// it is rounded together with the rest.
Var quotient(const Var& l, const Var& s, Context& context) {
  if (!context.stabilized(l - s)) {
    if (const auto part = shifted_sum(s, context)) return exp(l - part->shift) / part->sum;
  }
  return exp(l - s);
}

/// x / s = exp(log(x) - log(s)) for a sum s: exp(x) / sum(exp(x)) is then a softmax.
std::optional<Vars> quotient_of_sums(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Group::product, node.output());
  const auto divisor = growing_divisor(terms, context);
  if (!divisor) return std::nullopt;
  for (std::size_t k = 0; k < terms.leaves().size(); ++k) {
    const auto& leaf = terms.leaves()[k];
    if (leaf.inverse || leaf.constant || !context.fact(leaf.seen.core).nonnegative) continue;
    const auto l = context.stable_log(surface(leaf.seen));
    if (l) return times_rest(terms, divisor->place, k, quotient(*l, divisor->log, context), node);
  }
  return std::nullopt;
}

/// `inside` in place of v / s, where v adds up what lies along `axes` of x. Nothing adds up to 0
/// before s divides it, which may be 0 too.
Var unless_nothing(const Var& inside, const Var& v, const Var& s, const Var& x,
                   std::uint32_t axes) {
  const Var nothing = nothing_along(x, axes);
  if (!nothing.defined()) return inside;
  return ifelse(nothing, fit(filled_like(v, 0) / s, inside), inside);
}

/// sum(x) / s = sum(x / s) and dot(x, y) / s = dot(x / s, y) where the quotient has a stable form.
std::optional<Var> divided_inside(const Var& v, const Var& s, Context& context) {
  if (const auto* r = as<Reduce>(v)) {
    if (r->kind() != Reduction::sum || r->keepdims()) return std::nullopt;
    const Var& x = v.inputs()[0];
    if (s.ndim() != 0 && s.ndim() != v.ndim()) return std::nullopt;
    const auto q =
        context.stabilized(x / (s.ndim() == 0 ? s : restore_axes(s, r->axes(), x.ndim())));
    if (!q) return std::nullopt;
    const Var total = make_var(std::make_shared<Reduce>(r->kind(), r->axes(), false), {fit(*q, x)});
    return unless_nothing(total, v, s, x, r->axes());
  }
  if (as<Dot>(v) == nullptr) return std::nullopt;
  const Var& a = v.inputs()[0];
  const Var& b = v.inputs()[1];
  const auto product = [&](const Var& left, const Var& right) {
    return unless_nothing(dot(left, right), v, s, a, 1U << (a.ndim() - 1));
  };
  if (s.ndim() == 0) {
    if (const auto q = context.stabilized(b / s)) return product(a, fit(*q, b));
    if (const auto q = context.stabilized(a / s)) return product(fit(*q, a), b);
    return std::nullopt;
  }
  if (a.ndim() != 2 || s.ndim() != v.ndim()) return std::nullopt;
  if (s.ndim() == 2 && s.type().dims[1] != 1) return std::nullopt;
  const auto q = context.stabilized(a / (s.ndim() == 2 ? s : dimshuffle(s, {0, newaxis})));
  if (!q) return std::nullopt;
  return product(fit(*q, a), b);
}

std::optional<Vars> quotient_of_weighted_sums(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Group::product, node.output());
  const auto divisor = growing_divisor(terms, context);
  if (!divisor) return std::nullopt;
  for (std::size_t k = 0; k < terms.leaves().size(); ++k) {
    const auto& leaf = terms.leaves()[k];
    if (leaf.inverse || leaf.seen.path != nullptr) continue;
    const auto inside = divided_inside(leaf.seen.core, divisor->value, context);
    if (inside) return times_rest(terms, divisor->place, k, *inside, node);
  }
  return std::nullopt;
}

/// Whether `x` is an element of what `s`, the logarithm of a sum, adds up exponentials of.
bool is_among(const Var& x, const Var& s) {
  Steps steps;
  Seen part{x}, total{s};
  while (look_deeper(total, steps)) continue;
  const bool many = as<LogSumExp>(total.core) != nullptr;
  Vars terms;
  if (many) {
    terms = {total.core.inputs()[0]};
  } else {
    add_terms(total.core, terms);
  }
  do {
    const auto is = [&](const Var& term) { return same(term, part.core); };
    if (std::any_of(terms.begin(), terms.end(), is)) return many || terms.size() > 1;
  } while (look_deeper(part, steps));
  return false;
}

/// exp(-x) * sum(exp(x)) = exp(m - x) * sum(exp(x - m)) for the largest x, m: infinity times 0.
std::optional<Vars> sum_over_exp(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Group::product, node.output());
  const auto& leaves = terms.leaves();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (scalar_op(leaves[i].seen.core) != words().exp) continue;
    const Var& a = leaves[i].seen.core.inputs()[0];
    if (!leaves[i].inverse && scalar_op(a) != words().neg) continue;
    const Var x = surface({leaves[i].inverse ? a : Var(a.inputs()[0]), leaves[i].seen.path});
    for (std::size_t k = 0; k < leaves.size(); ++k) {
      if (leaves[k].inverse || leaves[k].constant || !grows(leaves[k].seen.core)) continue;
      const Var total = surface(leaves[k].seen);
      if (!context.fact(total).nonnegative || is_shifted(total)) continue;
      const auto l = context.stable_log(total);
      if (!l || !is_among(x, *l)) continue;
      if (const auto s = shifted_sum(*l, context))
        return times_rest(terms, i, k, exp(s->shift - x) * s->sum, node);
    }
  }
  return std::nullopt;
}

/// factor exp(x) + constant, or the same of expm1(x).
struct ExpAndConstant {
  Seen x;
  double factor = 1, constant = 0;
  bool minus_one = false;
};
std::optional<ExpAndConstant> exp_and_constant(const Var& v, Context& context) {
  const Terms& terms = context.terms(Group::sum, v);
  std::optional<ExpAndConstant> found;
  for (const auto& term : terms.leaves()) {
    if (term.constant) continue;
    if (found) return std::nullopt;
    found.emplace();
    if (term.inverse) found->factor = -1;
    bool exponential = false;
    const Terms& factors = context.terms(Group::product, surface(term.seen));
    for (const auto& f : factors.leaves()) {
      if (f.constant) continue;
      const ScalarOp* head = scalar_op(f.seen.core);
      if (exponential || f.inverse || (head != words().exp && head != words().expm1))
        return std::nullopt;
      exponential = true;
      found->minus_one = head == words().expm1;
      found->x = {f.seen.core.inputs()[0], f.seen.path};
    }
    if (!exponential) return std::nullopt;
    found->factor *= factors.constant() * (factors.negated() ? -1 : 1);
  }
  if (found && terms.n_constants() > 0) found->constant = terms.constant();
  return found;
}

/// The same over exp(max(x - 40, 0)), which changes nothing up to 40 and keeps it in range beyond.
/// At 40 the one minimum has the slope of x and the other one that of 0.
Var kept_in_range(const ExpAndConstant& e, const Var& x) {
  constexpr double high = 40;
  const Var below = minimum(x, high), shrunk = exp(minimum(0, high - x));
  const Var growing = e.minus_one ? expm1(below) + (1 - shrunk) : exp(below);
  const Var scaled = e.factor == 1 ? growing : e.factor * growing;
  return e.constant == 0 ? scaled : scaled + e.constant * shrunk;
}

/// (a exp(x) + b) / (c exp(x) + d) of constants, and (a exp(x) + b) sigmoid(-x).
std::optional<Vars> quotient_of_exponentials(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Group::product, node.output());
  const auto& leaves = terms.leaves();
  const auto part = [&](std::size_t i) {
    return exp_and_constant(surface(leaves[i].seen), context);
  };
  for (std::size_t k = 0; k < leaves.size(); ++k) {
    std::optional<ExpAndConstant> below;
    if (leaves[k].constant) continue;
    if (leaves[k].inverse) {
      below = part(k);
    } else if (scalar_op(leaves[k].seen.core) == words().sigmoid) {
      const Var& x = leaves[k].seen.core.inputs()[0];
      if (scalar_op(x) == words().neg) below = {{x.inputs()[0], leaves[k].seen.path}, 1, 1};
    }
    if (!below) continue;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      if (i == k || leaves[i].inverse || leaves[i].constant) continue;
      const auto above = part(i);
      if (!above || !same(above->x, below->x)) continue;
      const auto plain = [](const ExpAndConstant& e) { return e.constant == 0 && !e.minus_one; };
      if (plain(*above) && plain(*below)) continue;
      const Var x = surface(below->x);
      return times_rest(terms, i, k, kept_in_range(*above, x) / kept_in_range(*below, x), node);
    }
  }
  return std::nullopt;
}

}  // namespace

const Rules& quotient_rules() {
  static const Rules rules = [] {
    Rules list;
    const auto add = [&](std::string name, std::string equation, Rule::Rewrite f) {
      list.push_back(
          node_rewriter(std::move(name), {"mul", "div"}, std::move(equation), std::move(f))
              .stabilizes());
    };
    add("quotient_of_sums", "x / sum(y) = exp(log(x) - log(sum(y)))", quotient_of_sums);
    add("quotient_of_weighted_sums", "sum(w * x) / sum(x) = sum(w * (x / sum(x)))",
        quotient_of_weighted_sums);
    add("sum_over_exp", "exp(-x) * sum(exp(x)) = exp(m - x) * sum(exp(x - m))", sum_over_exp);
    add("quotient_of_exponentials", "(a exp(x) + b) / (c exp(x) + d) over exp(max(x - 40, 0))",
        quotient_of_exponentials);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
