#include <cmath>
#include <limits>

#include <damo/graph/variables.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/near.hpp>
#include <damo/ops/gradient/altered_gradient.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/subtensor.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>

// The logarithm of an expression from the logarithms of its parts: products become sums, sums
// become logsumexp, what only moves or chooses elements stays. Each rule asks for the parts' stable
// logarithms (`Context::stable_log`), and does nothing where no part has one.
namespace damo::optim {
namespace {

using Group = Terms::Group;
const Vocabulary& words() { return vocabulary(); }

std::optional<Vars> fitted(const Var& v, const Apply& node) { return Vars{fit(v, node.output())}; }

/// log(M(x)) = M(log(x)) for a movement M.
std::optional<Vars> log_of_moved(const Apply& node, Context& context) {
  Steps steps;
  Seen seen{node.input(0)};
  if (!look_deeper(seen, steps)) return std::nullopt;
  while (look_deeper(seen, steps)) continue;
  const auto inner = context.stable_log(seen.core);
  if (!inner) return std::nullopt;
  return fitted(surface({fit(*inner, seen.core), seen.path}), node);
}

/// The factors of a product that have stable logarithms and may be taken out of it.
class Factors {
 public:
  Factors(const Terms& terms, Context& context) : terms_(terms), taken_(terms.leaves().size()) {
    const auto& leaves = terms.leaves();
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      if (taken_[i] || leaves[i].constant) continue;
      const bool nonnegative = context.fact(leaves[i].seen.core).nonnegative;
      if (!nonnegative && !alone_unknown(i, context)) continue;
      // 1 / x overflows where x is far from 0.
      const bool inverse = leaves[i].inverse && leaves.size() == terms.n_constants() + 1;
      auto stable = context.stable_log(surface(leaves[i].seen));
      if (!stable && inverse) stable = log(surface(leaves[i].seen));
      if (!stable) continue;
      take(i, *stable);
      if (inverse && !nonnegative && !context.fact(leaves[i].seen.core).finite)
        below_ = surface(leaves[i].seen);
    }
  }
  /// log of the product, or an empty Var when nothing was taken out.
  Var logarithm() const {
    if (!total_.defined()) return {};
    const Terms::Rest rest = terms_.without(taken_);
    const Var l =
        rest.negative || rest.v.defined() ? total_ + log(rest.value(Group::product)) : total_;
    return below_.defined() ? where(eq(below_, -INFINITY), -INFINITY, l) : l;
  }

 private:
  /// Whether the sign of leaf i is that of the whole product.
  bool alone_unknown(std::size_t i, Context& context) const {
    if (!(terms_.constant() > 0)) return false;
    for (std::size_t k = 0; k < terms_.leaves().size(); ++k) {
      const auto& leaf = terms_.leaves()[k];
      if (k != i && !leaf.constant && !context.fact(leaf.seen.core).nonnegative) return false;
    }
    return true;
  }

  void take(std::size_t i, const Var& stable) {
    long power = 0;
    for (std::size_t k = i; k < taken_.size(); ++k) {
      const auto& leaf = terms_.leaves()[k];
      if (taken_[k] || leaf.constant || !same(leaf.seen, terms_.leaves()[i].seen)) continue;
      taken_[k] = true;
      power += leaf.inverse ? -1 : 1;
    }
    if (power == 0) return;
    const Var term = std::abs(power) == 1 ? stable : stable * static_cast<double>(std::abs(power));
    if (!total_.defined()) {
      total_ = power > 0 ? term : -term;
    } else {
      total_ = power > 0 ? total_ + term : total_ - term;
    }
  }

  const Terms& terms_;
  std::vector<bool> taken_;
  Var total_{};
  Var below_{};  ///< What 1 is divided by, if it may be -inf: log(-0) is -inf, log(-inf) is NaN.
};

/// log(s * y / t) = log(s) + log(y) - log(t) for nonnegative s and t with stable logarithms.
std::optional<Vars> log_of_product(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Group::product, node.input(0));
  const auto& leaves = terms.leaves();
  if (leaves.size() < 2 && !(leaves.size() == 1 && leaves[0].inverse)) return std::nullopt;
  const Var total = Factors(terms, context).logarithm();
  return total.defined() ? fitted(total, node) : std::nullopt;
}

/// log(where(isnan(u), u, y)) = where(isnan(u), u, log(y)): what stands for 1 where u is no NaN.
std::optional<Vars> log_of_guarded(const Apply& node, Context& context) {
  const Var& x = node.input(0);
  if (scalar_op(x) != words().where || scalar_op(x.inputs()[0]) != words().isnan)
    return std::nullopt;
  const Var& u = x.inputs()[1];
  if (!same(x.inputs()[0].inputs()[0], u)) return std::nullopt;
  const auto c = uniform_value(x.inputs()[2]);
  if (c && *c > 0) return fitted(where(isnan(u), u, std::log(*c)), node);
  const auto stable = context.stable_log(x.inputs()[2]);
  return stable ? fitted(where(isnan(u), u, *stable), node) : std::nullopt;
}

