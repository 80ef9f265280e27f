#include <algorithm>
#include <cmath>

#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/extended_math.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/scaled_math.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>

// The log-sigmoid family: sigmoid(x) = 1 / (1 + e^-x), softplus(x) = log(1 + e^x), and what
// cancels between exponentials and logarithms. The formulas follow Maechler, "Accurately computing
// log(1 - exp(-|a|))" (2012), and the rules of Theano and PyTensor of the same purpose.
namespace damo::optim {
namespace {

/// c / (1 + exp(-x)) is left alone for c other than 1 and -1, and so is exp(y) / (1 + exp(-x)):
/// nothing would be gained.
bool plain_numerator(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Terms::Group::product, node.output());
  for (const auto& leaf : terms.leaves()) {
    if (!leaf.inverse && scalar_op(leaf.seen.core) == vocabulary().exp) return false;
  }
  return std::abs(terms.constant()) == 1;
}

/// Whether expm1(x) / x in a logarithm has yet to be written for either sign of x.
bool of_both_signs(const Apply& node, Context& context) {
  for (const auto& leaf : context.terms(Terms::Group::product, node.input(0)).leaves()) {
    if (scalar_op(leaf.seen.core) == vocabulary().abs) return false;
  }
  return true;
}

/// Whether the one tanh that `node` is the slope of is of a short expression of functions, not a
/// unit of a network: its slope must be what a loop makes of it, which knows tanh(x) alone.
bool of_single_tanh(const Apply& node, Context&) {
  Vars found{node.output()};
  int units = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Var v = found[i];
    if (v.inputs().empty() || as<Scan>(v) != nullptr) continue;
    if (scalar_op(v) == nullptr && !is_movement(v.owner())) return false;
    if (scalar_op(v) == vocabulary().tanh && ++units > 1) return false;
    for (const Var& in : v.inputs()) {
      const auto is_in = [&](const Var& known) { return same(known, in); };
      if (std::none_of(found.begin(), found.end(), is_in)) found.push_back(in);
    }
    if (found.size() > 32) return false;
  }
  return true;
}

/// Whether the logaddexp that is subtracted has no constant operand, as that of log(2 + exp(x)).
bool of_two_variables(const Apply& node, Context&) {
  Steps steps;
  Seen seen{node.input(node.inputs().size() - 1)};
  while (look_deeper(seen, steps)) continue;
  if (scalar_op(seen.core) != vocabulary().logaddexp) return false;
  return std::none_of(seen.core.inputs().begin(), seen.core.inputs().end(), [](const Var& v) {
    return uniform_value(scalar_op(v) == vocabulary().log ? v.inputs()[0] : v).has_value();
  });
}

/// c + c x = c (1 + x) for a constant c where that is stable.
std::optional<Vars> common_constant(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Terms::Group::sum, node.output());
  const auto& leaves = terms.leaves();
  if (leaves.size() != 2 || terms.n_constants() != 1) return std::nullopt;
  const auto& c = leaves[leaves[0].constant ? 0 : 1];
  const auto& product = leaves[leaves[0].constant ? 1 : 0];
  if (std::abs(*c.constant) == 1) return std::nullopt;
  const Terms& factors = context.terms(Terms::Group::product, surface(product.seen));
  double factor = c.inverse == product.inverse ? 1 : -1;
  std::vector<bool> constants;
  for (const auto& leaf : factors.leaves()) {
    constants.push_back(leaf.constant.has_value());
    if (leaf.constant) factor = leaf.inverse ? factor / *leaf.constant : factor * *leaf.constant;
  }
  if (factors.n_constants() == 0 || std::abs(factor) != std::abs(*c.constant)) return std::nullopt;
  const Var x = factors.without(constants).value(Terms::Group::product);
  const auto stable = context.stabilized((factor < 0) == (*c.constant < 0) ? 1 + x : 1 - x);
  if (!stable) return std::nullopt;
  return Vars{fit(*stable * (c.inverse ? -*c.constant : *c.constant), node.output())};
}

