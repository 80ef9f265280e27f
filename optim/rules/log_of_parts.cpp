#include <cmath>
#include <limits>

#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/near.hpp>
#include <damo/ops/indexing/subtensor.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>
#include <damo/optim/rules/shared.hpp>

// The logarithm of an expression from the logarithms of its parts: products become sums, what only
// moves or chooses elements stays. Each rule asks for the parts' stable logarithms
// (`Context::stable_log`), and does nothing where no part has one.
namespace damo::optim {
namespace {

using Group = Terms::Group;

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
      if (nonnegative && may_be_zero(i, context) && !others_nonnegative(i, context)) continue;
      if (cancels(i) && !context.fact(leaves[i].seen.core).positive) continue;  // 0 / 0
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
      if (k == i || leaf.constant) continue;
      if (!context.fact(leaf.seen.core).nonnegative || may_be_zero(k, context)) return false;
    }
    return true;
  }
  /// log(0 y) is -inf whatever the sign of y, and log(y) is NaN below 0.
  bool may_be_zero(std::size_t i, Context& context) const {
    const auto& leaf = terms_.leaves()[i];
    return !leaf.inverse && !context.fact(leaf.seen.core).positive;
  }
  bool others_nonnegative(std::size_t i, Context& context) const {
    for (std::size_t k = 0; k < terms_.leaves().size(); ++k) {
      const auto& leaf = terms_.leaves()[k];
      if (k != i && !leaf.constant && !context.fact(leaf.seen.core).nonnegative) return false;
    }
    return terms_.constant() > 0;
  }

  /// Whether leaf i stands both above and below the line.
  bool cancels(std::size_t i) const {
    const auto& leaves = terms_.leaves();
    return std::any_of(leaves.begin(), leaves.end(), [&](const Terms::Leaf& leaf) {
      return same(leaf.seen, leaves[i].seen) && leaf.inverse != leaves[i].inverse;
    });
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
  if (leaves.empty()) return std::nullopt;
  if (leaves.size() == 1 && !leaves[0].inverse) {  // 1 / (1 / x) at most
    if (same(surface(leaves[0].seen), node.input(0)) || terms.without({true}).negative)
      return std::nullopt;
  }
  const Var total = Factors(terms, context).logarithm();
  return total.defined() ? fitted(total, node) : std::nullopt;
}

/// log(sinh(x) / x) = a + log((1 - exp(-2 a)) / (2 a)) for a = |x| above 1, where sinh may
/// overflow, and the logarithm of x / sinh(x).
std::optional<Vars> log_of_sinh_over(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Group::product, node.input(0));
  const auto& leaves = terms.leaves();
  if (leaves.size() != 2 || leaves[0].inverse == leaves[1].inverse || terms.negated())
    return std::nullopt;
  for (const auto& [leaf, other] :
       {std::pair(leaves[0], leaves[1]), std::pair(leaves[1], leaves[0])}) {
    if (scalar_op(leaf.seen.core) != words().sinh) continue;
    Steps steps;
    Seen x{leaf.seen.core.inputs()[0], leaf.seen.path};
    while (look_deeper(x, steps)) continue;
    if (!same(x, other.seen) || scalar_op(x.core) == words().clip) continue;
    const Var a = maximum(abs(x.core), 1);
    const Var near = clip(x.core, -1, 1);
    const Var far = a + log(-expm1(-2 * a)) - log(2 * a);
    const Var l = surface({where(abs(x.core) > 1, far, log(sinh(near) / near)), x.path});
    return fitted(leaf.inverse ? -l : l, node);
  }
  return std::nullopt;
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

/// log(sort(x)) = sort(log(x)) for nonnegative x: a logarithm keeps the order.
std::optional<Vars> log_of_ordered(const Apply& node, Context& context) {
  const Apply& order = node.input(0).owner();
  if (order.inputs().size() != 1 || as<Reduce>(order.op()) != nullptr) return std::nullopt;
  if (order.op().origin(order, 0).way != Origin::Way::by_value) return std::nullopt;
  if (!context.fact(order.input(0)).nonnegative) return std::nullopt;
  const auto stable = context.stable_log(order.input(0));
  return stable ? fitted(reapply(order, fit(*stable, order.input(0))), node) : std::nullopt;
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
    add("log_of_sinh_over", "log(sinh(x) / x) = |x| + log((1 - exp(-2 |x|)) / (2 |x|))",
        log_of_sinh_over);
    add("log_of_guarded", "log(where(isnan(u), u, y)) = where(isnan(u), u, log(y))",
        log_of_guarded);
    add("log_of_power", "log(x^c) = c * log(x)", log_of_power);
    add("log_of_scatter", "log(inc(zeros, i, x)) = set(-inf, i, log(x))", log_of_scatter);
    add("log_of_extremum", "log(maximum(x, y)) = maximum(log(x), log(y))", log_of_extremum);
    add("log_of_ordered", "log(sort(x)) = sort(log(x))", log_of_ordered);
    add("log_of_softplus", "log(softplus(x)) = x for x far below 0", log_of_softplus);
    add("log_of_moved", "log(M(x)) = M(log(x)) for a change of layout M", log_of_moved);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
