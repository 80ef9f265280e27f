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

// Softmax and its logarithm.
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
std::optional<Vars> log_of_other_shares(const Apply& node, Context&) {
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
        "log(1 - softmax(x)) = log_softmax(x) + logsumexp(others - x)", log_of_other_shares);
    add("exp_of_log_softmax", {"exp"}, "exp(log_softmax(x)) = softmax(x)", exp_of_log_softmax);
    add("minus_log_sum_exp", {"sub"}, "x - logsumexp(x) = log_softmax(x)", minus_log_sum_exp);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