/// c x as c and x, for the constants of a product.
std::pair<double, Var> scaled(const Terms::Leaf& term, Context& context) {
  const Terms& factors = context.terms(Terms::Group::product, surface(term.seen));
  std::vector<bool> constants;
  for (const auto& leaf : factors.leaves()) constants.push_back(leaf.constant.has_value());
  const Terms::Rest rest = factors.without(constants);
  const double c = factors.constant() * (factors.negated() ? -1 : 1) * (term.inverse ? -1 : 1);
  return {c, rest.v};
}

/// Whether a term of `a` and one of `b` are the same but for factors of other signs.
bool oppose(const Var& a, const Var& b, Context& context) {
  if (a.type().dims != b.type().dims) return false;
  const Terms& in_a = context.terms(Terms::Group::sum, a);
  const Terms& in_b = context.terms(Terms::Group::sum, b);
  for (const auto& x : in_a.leaves()) {
    for (const auto& y : in_b.leaves()) {
      if (x.constant || y.constant) continue;
      const auto [c, u] = scaled(x, context);
      const auto [d, v] = scaled(y, context);
      if (u.defined() && v.defined() && c * d < 0 && same(u, v)) return true;
    }
  }
  return false;
}

/// exp(a) * exp(b) = exp(a + b) where a and b grow against each other: infinity times 0.
std::optional<Vars> exp_times_exp(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Terms::Group::product, node.output());
  const auto& leaves = terms.leaves();
  const auto exponent = [&](std::size_t i) {
    const bool is = scalar_op(leaves[i].seen.core) == vocabulary().exp;
    return is ? surface({leaves[i].seen.core.inputs()[0], leaves[i].seen.path}) : Var{};
  };
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const Var a = exponent(i);
    for (std::size_t k = i + 1; a.defined() && k < leaves.size(); ++k) {
      const Var b = exponent(k);
      if (!b.defined() || leaves[i].inverse != leaves[k].inverse || !oppose(a, b, context))
        continue;
      std::vector<bool> drop(leaves.size(), false);
      drop[i] = drop[k] = true;
      const Var rest = terms.without(drop).value(Terms::Group::product);
      const Var e = exp(leaves[i].inverse ? -(a + b) : a + b);
      return Vars{fit(uniform_value(rest) == 1.0 ? e : rest * e, node.output())};
    }
  }
  return std::nullopt;
}

