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

// Sums of exponentials: logsumexp, softmax and its logarithm, and logaddexp of many terms.
namespace damo::optim {
namespace {

using Group = Terms::Group;

Var softmax_of(const Var& x, std::uint32_t axes, Infinities several) {
  return make_var(std::make_shared<Softmax>(axes, several), {x});
}
/// Of a quotient or a difference: where several elements are infinite it is as undefined.
Var log_softmax_of(const Var& x, std::uint32_t axes, Infinities several = Infinities::undefined) {
  return make_var(std::make_shared<LogSoftmax>(axes, several), {x});
}

/// log(softmax(x)) = log_softmax(x).
std::optional<Vars> log_of_softmax(const Apply& node, Context&) {
  Steps steps;
  Seen seen{node.input(0)};
  while (as<Softmax>(seen.core) == nullptr) {
    if (!look_deeper(seen, steps)) return std::nullopt;
  }
  const auto* p = as<Softmax>(seen.core);
  const Var result = log_softmax_of(seen.core.inputs()[0], p->axes(), p->several());
  return Vars{fit(surface({result, seen.path}), node.output())};
}

/// log1mexp(log_softmax(x)) is the share of all elements but x's own in a logarithm. Of the largest
/// x, of more than half, it is taken from theirs: its own is 1 but for what may underflow.
std::optional<Vars> log_of_others(const Apply& node, Context&) {
  constexpr double half = -0.69314718055994530942;
  Steps steps;
  Seen seen{node.input(0)};
  while (as<LogSoftmax>(seen.core) == nullptr) {
    if (is_float_cast(seen.core) || !look_deeper(seen, steps)) return std::nullopt;
  }
  const Var& own = seen.core;
  const Var& x = own.inputs()[0];
  const std::uint32_t axes = as<LogSoftmax>(own)->axes();
  const Var largest = largest_along(x, axes);
  const Var others = where(eq(x, largest), -INFINITY, x - largest);
  const Var share = own + logsumexp(others, axis_list(axes), {.keepdims = true});
  const Var l = where(own > half, share, log1mexp(minimum(own, half)));
  return Vars{fit(surface({fit(l, own), seen.path}), node.output())};
}

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

/// exp(l - s) as exp(l - m) / sum(exp(x - m)) where s adds up exponentials of x and m is the
/// largest x: what l and s have in common is taken from each before it is rounded together with the
/// rest.
std::optional<Var> over_sum(const Var& l, const Var& s, Context& context) {
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
    return exp(l - whole(m)) / whole(sum);
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
  return exp(l - whole(shift)) / whole(sum);
}

/// exp(l - s) where s is the logarithm of a sum.
Var quotient(const Var& l, const Var& s, Context& context) {
  if (!context.stabilized(l - s)) {
    if (const auto q = over_sum(l, s, context)) return *q;
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

/// The axes that `path` puts back after a reduction over `axes`, as `restore_axes` does: nothing
/// else may lie between.
bool restores(const Seen& seen, std::uint32_t axes, std::size_t rank) {
  const Step* step = seen.path;
  if (step == nullptr || step->outer != nullptr)
    return axes + 1 == 1U << rank && seen.path == nullptr;
  const Var expected = restore_axes(seen.core, axes, rank);
  return step->movement->op().equals(expected.op());
}

/// x[i] - logsumexp(x) = log_softmax(x)[i] for a sum over all axes.
std::optional<Vars> part_of_log_softmax(const Apply& node, const Seen& total) {
  const auto* l = as<LogSumExp>(total.core);
  const Var& x = total.core.inputs()[0];
  if (l->axes() + 1 != 1U << x.ndim()) return std::nullopt;
  Steps steps;
  Seen part{node.input(0)};
  while (!same(part.core, x)) {
    if (is_float_cast(part.core) || !look_deeper(part, steps)) return std::nullopt;
  }
  const Var all = log_softmax_of(x, l->axes());
  return Vars{fit(surface({all, part.path}), node.output())};
}

/// x - logsumexp(x) = log_softmax(x).
std::optional<Vars> minus_log_sum_exp(const Apply& node, Context&) {
  if (scalar_op(node.output()) != words().sub) return std::nullopt;
  Steps steps;
  Seen seen{node.input(1)};
  while (as<LogSumExp>(seen.core) == nullptr) {
    if (!look_deeper(seen, steps)) return std::nullopt;
  }
  const auto* l = as<LogSumExp>(seen.core);
  const Var& x = seen.core.inputs()[0];
  if (!same(x, node.input(0))) return part_of_log_softmax(node, seen);
  if (!(l->keepdims() && seen.path == nullptr) && !restores(seen, l->axes(), x.ndim()))
    return std::nullopt;
  return Vars{fit(log_softmax_of(x, l->axes()), node.output())};
}

/// exp(log_softmax(x)) = softmax(x).
std::optional<Vars> exp_of_log_softmax(const Apply& node, Context&) {
  Steps steps;
  Seen seen{node.input(0)};
  while (as<LogSoftmax>(seen.core) == nullptr) {
    if (!look_deeper(seen, steps)) return std::nullopt;
  }
  const auto* l = as<LogSoftmax>(seen.core);
  const Var p = softmax_of(seen.core.inputs()[0], l->axes(), l->several());
  return Vars{fit(surface({p, seen.path}), node.output())};
}

}  // namespace

const Rules& softmax_rules() {
  static const Rules rules = [] {
    Rules list;
    const auto add = [&](std::string name, std::vector<std::string> roots, std::string equation,
                         Rule::Rewrite f) {
      list.push_back(
          node_rewriter(std::move(name), std::move(roots), std::move(equation), std::move(f))
              .stabilizes());
    };
    add("log_of_softmax", {"log"}, "log(softmax(x)) = log_softmax(x)", log_of_softmax);
    add("log_of_others", {"log1mexp"},
        "log(1 - softmax(x)) = log_softmax(x) + logsumexp(others - x)", log_of_others);
    add("quotient_of_sums", {"mul", "div"}, "x / sum(y) = exp(log(x) - log(sum(y)))",
        quotient_of_sums);
    add("quotient_of_weighted_sums", {"mul", "div"}, "sum(w * x) / sum(x) = sum(w * (x / sum(x)))",
        quotient_of_weighted_sums);
    add("exp_of_log_softmax", {"exp"}, "exp(log_softmax(x)) = softmax(x)", exp_of_log_softmax);
    add("minus_log_sum_exp", {"sub"}, "x - logsumexp(x) = log_softmax(x)", minus_log_sum_exp);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
