#include <cmath>

#include <damo/ops/common/one_variable.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/near.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>
#include <damo/optim/rules/shared.hpp>

// What stands between a logarithm and the sigmoid that it would meet: joins, choices, clips,
// factors, powers, other bases. Each rule first asks whether the step leads to a stable form, and
// does nothing otherwise.
namespace damo::optim {
namespace {

/// The inputs of which every element of the output is an element of one, where there are several.
Origin joined_parts(const Apply& node) {
  const Origin from = node.op().origin(node, 0);
  return from.moves() && !is_movement(node) ? from : Origin{};
}

/// f(join(a, b)) = join(f(a), f(b)) where f(a) or f(b) has a stable form; also with movements
/// between f and the join.
std::optional<Vars> into_join(const Apply& node, Context& context) {
  const auto variable = only_variable(node);
  if (!variable) return std::nullopt;
  Steps steps;
  Seen seen{node.input(*variable)};
  Origin parts = joined_parts(seen.core.owner());
  while (parts.none() && !is_float_cast(seen.core) && look_deeper(seen, steps))
    parts = joined_parts(seen.core.owner());
  if (parts.none()) return std::nullopt;
  const Apply& join = seen.core.owner();
  Vars inputs = join.inputs();
  bool stable = false;
  for (std::size_t i = parts.first; i < parts.end; ++i) {
    const Var f = applied(node, *variable, join.input(i));
    const auto better = context.stabilized(f);
    stable = stable || better;
    inputs[i] = better ? *better : f;
  }
  if (!stable) return std::nullopt;
  const Var joined = make_var(join.op_ptr(), std::move(inputs), join.site());
  return Vars{fit(surface({joined, seen.path}), node.output())};
}

/// Whether `node`'s function of its variable rises or falls everywhere; 0 when neither is known.
int direction(const Apply& node, std::size_t variable) {
  const ScalarOp* f = scalar_op(node.output());
  if (f == words().log || f == words().log1p || f == words().log2 || f == words().log10) return 1;
  if (f == words().add) return 1;
  if (f == words().sub) return variable == 0 ? 1 : -1;
  return f == words().neg ? -1 : 0;
}

/// Whether f(x) is no NaN, which a bound would have kept from f.
bool defined_at(const ScalarOp* f, const Var& x, Context& context) {
  if (context.fact(x).nonnegative) return true;
  if (f != words().log1p) return f != words().log && f != words().log2 && f != words().log10;
  return scalar_op(x) == words().neg && context.fact(x.inputs()[0]).at_most_one;
}

/// f(clip(x, low, high)) = clip(f(x), f(low), f(high)) for monotone f, and for maximum and minimum
/// with a constant.
std::optional<Vars> into_clip(const Apply& node, Context& context) {
  const auto variable = only_variable(node);
  if (!variable) return std::nullopt;
  const int rises = direction(node, *variable);
  const Apply& clip = node.input(*variable).owner();
  const ScalarOp* g = scalar_op(clip.output());
  const bool extremum = g == words().maximum || g == words().minimum;
  if (rises == 0 || g == nullptr || (g != words().clip && !extremum)) return std::nullopt;
  const auto inner = only_variable(clip);
  if (!inner) return std::nullopt;
  const bool logarithm = direction(node, *variable) == 1 && node.inputs().size() == 1;
  for (std::size_t i = 0; i < clip.inputs().size(); ++i) {
    if (i != *inner && logarithm && *uniform_value(clip.input(i)) < 0) return std::nullopt;
  }
  if (!defined_at(scalar_op(node.output()), clip.input(*inner), context)) return std::nullopt;
  const Var fx = applied(node, *variable, clip.input(*inner));
  const auto better = context.stabilized(fx);
  if (!better) return std::nullopt;
  const auto bound = [&](std::size_t i) { return applied(node, *variable, clip.input(i)); };
  if (g == words().clip) {
    // Where low > high the value is high, and -low would be the new one.
    if (*inner != 0 || *uniform_value(clip.input(1)) > *uniform_value(clip.input(2)))
      return std::nullopt;
    return Vars{fit(damo::clip(*better, bound(rises > 0 ? 1 : 2), bound(rises > 0 ? 2 : 1)),
                    node.output())};
  }
  const Var limit = bound(1 - *inner);
  const bool largest = (g == words().maximum) == (rises > 0);
  return Vars{fit(largest ? maximum(*better, limit) : minimum(*better, limit), node.output())};
}

/// log2 and log10 where log has a stable form.
std::optional<Vars> other_base(const Apply& node, Context& context) {
  const auto stable = context.stable_log(node.input(0));
  if (!stable) return std::nullopt;
  const bool two = scalar_op(node.output()) == words().log2;
  return Vars{
      fit(*stable * (two ? 1.44269504088896340736 : 0.43429448190325182765), node.output())};
}

/// log1p(y) where 1 + y has a stable form whose logarithm has one.
std::optional<Vars> log1p_of_join(const Apply& node, Context& context) {
  if (scalar_op(node.input(0)) != words().neg) return std::nullopt;
  const auto one_plus = context.stabilized(1 - node.input(0).inputs()[0]);
  if (!one_plus) return std::nullopt;
  const auto stable = context.stable_log(*one_plus);
  if (!stable) return std::nullopt;
  return Vars{fit(*stable, node.output())};
}

/// log1p(-x) = log1mexp(log(x)) for an x that may be nearly 1.
std::optional<Vars> log1p_of_minus(const Apply& node, Context& context) {
  if (scalar_op(node.input(0)) != words().neg) return std::nullopt;
  const Var& x = node.input(0).inputs()[0];
  if (!context.fact(x).nonnegative) return std::nullopt;
  const auto stable = context.stable_log(x);
  return stable ? std::optional(Vars{fit(log1mexp(*stable), node.output())}) : std::nullopt;
}

/// xlogy0(v, y) = v log(y), 0 where v is and the logarithm is not finite, where log(y) has a stable
/// form. Where it is finite the product is 0 as well, and its derivative by v is the logarithm.
std::optional<Vars> xlogy_of_stable(const Apply& node, Context& context) {
  const Var& v = node.input(0);
  const auto stable = context.stable_log(node.input(1));
  if (!stable) return std::nullopt;
  // The logarithm of a negative number is NaN, where xlogy0 is 0 all the same.
  const bool same_nan = context.fact(node.input(1)).nonnegative;
  const Var lost =
      same_nan ? isinf(*stable) : and_(not_(isfinite(*stable)), not_(isnan(node.input(1))));
  const Var none = and_(eq(v, 0), lost);
  return Vars{fit(where(none, 0.0, v * *stable), node.output())};
}

}  // namespace

const Rules& logarithm_rules() {
  static const Rules rules = [] {
    Rules list;
    const auto add = [&](std::string name, std::vector<std::string> roots, std::string equation,
                         Rule::Rewrite f) {
      list.push_back(
          node_rewriter(std::move(name), std::move(roots), std::move(equation), std::move(f))
              .stabilizes()
              .tagged("barrier"));
    };
    add("into_join", {"elementwise"}, "f(join(a, b)) = join(f(a), f(b))", into_join);
    add("into_clip", {"log", "log1p", "log2", "log10", "add", "sub", "neg"},
        "f(clip(x, a, b)) = clip(f(x), f(a), f(b))", into_clip);
    add("other_base", {"log2", "log10"}, "log2(x) = log(x) / log(2)", other_base);
    add("log1p_of_join", {"log1p"}, "log1p(-x) = log(1 - x)", log1p_of_join);
    add("log1p_of_minus", {"log1p"}, "log1p(-x) = log1mexp(log(x)) for nonnegative x",
        log1p_of_minus);
    add("xlogy_of_stable", {"xlogy0"}, "xlogy0(v, y) = where(v = 0, 0, v * log(y))",
        xlogy_of_stable);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
