#include <algorithm>
#include <cmath>

#include <damo/graph/function_graph.hpp>
#include <damo/ops/common/one_variable.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/softmax.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>
#include <damo/optim/rules/shared.hpp>

// Roots and powers of what exponentials are made into: as exponentials of logarithms they and their
// slopes stay finite where what is below them vanishes or overflows.
namespace damo::optim {
namespace {

constexpr int deepest = 8;

/// What a mean divides by.
bool is_count_of_mean(const Var& v) {
  return v.inputs().size() == 1 && v.inputs()[0].dtype() == DType::int64;
}

/// Whether `v` is nothing but positive constants and exponentials, sigmoids, softmax and cosh,
/// multiplied, divided (by counts, too), added, raised to powers, summed and moved.
bool made_of_exponentials(const Var& v, int depth) {
  if (const auto c = uniform_value(v)) return *c > 0;
  if (depth == 0) return false;
  const ScalarOp* f = scalar_op(v);
  if (f == words().exp || f == words().exp2 || f == words().sigmoid || f == words().cosh ||
      as<Softmax>(v) != nullptr)
    return true;
  const auto below = [&](const Var& x) { return made_of_exponentials(x, depth - 1); };
  const auto& in = v.inputs();
  if (f == words().div && is_count_of_mean(in[1])) return below(in[0]);
  if (f == words().mul || f == words().div || f == words().add) return below(in[0]) && below(in[1]);
  if (f == words().sqrt || f == words().sqr) return below(in[0]);
  if (f == words().pow) return below(in[0]) && uniform_value(in[1]);
  const bool joins = f == nullptr && v.owner().op().origin(v.owner(), v.index()).moves();
  if (!joins) return as<Reduce>(v) != nullptr && below(in[0]);
  const Origin from = v.owner().op().origin(v.owner(), v.index());
  return std::all_of(in.begin() + from.first, in.begin() + from.end, below);
}

/// factor * base^exponent.
struct Power {
  Var base;
  double exponent;
  double factor = 1;
};

/// A factor as a power: a whole one, or x^c as it is written.
std::pair<Seen, double> power_of(const Terms::Leaf& leaf) {
  const double sign = leaf.inverse ? -1 : 1;
  const Var& v = leaf.seen.core;
  if (scalar_op(v) != words().pow || v.inputs()[0].ndim() != v.ndim()) return {leaf.seen, sign};
  const auto c = uniform_value(v.inputs()[1]);
  return c ? std::pair(Seen{v.inputs()[0], leaf.seen.path}, sign * *c) : std::pair(leaf.seen, sign);
}

/// The powers of x and of |x| in a product.
struct Powers {
  Seen x;
  double plain = 0, absolute = 0;
  int n_plain = 0;
  bool above = false, below = false;  ///< whether some multiply, whether some divide
  bool roots = false;                 ///< whether some of x are not whole