/// y * l for l = log(x): 0 where x^y is 1 for any x or any y, and y * l is 0 times what is not
/// finite.
Var log_of_variable_power(const Var& l, const Var& y) {
  const auto meets = [](const Var& zero, const Var& wild) {
    return and_(eq(zero, 0), not_(isfinite(wild)));
  };
  const auto c = uniform_value(y);
  if (c && *c != 0 && std::isfinite(*c)) return y * l;
  return where(or_(meets(y, l), meets(l, y)), 0.0, y * l);
}

/// log(x^c) = c log(x), log(sqrt(x)) = log(x) / 2 where log(x) has a stable form, and log(c^x) =
/// x log(c).
std::optional<Vars> log_of_power(const Apply& node, Context& context) {
  const Var& x = node.input(0);
  const ScalarOp* f = scalar_op(x);
  const bool root = f == words().sqrt;
  if (!root && f != words().pow) return std::nullopt;
  const Var& base = x.inputs()[0];
  if (const auto c = uniform_value(base); c && !root && *c > 0 && *c != 1 && std::isfinite(*c))
    return fitted(x.inputs()[1] * log(base), node);
  if (!root && !context.fact(base).nonnegative) return std::nullopt;
  const auto stable = context.stable_log(base);
  if (!stable) return std::nullopt;
  return fitted(root ? *stable * 0.5 : log_of_variable_power(*stable, x.inputs()[1]), node);
}

/// Whether `v` neither overflows nor matters less for underflowing beside a constant.
bool tame(const Var& v, Context& context) {
  return context.fact(v).at_most_one || scalar_op(v) == words().softplus;
}

/// The logarithms of a sum's terms.
struct LogTerms {
  Var added{};            ///< log of the sum of what is added
  Var subtracted{};       ///< log of the one term that is subtracted
  bool from_one = false;  ///< Only 1 is added.
};

std::optional<LogTerms> log_terms(const Terms& terms, Context& context) {
  LogTerms logs;
  double constant = 0;
  bool grows = false;
  bool scaled = false;
  for (const auto& leaf : terms.leaves()) {
    if (leaf.constant) {
      constant += leaf.inverse ? -*leaf.constant : *leaf.constant;
      continue;
    }
    const Var v = surface(leaf.seen);
    if (!context.fact(leaf.seen.core).nonnegative) return std::nullopt;
    const auto stable = context.stable_log(v);
    if (!stable) return std::nullopt;
    scaled = scaled || Terms::splits(Group::product, leaf.seen.core);
    grows = grows || leaf.inverse || !tame(leaf.seen.core, context);
    Var& total = leaf.inverse ? logs.subtracted : logs.added;
    if (leaf.inverse && total.defined()) return std::nullopt;
    total = total.defined() ? logaddexp(total, *stable) : *stable;
  }
  if (constant == 0) return logs;
  if (!grows || (constant < 0 && logs.subtracted.defined())) return std::nullopt;
  const Var c = log(Arg(std::abs(constant)).var(terms.leaves()[0].seen.core.dtype()));
  if (constant < 0) {
    logs.subtracted = c;
  } else if (logs.added.defined()) {
    logs.added = constant == 1 && !scaled ? softplus(logs.added) : logaddexp(logs.added, c);
  } else {
    logs.added = c;
    logs.from_one = constant == 1;
  }
  return logs;
}

/// log(x + y - z) from log(x), log(y) and log(z).
std::optional<Vars> log_of_sum(const Apply& node, Context& context) {
  const ScalarOp* f = scalar_op(node.input(0));
  if (f != words().add && f != words().sub) return std::nullopt;
  const Terms& terms = context.terms(Group::sum, node.input(0));
  if (terms.leaves().size() < 2) return std::nullopt;
  const auto logs = log_terms(terms, context);
  if (!logs || !logs->added.defined()) return std::nullopt;
  if (!logs->subtracted.defined()) return fitted(logs->added, node);
  if (logs->from_one) return fitted(log1mexp(logs->subtracted), node);
  const Var gap = log1mexp(logs->subtracted - logs->added);
  return fitted(where(eq(logs->subtracted, -INFINITY), logs->added, logs->added + gap), node);
}

