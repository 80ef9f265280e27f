#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/reduction/softmax.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>

// Sums of exponentials: logsumexp, softmax and its logarithm, and logaddexp of many terms.
namespace damo::optim {
namespace {

using Group = Terms::Group;
const Vocabulary& words() { return vocabulary(); }

const Reduce* sum_of_exp(const Var& v) {
  const auto* r = as<Reduce>(v);
  if (r == nullptr || r->kind() != Reduction::sum) return nullptr;
  return scalar_op(v.inputs()[0]) == words().exp ? r : nullptr;
}

/// log(sum(exp(x))) = logsumexp(x), also with the kept axes put back.
std::optional<Vars> log_sum_exp(const Apply& node, Context&) {
  Steps steps;
  Seen seen{node.input(0)};
  const Reduce* r = sum_of_exp(seen.core);
  while (r == nullptr && look_deeper(seen, steps)) r = sum_of_exp(seen.core);
  if (r == nullptr) return std::nullopt;
  const Var x = seen.core.inputs()[0].inputs()[0];
  const Var result = logsumexp(x, axis_list(r->axes()), {.keepdims = r->keepdims()});
  return Vars{fit(surface({result, seen.path}), node.output())};
}

/// log(softmax(x)) = log_softmax(x).
std::optional<Vars> log_of_softmax(const Apply& node, Context&) {
  Steps steps;
  Seen seen{node.input(0)};
  while (as<Softmax>(seen.core) == nullptr) {
    if (!look_deeper(seen, steps)) return std::nullopt;
  }
  const auto axes = as<Softmax>(seen.core)->axes();
  const Var result = log_softmax(seen.core.inputs()[0], axis_list(axes));
  return Vars{fit(surface({result, seen.path}), node.output())};
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

/// exp(x) / sum(exp(x)) = softmax(x).
std::optional<Vars> exp_over_sum(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Group::product, node.output());
  const auto& leaves = terms.leaves();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const Reduce* r = leaves[i].inverse ? sum_of_exp(leaves[i].seen.core) : nullptr;
    if (r == nullptr) continue;
    const Var e = leaves[i].seen.core.inputs()[0];
    if (!r->keepdims() && !restores(leaves[i].seen, r->axes(), e.ndim())) continue;
    for (std::size_t k = 0; k < leaves.size(); ++k) {
      if (leaves[k].inverse || leaves[k].seen.path != nullptr || !same(leaves[k].seen.core, e))
        continue;
      std::vector<bool> drop(leaves.size(), false);
      drop[i] = drop[k] = true;
      const Terms::Rest rest = terms.without(drop);
      const Var s = softmax(e.inputs()[0], axis_list(r->axes()));
      const Var product = rest.v.defined() ? rest.v * s : s;
      return Vars{fit(rest.negative ? -product : product, node.output())};
    }
  }
  return std::nullopt;
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
  if (!same(x, node.input(0))) return std::nullopt;
  if (!(l->keepdims() && seen.path == nullptr) && !restores(seen, l->axes(), x.ndim()))
    return std::nullopt;
  return Vars{fit(log_softmax(x, axis_list(l->axes())), node.output())};
}

/// log(exp(a) + exp(b) + exp(c) + 1 ...) of three or more terms, as nested logaddexp.
std::optional<Vars> log_of_exponentials(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Group::sum, node.input(0));
  if (terms.leaves().size() < 3) return std::nullopt;
  Var total;
  for (const auto& leaf : terms.leaves()) {
    if (leaf.inverse) return std::nullopt;
    Var exponent;
    if (leaf.constant) {
      if (*leaf.constant <= 0) return std::nullopt;
      exponent = log(surface(leaf.seen));
    } else if (scalar_op(leaf.seen.core) == words().exp) {
      exponent = surface({leaf.seen.core.inputs()[0], leaf.seen.path});
    } else {
      return std::nullopt;
    }
    total = total.defined() ? logaddexp(total, exponent) : exponent;
  }
  return Vars{fit(total, node.output())};
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
    add("log_sum_exp", {"log"}, "log(sum(exp(x))) = logsumexp(x)", log_sum_exp);
    add("log_of_softmax", {"log"}, "log(softmax(x)) = log_softmax(x)", log_of_softmax);
    add("exp_over_sum", {"mul", "div"}, "exp(x) / sum(exp(x)) = softmax(x)", exp_over_sum);
    add("minus_log_sum_exp", {"sub"}, "x - logsumexp(x) = log_softmax(x)", minus_log_sum_exp);
    add("log_of_exponentials", {"log"}, "log(exp(a) + exp(b) + ...) = logaddexp(a, ...)",
        log_of_exponentials);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
