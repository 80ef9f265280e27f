#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/language/context.hpp>
#include <damo/optim/language/identity.hpp>
#include <damo/optim/language/pattern.hpp>
#include <damo/optim/language/placeholder.hpp>

namespace damo::optim {

Var any(const char* name, Condition condition) {
  return make_var(
      std::make_shared<Wildcard>(name, DType::float64, std::nullopt, std::move(condition)), {});
}
Var any(const char* name, std::size_t rank, Condition condition) {
  return make_var(std::make_shared<Wildcard>(name, DType::float64, rank, std::move(condition)), {});
}
Var any_bool(const char* name) {
  return make_var(std::make_shared<Wildcard>(name, DType::boolean, std::nullopt, Condition{}), {});
}
Var any_bool(const char* name, std::size_t rank) {
  return make_var(std::make_shared<Wildcard>(name, DType::boolean, rank, Condition{}), {});
}

namespace {

/// Whether ops of that name exist, or it stands for many.
bool is_op_name(const std::string& name) {
  return name == "*" || name == "elementwise" || op_reader(name) != nullptr;
}

const MoreOps placeholders([](OpList& ops) {
  ops.reader({"placeholder", nullptr, 0, 0, "it stands for any expression in a rule"});
});

}  // namespace

Condition is_constant() {
  return [](const Var& v, Context&) { return uniform_value(v).has_value(); };
}
Condition is_number(double number) {
  return [number](const Var& v, Context&) {
    const auto c = uniform_value(v);
    return c && is_number(*c, number, v.dtype());
  };
}
Condition is_int64() {
  return [](const Var& v, Context&) { return v.dtype() == DType::int64; };
}
Condition is_floating() {
  return [](const Var& v, Context&) { return is_float(v.dtype()); };
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
  constexpr std::string_view names[] = {"bit-exact",
                                        "bit-exact but for zeros' signs",
                                        "real-equal",
                                        "needs a fact",
                                        "real-equal, or the limit",
                                        "real-equal of what is selected",
                                        "another method",
                                        "approximate"};
  static_assert(std::size(names) == static_cast<std::size_t>(Soundness::approximate) + 1);
  return names[static_cast<std::size_t>(soundness)];
}

std::string tag(Soundness soundness) {
  constexpr std::string_view tags[] = {"bit_exact", "zero_sign", "real_equal", "needs_fact",
                                       "limit",     "selection", "method",     "approximate"};
  static_assert(std::size(tags) == static_cast<std::size_t>(Soundness::approximate) + 1);
  return std::string(tags[static_cast<std::size_t>(soundness)]);
}

Rule::Rule(std::string name, std::vector<std::string> roots, std::string equation, Rewrite rewrite)
    : name_(std::move(name)),
      roots_(std::move(roots)),
      equation_(std::move(equation)),
      mode_tags_{tag(soundness_)},
      rewrite_(std::move(rewrite)) {}

Rule&& Rule::tagged(std::string tag) && {
  mode_tags_.push_back(tag);
  tags_.push_back(std::move(tag));
  return std::move(*this);
}
Rule&& Rule::sound(Soundness soundness) && {
  soundness_ = soundness;
  mode_tags_.front() = tag(soundness);
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
  try {
    auto result = rewrite_(node, context);
    if (result && when_ && !when_(node, context)) return std::nullopt;
    return result;
  } catch (const InternalError&) {
    throw;
  } catch (const Error& e) {  // a user's mistake was found when the graph was built
    throw InternalError(fmt::format("rule '{}' at {}: {}", name_, describe(node), e.what()));
  }
}

void Rule::read(std::shared_ptr<const Identity> identity) {
  roots_ = identity->roots();
  needed_heads_ = identity->needed_heads();
  rewrite_ = [identity = std::move(identity)](const Apply& node, Context& context) {
    return identity->rewrite(node, context);
  };
}

Rule&& Rule::as_written() && {
  read(Identity::make(name_, left_, right_, true));
  return std::move(*this);
}

namespace {

/// "sum(-x) = -sum(x)": a sum of the whole of a placeholder is one over any axes.
std::string equation(const Var& left, const Var& right) {
  std::string text = fmt::format("{} = {}", pprint(left), pprint(right));
  constexpr std::string_view whole = ", axis={0, 1}";
  for (std::size_t at = text.find(whole); at != std::string::npos; at = text.find(whole))
    text.erase(at, whole.size());
  return text;
}

}  // namespace

Rule rule(std::string name, const Var& left, const Var& right) {
  const auto identity = Identity::make(name, left, right);
  Rule result(std::move(name), {}, equation(left, right), {});
  result.left_ = left;
  result.right_ = right;
  result.read(identity);
  return result;
}

Rule node_rewriter(std::string name, std::vector<std::string> roots, std::string equation,
                   Rule::Rewrite rewrite) {
  for (const std::string& root : roots) {
    if (is_op_name(root)) continue;
    throw InternalError(fmt::format("rule '{}': there is no op '{}' to be its root", name, root));
  }
  return {std::move(name), std::move(roots), std::move(equation), std::move(rewrite)};
}

}  // namespace damo::optim
