#include <algorithm>
#include <cmath>
#include <vector>

#include <damo/graph/variables.hpp>
#include <damo/ops/common/one_variable.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/near.hpp>
#include <damo/ops/indexing/subtensor.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/reduction/running.hpp>
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

// The logarithm of a sum, a product of matrices or a reduction from the logarithms of what is added
// up. Each rule asks for these stable logarithms (`Context::stable_log`), and does nothing where
// one has none.
namespace damo::optim {
namespace {

using Group = Terms::Group;

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

/// Whether `a + b` is a number of `dtype`: an epsilon beside 1 may be lost in it.
bool adds_exactly_in(DType dtype, double a, double b) {
  const double sum = a + b;
  const bool held = dtype != DType::float32 || static_cast<double>(static_cast<float>(sum)) == sum;
  return held && adds_exactly(a, b);
}

/// With logarithms of constants that a sum of them would round away. Beside log(1) = 0 nothing is
/// rounded.
std::optional<LogTerms> with_each(LogTerms logs, const std::vector<double>& constants,
                                  const Terms& terms) {
  const DType dtype = terms.leaves()[0].seen.core.dtype();
  double largest = 0;
  for (const double c : constants) largest = std::max(largest, std::abs(c));
  if (largest != 1) return std::nullopt;
  for (const double c : constants) {
    const Var l = log(Arg(std::abs(c)).var(dtype));
    Var& total = c < 0 ? logs.subtracted : logs.added;
    if (c < 0 && total.defined()) return std::nullopt;
    total = total.defined() ? logaddexp(total, l) : l;
  }
  return logs;
}

std::optional<LogTerms> log_terms(const Terms& terms, Context& context) {
  LogTerms logs;
  double constant = 0;
  std::vector<double> constants;
  bool exact = true;
  bool grows = false;
  bool scaled = false;
  for (const auto& leaf : terms.leaves()) {
    if (leaf.constant) {
      const double c = leaf.inverse ? -*leaf.constant : *leaf.constant;
      exact = exact && adds_exactly_in(leaf.seen.core.dtype(), constant, c);
      constant += c;
      constants.push_back(c);
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
  if (!exact) return grows ? with_each(std::move(logs), constants, terms) : std::nullopt;
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

/// log(sum(x) - x[i]) as that of the sum of the others: nothing is left of them in the sum where
/// x[i] is the largest by far. Both are given by their logarithms.
std::optional<Var> log_of_others(const LogTerms& logs) {
  const auto* total = as<LogSumExp>(logs.added);
  const auto* one = as<Subtensor>(logs.subtracted);
  if (total == nullptr || one == nullptr || logs.subtracted.ndim() != 0) return std::nullopt;
  const Var& l = logs.added.inputs()[0];
  if (total->axes() + 1 != 1U << l.ndim() || !same(logs.subtracted.inputs()[0], l))
    return std::nullopt;
  Vars inputs = logs.subtracted.inputs();
  inputs.insert(inputs.begin() + 1, Arg(-INFINITY).var(l.dtype()));
  const Var others =
      make_var(std::make_shared<IncSubtensor>(one->index(), true), std::move(inputs));
  const Var sum = make_var(logs.added.owner().op_ptr(), {others});
  return where(logs.subtracted < INFINITY, sum, Arg(NAN));
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
  if (const auto others = log_of_others(*logs)) return fitted(*others, node);
  const Var gap = log1mexp(logs->subtracted - logs->added);
  return fitted(where(eq(logs->subtracted, -INFINITY), logs->added, logs->added + gap), node);
}

/// log(exp(x) - 1 + c) and log(sinh(x) + c) for a positive constant c, such as an epsilon: what may
/// overflow is left out of the logarithm for x above 1.
std::optional<Vars> log_of_growing_and_constant(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Group::sum, node.input(0));
  const auto& leaves = terms.leaves();
  if (leaves.size() != 2 || terms.n_constants() != 1 || !(terms.constant() > 0))
    return std::nullopt;
  const auto& leaf = leaves[leaves[0].constant ? 1 : 0];
  const ScalarOp* f = scalar_op(leaf.seen.core);
  if (leaf.inverse || (f != words().expm1 && f != words().sinh)) return std::nullopt;
  const Apply& growing = leaf.seen.core.owner();
  const Var& x = growing.input(0);
  if (scalar_op(x) == words().minimum && uniform_value(x.inputs()[1]) == 1.0) return std::nullopt;
  const double c = terms.constant();
  const Var far = maximum(x, 1);
  const Var l = f == words().expm1 ? far : far + log1mexp(-2 * far) - std::log(2.0);
  const Var beside = log1p((f == words().expm1 ? c - 1 : c) * exp(-l));
  const Var both = where(x > 1, l + beside, log(applied(growing, 0, minimum(x, 1)) + c));
  return fitted(surface({fit(both, leaf.seen.core), leaf.seen.path}), node);
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

/// log(cumsum(x)) = logcumsumexp(log(x)) and log(cumprod(x)) = cumsum(log(x)) for nonnegative x
/// with a stable logarithm.
std::optional<Vars> log_of_running(const Apply& node, Context& context) {
  const auto sums = cumsum_axis(node.input(0));
  const auto axis = sums ? sums : cumprod_axis(node.input(0));
  if (!axis) return std::nullopt;
  const Var& x = node.input(0).inputs()[0];
  if (!is_float(x.dtype()) || !context.fact(x).nonnegative) return std::nullopt;
  const auto stable = context.stable_log(x);
  if (!stable) return std::nullopt;
  const Var l = fit(*stable, x);
  const int along = static_cast<int>(*axis);
  return fitted(sums ? logcumsumexp(l, along) : cumsum(l, along), node);
}

/// log of nonnegative weights, whose derivative at 0 is left out.
Var log_weights(const Var& w) {
  return constant_value(w) != nullptr ? log(w) : where(eq(w, 0), -INFINITY, log(w));
}

/// log(x y) of matrices or batches of them: the largest of log(x) in each row and of log(y) in each
/// column are taken out.
std::optional<Vars> log_of_matrices(const Apply& node, Context& context) {
  const Var& product = node.input(0);
  const Var &a = product.inputs()[0], &b = product.inputs()[1];
  const auto stable_a = context.stable_log(a);
  const auto stable_b = context.stable_log(b);
  if ((!stable_a && !stable_b) || is_shifted(a) || is_shifted(b)) return std::nullopt;
  const std::size_t last = product.ndim() - 1;
  const Shifted x = stable_a ? shifted(fit(*stable_a, a), 1U << last) : Shifted{a};
  const Shifted y = stable_b ? shifted(fit(*stable_b, b), 1U << (last - 1)) : Shifted{b};
  const Var l = log(make_var(product.owner().op_ptr(), {x.exponential, y.exponential}));
  return fitted(l + add_or_either(x.shift, y.shift), node);
}

/// log(dot(w, x)) = logsumexp(log(w) + log(x)) for nonnegative w and x of which one has a stable
/// logarithm and one is a vector.
std::optional<Vars> log_of_dot(const Apply& node, Context& context) {
  const Var& product = node.input(0);
  if (as<Dot>(product) == nullptr && !is_batched_dot(product)) return std::nullopt;
  const Var &a = product.inputs()[0], &b = product.inputs()[1];
  if (!context.fact(a).nonnegative || !context.fact(b).nonnegative) return std::nullopt;
  if (a.ndim() > 1 && b.ndim() > 1) return log_of_matrices(node, context);
  const auto stable_a = context.stable_log(a);
  const auto stable_b = context.stable_log(b);
  if (!stable_a && !stable_b) return std::nullopt;
  Var x = stable_a ? fit(*stable_a, a) : log_weights(a);
  Var y = stable_b ? fit(*stable_b, b) : log_weights(b);
  if (b.ndim() == 2) x = dimshuffle(x, {0, newaxis});
  if (a.ndim() == 2) y = dimshuffle(y, {newaxis, 0});
  return fitted(logsumexp(x + y, b.ndim() == 2 ? 0 : static_cast<int>(a.ndim()) - 1), node);
}

/// log1p(x) = softplus(log(x)) where x may overflow.
std::optional<Vars> log1p_of_sum(const Apply& node, Context& context) {
  const Var& x = node.input(0);
  if (tame(x, context) || !context.fact(x).nonnegative) return std::nullopt;
  const auto stable = context.stable_log(x);
  return stable ? fitted(softplus(*stable), node) : std::nullopt;
}

}  // namespace

const Rules& log_of_sum_rules() {
  static const Rules rules = [] {
    Rules list;
    const auto add = [&](std::string name, std::string root, std::string equation,
                         Rule::Rewrite f) {
      list.push_back(
          node_rewriter(std::move(name), {std::move(root)}, std::move(equation), std::move(f))
              .stabilizes()
              .tagged("barrier")
              .sound(Soundness::needs_fact));
    };
    add("log_of_sum", "log", "log(x + y) = logaddexp(log(x), log(y))", log_of_sum);
    add("log_of_growing_and_constant", "log", "log(exp(x) - 1 + c) = x + log1p((c - 1) exp(-x))",
        log_of_growing_and_constant);
    add("log_of_distance", "log", "log(|x - y|) from log(x) and log(y)", log_of_distance);
    add("log_of_reduction", "log", "log(sum(x)) = logsumexp(log(x))", log_of_reduction);
    add("log_of_running", "log", "log(cumsum(x)) = logcumsumexp(log(x))", log_of_running);
    add("log_of_dot", "log", "log(dot(x, y)) = logsumexp(log(x) + log(y))", log_of_dot);
    add("log1p_of_sum", "log1p", "log1p(x) = softplus(log(x)) for nonnegative x", log1p_of_sum);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