/// Logarithms. More special forms come first: at a node, rules are tried in order.
void add_logarithms(Rules& rules) {
  const Var x = any("x"), a = any("a"), b = any("b");
  const double inf = INFINITY;
  const double nan = NAN;
  const double ln2 = 0.69314718055994530942;
  const double root2 = 1.41421356237309504880;
  // clang-format off
  rules.push_back(rule("log_sigmoid", log(sigmoid(x)), -softplus(-x)).stabilizes());
  rules.push_back(rule("log_one_minus_sigmoid", log(1 - sigmoid(x)), -softplus(x)).stabilizes());
  rules.push_back(rule("log1p_minus_sigmoid", log1p(-sigmoid(x)), -softplus(x)).stabilizes());
  rules.push_back(rule("log_one_plus_exp", log(1 + exp(x)), softplus(x)).stabilizes());
  rules.push_back(rule("log1p_exp", log1p(exp(x)), softplus(x)).stabilizes());
  rules.push_back(rule("log_one_minus_exp", log(1 - exp(x)), log1mexp(x)).stabilizes());
  rules.push_back(rule("log1p_minus_exp", log1p(-exp(x)), log1mexp(x)).stabilizes());
  rules.push_back(rule("log_minus_expm1", log(-expm1(x)), log1mexp(x)).stabilizes());
  rules.push_back(rule("log_exp", log(exp(x)), x).stabilizes());
  rules.push_back(rule("log_exp2", log(exp2(x)), ln2 * x).stabilizes());
  rules.push_back(rule("log2_exp2", log2(exp2(x)), x).stabilizes());
  rules.push_back(rule("log_exp_minus_exp", log(exp(a) - exp(b)),
                       where(eq(b, -inf), a, a + log1mexp(b - a))).stabilizes());
  rules.push_back(rule("log_exp_plus_exp", log(exp(a) + exp(b)), logaddexp(a, b)).stabilizes());
  rules.push_back(rule("log_of_cosh", log(cosh(x)), log_cosh(x)).stabilizes());
  rules.push_back(rule("log_of_sinh", log(sinh(x)), x + log1mexp(-2 * x) - ln2).stabilizes());
  rules.push_back(rule("log_of_tanh", log(tanh(x)), log1mexp(-2 * x) - softplus(-2 * x)).stabilizes());
  rules.push_back(rule("log_of_tanh_slope", log(1 - sqr(tanh(x))), -2 * log_cosh(x)).stabilizes());
  rules.push_back(rule("log_of_sech_squared", log(sech_squared(x)), -2 * log_cosh(x)).stabilizes());
  rules.push_back(rule("log_of_expm1", log(expm1(x)), x + log1mexp(-x)).stabilizes());
  rules.push_back(rule("log_of_expm1_over", log(expm1(x) / x),
                       where(abs(x) < 0.01, x / 2 + sqr(x) / 24 - sqr(sqr(x)) / 2880,
                             maximum(x, 0) + log(expm1(-abs(x)) / -abs(x)))).stabilizes()
                      .sound(Soundness::limit).when(of_both_signs));
  rules.push_back(rule("log_of_minus_expm1_over", log(-expm1(-x) / x),
                       where(abs(x) < 0.01, -x / 2 + sqr(x) / 24 - sqr(sqr(x)) / 2880,
                             maximum(-x, 0) + log(expm1(-abs(x)) / -abs(x)))).stabilizes()
                      .sound(Soundness::limit).when(of_both_signs));
  rules.push_back(rule("log_of_over_expm1", log(x / expm1(x)),
                       where(abs(x) < 0.01, sqr(sqr(x)) / 2880 - sqr(x) / 24 - x / 2,
                             -maximum(x, 0) - log(expm1(-abs(x)) / -abs(x)))).stabilizes()
                      .sound(Soundness::limit).when(of_both_signs));
  rules.push_back(rule("log_of_abs_expm1", log(abs(expm1(x))), maximum(x, 0) + log1mexp(-abs(x))).stabilizes());
  rules.push_back(rule("log_half_erfc", log(erfc(x) / 2), log_ndtr(-root2 * x)).stabilizes());
  rules.push_back(rule("log_of_erfc", log(erfc(x)), log_erfc(x)).stabilizes());
  rules.push_back(rule("log1p_expm1", log1p(expm1(x)), x).stabilizes());
  rules.push_back(rule("sqrt_sqr", sqrt(sqr(x)), abs(x)).stabilizes());
  rules.push_back(rule("softplus_minus", softplus(x) - x, softplus(-x)).stabilizes());
  rules.push_back(rule("minus_softplus", x - softplus(x), -softplus(-x)).stabilizes());
  rules.push_back(rule("minus_logaddexp", a - logaddexp(a, b), -softplus(b - a)).stabilizes()
                      .when(of_two_variables));
  rules.push_back(rule("softplus_difference", softplus(x) - softplus(-x), x).stabilizes());
  rules.push_back(rule("softplus_log", softplus(log(x)), where(x >= 0, log1p(x), nan)).stabilizes());
  rules.push_back(rule("log1mexp_log", log1mexp(log(x)), where(x >= 0, log1p(-x), nan)).stabilizes());
  rules.push_back(rule("log1mexp_log1mexp", log1mexp(log1mexp(x)), where(x <= 0, x, nan)).stabilizes());
  // clang-format on
}

