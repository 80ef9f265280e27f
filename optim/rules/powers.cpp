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

// Roots and powers of what exponentials are made into: as exponentials of logarithms they and their
// slopes stay finite where what is below them vanishes or overflows.
namespace damo::optim {
namespace {

const Vocabulary& words() { return vocabulary(); }
constexpr int deepest = 8;

/// What a mean divides by.
bool is_count(const Var& v) {
  return v.inputs().size() == 1 && v.inputs()[0].dtype() == DType::int64;
}

/// Whether `v` is nothing but positive constants and exponentials, sigmoids and softmax,
/// multiplied, divided (by counts, too), added, raised to powers, summed and moved.
bool made_of_exponentials(const Var& v, int depth) {
  if (const auto c = uniform_value(v)) return *c > 0;
  if (depth == 0) return false;
  const ScalarOp* f = scalar_op(v);
  if (f == words().exp || f == words().sigmoid || as<Softmax>(v) != nullptr) return true;
  const auto below = [&](const Var& x) { return made_of_exponentials(x, depth - 1); };
  const auto& in = v.inputs();
  if (f == words().div && is_count(in[1])) return below(in[0]);
  if (f == words().mul || f == words().div || f == words().add) return below(in[0]) && below(in[1]);
  if (f == words().sqrt || f == words().sqr) return below(in[0]);
  if (f == words().pow) return below(in[0]) && uniform_value(in[1]);
  const bool joins = f == nullptr && v.owner().op().origin(v.owner(), v.index()).moves();
  if (!joins) return as<Reduce>(v) != nullptr && below(in[0]);
  const Origin from = v.owner().op().origin(v.owner(), v.index());
  return std::all_of(in.begin() + from.first, in.begin() + from.end, below);
}

/// What `v` is a power of, x^c as it is written or as a product of nothing but x and 1 / x.
std::optional<std::pair<Var, double>> constant_power(const Var& v, Context& context) {
  if (scalar_op(v) == words().pow) {
    const auto c = uniform_value(v.inputs()[1]);
    return c ? std::optional(std::pair(v.inputs()[0], *c)) : std::nullopt;
  }
  const Terms& terms = context.terms(Terms::Group::product, v);
  const auto& leaves = terms.leaves();
  const Seen* x = nullptr;
  double c = 0;
  for (const Terms::Leaf& leaf : leaves) {
    if (leaf.constant == 1.0) continue;
    if (leaf.constant || (x != nullptr && !same(leaf.seen, *x))) return std::nullopt;
    x = &leaf.seen;
    c += leaf.inverse ? -1 : 1;
  }
  if (x == nullptr || terms.without(std::vector<bool>(leaves.size(), true)).negative)
    return std::nullopt;
  return std::pair(surface(*x), c);
}

/// log(x^c) = c log|x|: x^c and the slope of its logarithm soon leave the range of a dtype. What is
/// negative has a power of NaN or less than 0 unless c is even, and so has -inf but for zeros and
/// infinities of no sign.
std::optional<Vars> log_of_constant_power(const Apply& node, Context& context) {
  const auto power = constant_power(node.input(0), context);
  if (!power || !(std::abs(power->second) > 1) || std::isinf(power->second)) return std::nullopt;
  const auto& [x, c] = *power;
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

/// y / x = y * exp(-log(x)) for an x made of exponentials that may overflow: 1 / x is 0 there, and
/// its slope the product of 0 and infinity.
std::optional<Vars> over_exponentials(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Terms::Group::product, node.output());
  for (std::size_t i = 0; i < terms.leaves().size(); ++i) {
    const auto& leaf = terms.leaves()[i];
    if (!leaf.inverse || leaf.constant) continue;
    const Var x = surface(leaf.seen);
    const Fact fact = context.fact(leaf.seen.core);
    if (fact.at_most_one || !fact.nonnegative || !made_of_exponentials(x, deepest)) continue;
    const auto stable = context.stable_log(x);
    if (!stable) continue;
    std::vector<bool> drop(terms.leaves().size(), false);
    drop[i] = true;
    const Var rest = terms.without(drop).value(Terms::Group::product);
    return Vars{fit(rest * exp(-*stable), node.output())};
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
    return !uniform_value(x) && made_of_exponentials(x, deepest);
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
