#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/language/pattern.hpp>
#include <damo/optim/language/placeholder.hpp>

namespace damo::optim {
namespace {

/// An identity ready to use.
struct Identity {
  std::string name;
  Vars wildcards{};
  Pattern left{};
  Var right{};
  std::vector<const Apply*> right_order{};
};

/// The dtype that the replacement is computed in: the widest that meets at the node.
DType compute_dtype(const Identity& identity, const Match& m, const Var& root) {
  DType dtype = root.dtype() == DType::boolean ? DType::int64 : root.dtype();
  for (std::size_t i = 0; i < m.bindings.size(); ++i) {
    if (identity.wildcards[i].dtype() != DType::boolean && m.bindings[i].bound())
      dtype = promote(dtype, m.bindings[i].seen.core.dtype());
  }
  return dtype;
}

Arg literal(const Var& constant, DType dtype) {
  const double value = *scalar_constant(constant);
  if (constant.dtype() == DType::boolean) return {value != 0};
  if (is_float(dtype)) return {value};
  return {static_cast<long>(value)};
}

/// The right side with each placeholder replaced by what it stands for, built by the same functions
/// that users call.
Var instantiate(const Identity& identity, const Match& m, DType dtype) {
  std::unordered_map<const Apply*, Arg> built;
  for (std::size_t i = 0; i < identity.wildcards.size(); ++i) {
    if (!m.bindings[i].bound()) continue;
    const Var v = m.bindings[i].value();
    const bool convert = identity.wildcards[i].dtype() != DType::boolean && v.dtype() != dtype;
    built.emplace(identity.wildcards[i].owner_ptr(), Arg(convert ? cast(v, dtype) : v));
  }
  for (const Apply* node : identity.right_order) {
    if (built.contains(node)) continue;
    if (constant_value(node->output()) != nullptr) {
      built.emplace(node, literal(node->output(), dtype));
      continue;
    }
    std::vector<Arg> operands;
    for (const Var& in : node->inputs()) operands.push_back(built.at(in.owner_ptr()));
    const ScalarOp& f = *scalar_op(node->output());
    if (f.types == ScalarOp::Types::convert) {
      built.emplace(node, is_float(f.to) ? Arg(cast(operands[0], dtype)) : operands[0]);
    } else {
      built.emplace(node, Arg(apply_scalar(node->op_ptr(), operands)));
    }
  }
  return built.at(identity.right.owner_ptr()).var(dtype);
}

Var with_rest(const Match& m, Terms::Group group, const Var& replacement, DType dtype) {
  if (!m.partial) return replacement;
  if (!m.rest.v) return group == Terms::Group::product ? -replacement : replacement;
  const Var rest = m.rest.v.dtype() == dtype ? m.rest.v : cast(m.rest.v, dtype);
  if (group == Terms::Group::sum) return m.rest.negative ? replacement - rest : rest + replacement;
  const Var product = rest * replacement;
  return m.rest.negative ? -product : product;
}

std::optional<Vars> rewrite(const Identity& identity, const Apply& node, Context& context) {
  Steps steps;
  const Var root = node.output();
  const auto m = match(identity.left, identity.wildcards, root, context, steps);
  if (!m) return std::nullopt;
  const DType dtype = compute_dtype(identity, *m, root);
  const auto group =
      identity.left.kind == Pattern::Kind::sum ? Terms::Group::sum : Terms::Group::product;
  return Vars{fit(with_rest(*m, group, instantiate(identity, *m, dtype), dtype), root)};
}

std::shared_ptr<const Identity> compile(const std::string& name, const Var& left,
                                        const Var& right) {
  auto identity = std::make_shared<Identity>(Identity{name});
  identity->left = Pattern::compile(left, identity->wildcards);
  identity->right = right;
  identity->right_order = toposort(std::span(&right, 1));
  for (const Apply* node : identity->right_order) {
    const Var v = node->output();
    const auto known = std::find_if(identity->wildcards.begin(), identity->wildcards.end(),
                                    [&](const Var& w) { return same(w, v); });
    if (as<Wildcard>(v) != nullptr && known == identity->wildcards.end()) {
      throw InternalError(
          fmt::format("rule '{}': the right side {} uses {}, which the left side {} "
                      "does not bind",
                      name, pprint(right), pprint(v), pprint(left)));
    }
    if (as<Wildcard>(v) == nullptr && constant_value(v) == nullptr && scalar_op(v) == nullptr)
      throw InternalError(fmt::format("rule '{}': {} is not elementwise", name, pprint(v)));
  }
  return identity;
}

}  // namespace

Var any(const char* name, Condition condition) {
  return make_var(std::make_shared<Wildcard>(name, DType::float64, std::move(condition)), {});
}
Var any_bool(const char* name) {
  return make_var(std::make_shared<Wildcard>(name, DType::boolean, Condition{}), {});
}

Condition is_constant() {
  return [](const Var& v, Context&) { return uniform_value(v).has_value(); };
}
Condition is_number(double number) {
  return [number](const Var& v, Context&) {
    const auto c = uniform_value(v);
    return c && is_number(*c, number, v.dtype());
  };
}
Condition is_binary() {
  return [](const Var& v, Context& context) { return context.fact(v).binary(); };
}
Condition is_nonnegative() {
  return [](const Var& v, Context& context) { return context.fact(v).nonnegative; };
}
Condition is_positive() {
  return [](const Var& v, Context& context) { return context.fact(v).positive; };
}
Condition used_once() {
  return [](const Var& v, Context& context) { return context.uses(v) == 1; };
}

std::string_view name(Soundness soundness) {
  constexpr std::string_view names[] = {"bit-exact", "real-equal", "needs a fact", "approximate"};
  return names[static_cast<std::size_t>(soundness)];
}

Rule::Rule(std::string name, std::vector<std::string> roots, std::string equation, Rewrite rewrite)
    : name_(std::move(name)),
      roots_(std::move(roots)),
      equation_(std::move(equation)),
      rewrite_(std::move(rewrite)) {}

Rule&& Rule::tagged(std::string tag) && {
  tags_.push_back(std::move(tag));
  return std::move(*this);
}
Rule&& Rule::sound(Soundness soundness) && {
  soundness_ = soundness;
  return std::move(*this);
}
Rule&& Rule::when(std::function<bool(const Apply&, Context&)> condition) && {
  when_ = std::move(condition);
  return std::move(*this);
}

bool Rule::has_tag(std::string_view tag) const {
  return std::find(tags_.begin(), tags_.end(), tag) != tags_.end();
}

std::optional<Vars> Rule::apply(const Apply& node, Context& context) const {
  if (when_ && !when_(node, context)) return std::nullopt;
  try {
    return rewrite_(node, context);
  } catch (const InternalError&) {
    throw;
  } catch (const Error& e) {  // a user's mistake was found when the graph was built
    throw InternalError(fmt::format("rule '{}' at {}: {}", name_, describe(node), e.what()));
  }
}

Rule rule(std::string name, const Var& left, const Var& right) {
  const auto identity = compile(name, left, right);
  Rule result(std::move(name), identity->left.roots(),
              fmt::format("{} = {}", pprint(left), pprint(right)),
              [identity](const Apply& node, Context& context) {
                return rewrite(*identity, node, context);
              });
  result.left_ = left;
  result.right_ = right;
  return result;
}

Rule node_rewriter(std::string name, std::vector<std::string> roots, std::string equation,
                   Rule::Rewrite rewrite) {
  return {std::move(name), std::move(roots), std::move(equation), std::move(rewrite)};
}

}  // namespace damo::optim