void add_exponentials(Rules& rules) {
  const Var x = any("x"), y = any("y");
  // clang-format off
  rules.push_back(rule("expm1_softplus", expm1(softplus(x)), exp(x)).stabilizes());
  rules.push_back(rule("exp_softplus", exp(softplus(x)), 1 + exp(x)).stabilizes());
  rules.push_back(rule("exp_log_sigmoid", exp(-softplus(x)), sigmoid(-x)).stabilizes());
  rules.push_back(rule("exp_minus_one", exp(x) - 1, expm1(x)).stabilizes());
  rules.push_back(rule("exp_over_exp", exp(x) / exp(y), exp(x - y)).stabilizes());
  rules.push_back(rule("exp_minus_softplus", exp(x - softplus(x)), sigmoid(x)).stabilizes());
  rules.push_back(rule("one_minus_erf", 1 - erf(x), erfc(x)).stabilizes());
  rules.push_back(rule("one_plus_erf", 1 + erf(x), erfc(-x)).stabilizes());
  rules.push_back(rule("erf_minus_one", erf(x) - 1, -erfc(x)).stabilizes());
  rules.push_back(rule("one_minus_erfc", 1 - erfc(x), erf(x)).stabilizes());
  rules.push_back(rule("two_minus_erfc", 2 - erfc(x), erfc(-x)).stabilizes());
  rules.push_back(rule("one_minus_half_erfc", 1 - erfc(x) / 2, erfc(-x) / 2).stabilizes());
  rules.push_back(rule("one_minus_exp", 1 - exp(x), -expm1(x)).stabilizes());
  rules.push_back(rule("sigmoid_logit", sigmoid(log(x / (1 - x))),
                       where(and_(x >= 0, x <= 1), x, Arg(NAN))).stabilizes());
  rules.push_back(rule("sigmoid_logit1p", sigmoid(log(x) - log1p(-x)),
                       where(and_(x >= 0, x <= 1), x, Arg(NAN))).stabilizes());
  // clang-format on
}

/// Products and sums, among them the derivatives as `grad` writes them.
void add_sigmoids(Rules& rules) {
  const Var x = any("x"), y = any("y");
  // clang-format off
  rules.push_back(rule("minus_times_sigmoid", y - y * sigmoid(x), y * sigmoid(-x)).stabilizes());
  rules.push_back(rule("times_sigmoid_minus", y * sigmoid(x) - y, -(y * sigmoid(-x))).stabilizes());
  rules.push_back(rule("exp_over_one_plus_exp", exp(x) / (1 + exp(x)), sigmoid(x)).stabilizes());
  rules.push_back(rule("one_over_one_plus_exp", 1 / (1 + exp(-x)), sigmoid(x)).stabilizes()
                      .when(plain_numerator));
  rules.push_back(rule("exp_times_sigmoid", exp(x) * sigmoid(-x), sigmoid(x)).stabilizes());
  rules.push_back(rule("sigmoid_over_exp", sigmoid(x) / exp(x), sigmoid(-x)).stabilizes());
  rules.push_back(rule("exp_over_sum_of_exp", exp(x) / (exp(x) + exp(y)), sigmoid(x - y)).stabilizes());
  rules.push_back(rule("exp_over_difference", exp(x) / (exp(x) - exp(y)), -1 / expm1(y - x)).stabilizes());
  rules.push_back(rule("exp_over_difference_minus", exp(y) / (exp(x) - exp(y)), 1 / expm1(x - y)).stabilizes());
  rules.push_back(rule("sigmoid_times_one_plus_exp", sigmoid(x) * (1 + exp(-x)), where(isnan(x), x, 1)).stabilizes());
  rules.push_back(rule("exp_times_exp_minus", exp(x) * exp(-x), where(isnan(x), x, 1)).stabilizes());
  rules.push_back(rule("odds_of_sigmoid", sigmoid(x) / sigmoid(-x), exp(x)).stabilizes());
  rules.push_back(rule("one_minus_sigmoid", 1 - sigmoid(x), sigmoid(-x)).stabilizes());
  rules.push_back(rule("sigmoid_minus_one", sigmoid(x) - 1, -sigmoid(-x)).stabilizes());
  rules.push_back(rule("sigmoid_of_tanh", 0.5 * tanh(x / 2) + 0.5, sigmoid(x)).stabilizes());
  rules.push_back(rule("sigmoid_of_one_plus_tanh", 0.5 * (1 + tanh(x / 2)), sigmoid(x)).stabilizes());
  rules.push_back(rule("tanh_slope_over_sigmoid", (1 - sqr(tanh(x / 2))) / sigmoid(x), 4 * sigmoid(-x)).stabilizes());
  rules.push_back(rule("tanh_slope_over_sigmoid_minus", (1 - sqr(tanh(x / 2))) / sigmoid(-x), 4 * sigmoid(x)).stabilizes());
  rules.push_back(rule("one_minus_sigmoid_squared", 1 - sqr(sigmoid(x)), sigmoid(-x) * (1 + sigmoid(x))).stabilizes());
  rules.push_back(rule("one_minus_tanh", 1 - tanh(x), 2 * sigmoid(-2 * x)).stabilizes());
  rules.push_back(rule("one_plus_tanh", 1 + tanh(x), 2 * sigmoid(2 * x)).stabilizes());
  rules.push_back(rule("tanh_minus_one", tanh(x) - 1, -2 * sigmoid(-2 * x)).stabilizes());
  rules.push_back(rule("sech_squared_over_sigmoid", sech_squared(x / 2) / sigmoid(x), 4 * sigmoid(-x)).stabilizes());
  rules.push_back(rule("sech_squared_over_sigmoid_minus", sech_squared(x / 2) / sigmoid(-x), 4 * sigmoid(x)).stabilizes());
  rules.push_back(rule("tanh_slope", 1 - sqr(tanh(x)), sech_squared(x)).stabilizes().when(of_single_tanh));
  rules.push_back(rule("tanh_slope_minus", sqr(tanh(x)) - 1, -sech_squared(x)).stabilizes().when(of_single_tanh));
  rules.push_back(rule("sigmoid_minus_of_tanh", 0.5 - 0.5 * tanh(x / 2), sigmoid(-x)).stabilizes());
  rules.push_back(rule("sigmoid_of_one_minus_tanh", 0.5 * (1 - tanh(x / 2)), sigmoid(-x)).stabilizes());
  // clang-format on
}