  /// Whether they are one power wherever that is a number: x / x is none at 0, nor is x^1.5 x^2.5
  /// below.
  bool one(const Fact& of_x) const {
    return (!(above && below) || of_x.positive) && (!(roots && n_plain > 1) || of_x.nonnegative);
  }
};
std::vector<Powers> powers_in(const Terms& terms) {
  std::vector<Powers> all;
  for (const Terms::Leaf& leaf : terms.leaves()) {
    if (leaf.constant) continue;
    auto [x, exponent] = power_of(leaf);
    const bool absolute = scalar_op(x.core) == words().abs;
    if (absolute) x.core = Var(x.core.inputs()[0]);
    auto known = std::find_if(all.begin(), all.end(),
                              [&, &x = x](const Powers& other) { return same(other.x, x); });
    if (known == all.end()) known = all.insert(known, Powers{x});
    (absolute ? known->absolute : known->plain) += exponent;
    known->n_plain += absolute ? 0 : 1;
    (exponent > 0 ? known->above : known->below) = true;
    known->roots |= !absolute && exponent != std::trunc(exponent);
  }
  return all;
}

/// The product of `powers` as one: all of the same exponent, or of its opposite.
std::optional<Power> as_one(const std::vector<std::pair<Var, double>>& powers, double factor) {
  if (powers.empty()) return std::nullopt;
  double c = powers.front().second;
  for (const auto& [x, e] : powers) {
    if (std::abs(e) != std::abs(c)) return std::nullopt;
    c = std::max(c, e);
  }
  Power all{powers.front().first, c, factor};
  if (powers.front().second != c) all.base = reciprocal(all.base);
  for (std::size_t i = 1; i < powers.size(); ++i) {
    const auto& [x, e] = powers[i];
    all.base = e == c ? all.base * x : all.base / x;
  }
  return all;
}

/// What `v` is a power of, as it is written or as a product of powers and constants.
std::optional<Power> constant_power(const Var& v, Context& context) {
  if (scalar_op(v) == words().pow) {
    const auto c = uniform_value(v.inputs()[1]);
    return c ? std::optional(Power{v.inputs()[0], *c}) : std::nullopt;
  }
  if (scalar_op(v) == words().abs) {
    const auto inside = constant_power(v.inputs()[0], context);
    if (!inside || inside->exponent != std::trunc(inside->exponent)) return std::nullopt;
    return Power{abs(inside->base), inside->exponent, std::abs(inside->factor)};
  }
  const Terms& terms = context.terms(Terms::Group::product, v);
  std::vector<std::pair<Var, double>> powers;
  for (const Powers& p : powers_in(terms)) {
    const Var x = surface(p.x);
    if (!p.one(context.fact(p.x.core))) return std::nullopt;
    if (p.absolute != 0 && std::fmod(p.plain, 2) == 0) {
      powers.emplace_back(abs(x), p.plain + p.absolute);
      continue;
    }
    if (p.plain != 0 || p.absolute == 0) powers.emplace_back(x, p.plain);
    if (p.absolute != 0) powers.emplace_back(abs(x), p.absolute);
  }
  return as_one(powers, terms.constant());
}

/// c x^n as y^n, if there is such a y.
std::optional<Var> with_factor_inside(const Power& power) {
  const double c = power.factor;
  if (c == 1) return power.base;
  // Of 0 below the line a negative c makes -inf, where the power of -0 loses its sign.
  const bool odd = power.exponent > 0 && std::fmod(power.exponent, 2) == 1;
  if (c == 0 || !std::isfinite(c) || (c < 0 && !odd)) return std::nullopt;
  return power.base * std::copysign(std::pow(std::abs(c), 1 / power.exponent), c);
}

/// log(x^c) = c log|x|: x^c and the slope of its logarithm soon leave the range of a dtype. What is
/// negative has a power of NaN or less than 0 unless c is even, and so has -inf but for zeros and
/// infinities of no sign.
std::optional<Vars> log_of_constant_power(const Apply& node, Context& context) {
  const auto power = constant_power(node.input(0), context);
  if (!power || !(std::abs(power->exponent) > 1) || std::isinf(power->exponent))
    return std::nullopt;
  const auto inside = with_factor_inside(*power);
  if (!inside) return std::nullopt;
  const Var& x = *inside;
  const double c = power->exponent;
  if (std::fmod(c, 2) == 0) return Vars{fit(c * applied(node, 0, abs(x)), node.output())};
  const Var l = c * applied(node, 0, x);
  const Fact fact = context.fact(x);
  if (fact.nonnegative || fact.finite || (c > 0 && c == std::trunc(c)))
    return Vars{fit(l, node.output())};
  return Vars{fit(where(eq(x, -INFINITY), c > 0 ? INFINITY : -INFINITY, l), node.output())};
}

/// sqrt(x) = exp(log(x) / 2) and x^c = exp(c log(x)), for a c that is no small whole number.
std::optional<Vars> root(const Apply& node, Context& context) {
  const Var& x = node.input(0);
  if (!made_of_exponentials(x, deepest)) return std::nullopt;
  double power = 0.5;
  if (scalar_op(node.output()) == words().pow) {
    const auto c = uniform_value(node.input(1));
    if (!c || (*c >= 1 && *c == std::trunc(*c))) return std::nullopt;
    power = *c;
  }
  if (!context.fact(x).nonnegative) return std::nullopt;
  const auto stable = context.stable_log(x);
  return stable ? std::optional(Vars{fit(exp(*stable * power), node.output())}) : std::nullopt;
}

/// Of one exponential or sigmoid roots are in range.
std::optional<Vars> root_of_exponentials(const Apply& node, Context& context) {
  const ScalarOp* f = scalar_op(node.input(0));
  return f == words().exp || f == words().sigmoid ? std::nullopt : root(node, context);
}

/// 1 / v for a hyperbolic v or exp(x) - 1, of which no part overflows: 1 / cosh(x) = 2 exp(-|x|) /
/// (1 + exp(-2 |x|)), sinh(x) = tanh(x) cosh(x), and exp(x) - 1 = tanh(x / 2) (exp(x) + 1).
Var hyperbolic_inverse(const Var& v) {
  const ScalarOp* f = scalar_op(v);
  if (f != words().sinh && f != words().cosh && f != words().expm1) return {};
  const Var& x = v.inputs()[0];
  if (f == words().expm1) return sigmoid(-x) / tanh(0.5 * x);
  const Var inverse = 2 * exp(-abs(x)) * sigmoid(2 * abs(x));
  return f == words().cosh ? inverse : inverse / tanh(x);
}

/// Whether a factor of `v` has such an inverse.
bool has_hyperbolic_factor(const Var& v, int depth) {
  if (hyperbolic_inverse(v).defined()) return true;
  const ScalarOp* f = scalar_op(v);
  if (depth == 0 || (f != words().mul && f != words().div && f != words().sqr && f != words().neg))
    return false;
  return std::any_of(v.inputs().begin(), v.inputs().end(),
                     [&](const Var& in) { return has_hyperbolic_factor(in, depth - 1); });
}

/// y / x = y * exp(-log(x)) for an x made of exponentials that may overflow: 1 / x is 0 there, and
/// its slope the product of 0 and infinity.
std::optional<Vars> over_exponentials(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Terms::Group::product, node.output());
  for (std::size_t i = 0; i < terms.leaves().size(); ++i) {
    const auto& leaf = terms.leaves()[i];
    if (!leaf.inverse || leaf.constant) continue;
    std::vector<bool> drop(terms.leaves().size(), false);
    drop[i] = true;
    const auto rest = [&] { return terms.without(drop).value(Terms::Group::product); };
    const Var inverse = hyperbolic_inverse(leaf.seen.core);
    if (inverse.defined())
      return Vars{fit(rest() * surface({inverse, leaf.seen.path}), node.output())};
    const Var x = surface(leaf.seen);
    const Fact fact = context.fact(leaf.seen.core);
    if (fact.at_most_one || !fact.nonnegative || !made_of_exponentials(x, deepest)) continue;
    const auto stable = context.stable_log(x);
    if (stable) return Vars{fit(rest() * exp(-*stable), node.output())};
  }
  return std::nullopt;
}

}  // namespace