/// log(|x - y|) from log(x) and log(y).
std::optional<Vars> log_of_distance(const Apply& node, Context& context) {
  if (scalar_op(node.input(0)) != words().abs) return std::nullopt;
  const Terms& terms = context.terms(Group::sum, node.input(0).inputs()[0]);
  if (terms.leaves().size() < 2) return std::nullopt;
  const auto logs = log_terms(terms, context);
  if (!logs || !logs->added.defined() || !logs->subtracted.defined()) return std::nullopt;
  const Var largest = maximum(logs->added, logs->subtracted);
  const Var gap = -abs(logs->added - logs->subtracted);
  return fitted(where(eq(largest, -INFINITY), largest, largest + log1mexp(gap)), node);
}

/// log(sum(x)) = logsumexp(log(x)), log(prod(x)) = sum(log(x)), and log(max(x)) = max(log(x)), for
/// nonnegative x with a stable logarithm.
std::optional<Vars> log_of_reduction(const Apply& node, Context& context) {
  const auto* r = as<Reduce>(node.input(0));
  if (r == nullptr) return std::nullopt;
  const Var& x = node.input(0).inputs()[0];
  if (!is_float(x.dtype()) || !context.fact(x).nonnegative) return std::nullopt;
  const auto stable = context.stable_log(x);
  if (!stable) return std::nullopt;
  const Var l = fit(*stable, x);
  if (r->kind() == Reduction::sum)
    return fitted(logsumexp(l, axis_list(r->axes()), {.keepdims = r->keepdims()}), node);
  const bool extremum = r->kind() == Reduction::max || r->kind() == Reduction::min;
  if (r->kind() != Reduction::prod && !extremum) return std::nullopt;
  const Reduction kind = extremum ? r->kind() : Reduction::sum;
  return fitted(make_var(std::make_shared<Reduce>(kind, r->axes(), r->keepdims()), {l}), node);
}

/// log of nonnegative weights, whose derivative at 0 is left out.
Var log_weights(const Var& w) {
  return constant_value(w) != nullptr ? log(w) : where(eq(w, 0), -INFINITY, log(w));
}

/// exp(x - shift), of which the largest along an axis is 1.
struct Shifted {
  Var exponential;
  Var shift{};
};

// What is shifted and put back has no derivative in the shift.
Shifted shifted(const Var& x, int axis) {
  Var largest = max(x, axis, {.keepdims = true});
  if (const Var nothing = nothing_along(x, 1U << axis); nothing.defined())
    largest = ifelse(nothing, filled_like(largest, -INFINITY), largest);
  const Var shift = disconnected_grad(where(isinf(largest), 0.0, largest));
  return {exp(x - shift), shift};
}

/// What `v` moves, casts or hides from derivatives.
Var core_of(Var v) {
  while (!v.inputs().empty() &&
         (is_movement(v.owner()) || is_float_cast(v) || as<GradientView>(v) != nullptr))
    v = Var(v.inputs()[0]);
  return v;
}

/// Whether `shifted` made `v`, wherever movements have gone since.
bool is_shifted(const Var& v) {
  const Var e = core_of(v);
  if (scalar_op(e) != words().exp) return false;
  const Var difference = core_of(e.inputs()[0]);
  if (scalar_op(difference) != words().sub) return false;
  const Var shift = core_of(difference.inputs()[1]);
  return scalar_op(shift) == words().where &&
         scalar_op(core_of(shift.inputs()[0])) == words().isinf;
}

/// log(dot(w, x)) = logsumexp(log(w) + log(x)) for nonnegative w and x of which one has a stable
/// logarithm and one is a vector. Of two matrices the larger ones of log(x) are taken out.
std::optional<Vars> log_of_dot(const Apply& node, Context& context) {
  if (as<Dot>(node.input(0)) == nullptr) return std::nullopt;
  const Var& a = node.input(0).inputs()[0];
  const Var& b = node.input(0).inputs()[1];
  if (!context.fact(a).nonnegative || !context.fact(b).nonnegative) return std::nullopt;
  const auto stable_a = context.stable_log(a);
  const auto stable_b = context.stable_log(b);
  if (!stable_a && !stable_b) return std::nullopt;
  if (a.ndim() == 2 && b.ndim() == 2) {
    if (is_shifted(a) || is_shifted(b)) return std::nullopt;
    const Shifted x = stable_a ? shifted(fit(*stable_a, a), 1) : Shifted{a};
    const Shifted y = stable_b ? shifted(fit(*stable_b, b), 0) : Shifted{b};
    const Var l = log(dot(x.exponential, y.exponential));
    return fitted(l + add_or_either(x.shift, y.shift), node);
  }
  Var x = stable_a ? fit(*stable_a, a) : log_weights(a);
  Var y = stable_b ? fit(*stable_b, b) : log_weights(b);
  if (b.ndim() == 2) x = dimshuffle(x, {0, newaxis});
  if (a.ndim() == 2) y = dimshuffle(y, {newaxis, 0});
  return fitted(logsumexp(x + y, b.ndim() == 2 ? 0 : static_cast<int>(a.ndim()) - 1), node);
}