/// Quotients of what overflows on both sides, among them the derivatives of others.
void add_hyperbolic(Rules& rules) {
  const Var x = any("x");
  // clang-format off
  rules.push_back(rule("exp_over_expm1", exp(x) / expm1(x), -1 / expm1(-x)).stabilizes());
  rules.push_back(rule("sinh_over_cosh", sinh(x) / cosh(x), tanh(x)).stabilizes());
  rules.push_back(rule("cosh_over_sinh", cosh(x) / sinh(x), 1 / tanh(x)).stabilizes());
  rules.push_back(rule("expm1_times_sigmoid", expm1(x) * sigmoid(-x), tanh(x / 2)).stabilizes());
  rules.push_back(rule("one_plus_exp_over_expm1", (1 + exp(x)) / expm1(x), 1 / tanh(x / 2)).stabilizes());
  rules.push_back(rule("sinh_over_one_plus_cosh", sinh(x) / (1 + cosh(x)), tanh(x / 2)).stabilizes());
  // clang-format on
}

}  // namespace

const Rules& stabilize_rules() {
  static const Rules rules = [] {
    Rules list;
    add_logarithms(list);
    add_exponentials(list);
    add_sigmoids(list);
    add_hyperbolic(list);
    list.push_back(node_rewriter("exp_times_exp", {"mul", "div"},
                                 "exp(a) * exp(b) = exp(a + b) where terms of a and b cancel",
                                 exp_times_exp)
                       .stabilizes());
    list.push_back(
        node_rewriter("common_constant", {"add", "sub"}, "c + c x = c (1 + x)", common_constant)
            .stabilizes());
    return list;
  }();
  return rules;
}

// After all others: log1p takes whatever form its operand has.
const Rules& log1p_rules() {
  static const Rules rules = [] {
    const Var x = any("x");
    Rules list;
    list.push_back(rule("log_one_plus", log(1 + x), log1p(x)).stabilizes());
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