bool has_roots_or_quotients_of_exponentials(const FunctionGraph& graph) {
  const auto& order = graph.order();
  return std::any_of(order.begin(), order.end(), [](const Apply* node) {
    if (node->op().body() != nullptr)
      return has_roots_or_quotients_of_exponentials(*node->op().body());
    const ScalarOp* f = scalar_op(node->output());
    if (f == nullptr) return false;
    const bool root = f == words().sqrt || f == words().pow;
    const bool quotient = f == words().div || f == words().reciprocal;
    if (!root && !quotient) return false;
    const Var& x = node->input(f == words().div ? 1 : 0);
    return !uniform_value(x) &&
           (has_hyperbolic_factor(x, deepest) || made_of_exponentials(x, deepest));
  });
}

const Rules& power_rules() {
  static const Rules rules = [] {
    Rules list;
    list.push_back(node_rewriter("log_of_constant_power", {"log", "log2", "log10"},
                                 "log(x^c) = c * log(|x|)", log_of_constant_power)
                       .canonicalizes()
                       .tagged("before_grad"));
    list.push_back(node_rewriter("root_of_exponentials", {"sqrt", "pow"},
                                 "sqrt(x) = exp(log(x) / 2) for x made of exponentials",
                                 root_of_exponentials)
                       .stabilizes()
                       .sound(Soundness::needs_fact));
    list.push_back(node_rewriter("root_of_exponential", {"sqrt", "pow"},
                                 "sqrt(exp(x)) = exp(x / 2), and the same of a sigmoid", root)
                       .tagged("before_grad")
                       .sound(Soundness::needs_fact));
    // Where another factor overflows with x they are divided by one another first: only what is
    // left over when a derivative is to be taken is changed.
    list.push_back(node_rewriter("over_exponentials", {"mul", "div"},
                                 "y / x = y * exp(-log(x)) for x made of exponentials",
                                 over_exponentials)
                       .tagged("before_grad")
                       .sound(Soundness::needs_fact));
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