/// log(inc(zeros, i, x)) = set(-inf, i, log(x)).
std::optional<Vars> log_of_scatter(const Apply& node, Context& context) {
  const Var& x = node.input(0);
  const auto* scatter = as<IncSubtensor>(x);
  if (scatter == nullptr || scatter->set() || uniform_value(x.inputs()[0]) != 0.0)
    return std::nullopt;
  const auto stable = context.stable_log(x.inputs()[1]);
  if (!stable) return std::nullopt;
  Vars inputs = x.inputs();
  inputs[0] = fit(filled_like(inputs[0], -std::numeric_limits<double>::infinity()), inputs[0]);
  inputs[1] = fit(*stable, inputs[1]);
  return fitted(
      make_var(std::make_shared<IncSubtensor>(scatter->index(), true), std::move(inputs), x.site()),
      node);
}

/// log(maximum(x, y)) = maximum(log(x), log(y)) for nonnegative x and y, and for minimum.
std::optional<Vars> log_of_extremum(const Apply& node, Context& context) {
  const ScalarOp* f = scalar_op(node.input(0));
  if (f != words().maximum && f != words().minimum) return std::nullopt;
  const Var& a = node.input(0).inputs()[0];
  const Var& b = node.input(0).inputs()[1];
  if (!context.fact(a).nonnegative || !context.fact(b).nonnegative) return std::nullopt;
  const auto stable_a = context.stable_log(a);
  const auto stable_b = context.stable_log(b);
  if (!stable_a && !stable_b) return std::nullopt;
  const Var x = stable_a ? *stable_a : log(a);
  const Var y = stable_b ? *stable_b : log(b);
  return fitted(f == words().maximum ? maximum(x, y) : minimum(x, y), node);
}

/// log(softplus(x)) is x to the last digit from -37 down.
std::optional<Vars> log_of_softplus(const Apply& node, Context&) {
  constexpr double low = -37;
  const Var& y = node.input(0);
  if (scalar_op(y) != words().softplus) return std::nullopt;
  const Var& x = y.inputs()[0];
  if (scalar_op(x) == words().maximum && uniform_value(x.inputs()[1]) == low) return std::nullopt;
  return fitted(log(softplus(maximum(x, low))) + minimum(x - low, 0), node);
}

/// log1p(x) = softplus(log(x)) where x may overflow.
std::optional<Vars> log1p_of_sum(const Apply& node, Context& context) {
  const Var& x = node.input(0);
  if (tame(x, context) || !context.fact(x).nonnegative) return std::nullopt;
  const auto stable = context.stable_log(x);
  return stable ? fitted(softplus(*stable), node) : std::nullopt;
}

}  // namespace

const Rules& log_of_parts_rules() {
  static const Rules rules = [] {
    Rules list;
    const auto add = [&](std::string name, std::string equation, Rule::Rewrite f) {
      list.push_back(node_rewriter(std::move(name), {"log"}, std::move(equation), std::move(f))
                         .stabilizes()
                         .tagged("barrier")
                         .sound(Soundness::needs_fact));
    };
    add("log_of_product", "log(x * y) = log(x) + log(y) for nonnegative x", log_of_product);
    add("log_of_guarded", "log(where(isnan(u), u, y)) = where(isnan(u), u, log(y))",
        log_of_guarded);
    add("log_of_power", "log(x^c) = c * log(x)", log_of_power);
    add("log_of_sum", "log(x + y) = logaddexp(log(x), log(y))", log_of_sum);
    add("log_of_distance", "log(|x - y|) from log(x) and log(y)", log_of_distance);
    add("log_of_reduction", "log(sum(x)) = logsumexp(log(x))", log_of_reduction);
    add("log_of_dot", "log(dot(x, y)) = logsumexp(log(x) + log(y))", log_of_dot);
    add("log_of_scatter", "log(inc(zeros, i, x)) = set(-inf, i, log(x))", log_of_scatter);
    add("log_of_extremum", "log(maximum(x, y)) = maximum(log(x), log(y))", log_of_extremum);
    add("log_of_softplus", "log(softplus(x)) = x for x far below 0", log_of_softplus);
    add("log_of_moved", "log(M(x)) = M(log(x)) for a change of layout M", log_of_moved);
    list.push_back(node_rewriter("log1p_of_sum", {"log1p"},
                                 "log1p(x) = softplus(log(x)) for nonnegative x", log1p_of_sum)
                       .stabilizes()
                       .tagged("barrier")
                       .sound(Soundness::needs_fact));
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
