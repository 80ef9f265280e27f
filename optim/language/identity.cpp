#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <unordered_map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/language/identity.hpp>
#include <damo/optim/language/placeholder.hpp>

namespace damo::optim {
namespace {

/// Answers nothing: for matching one side of a rule against the other.
class NoContext final : public Context {
 public:
  Fact fact(const Var&) override { return {}; }
  std::size_t uses(const Var&) override { return 1; }
  const Terms& terms(Terms::Group group, const Var& v) override {
    return flat_.emplace_back(group, Seen{v}, steps_);
  }
  Reached reached(const Var&) override {
    return {FunctionSet{}.set(), FunctionSet{}.set(), FunctionSet{}.set()};
  }
  std::optional<Var> stabilized(const Var&) override { return std::nullopt; }
  std::optional<Var> stable_log(const Var&) override { return std::nullopt; }
  bool reads_loop(const Var&) override { return false; }
  Var known(const Var&) override { return {}; }
  Var& found_size(const Var&, std::size_t) override { return size_ = Var{}; }
  Var simplified(const Var& v) override { return v; }

 private:
  Var size_{};
  Steps steps_{};
  std::deque<Terms> flat_{};
};

bool is_elementwise_tree(const std::vector<const Apply*>& order) {
  return std::all_of(order.begin(), order.end(), [](const Apply* node) {
    const Var v = node->output();
    return as<Wildcard>(v) != nullptr || constant_value(v) != nullptr || scalar_op(v) != nullptr;
  });
}

/// Whether the left side matches any part of `side` in the flat reading.
bool occurs_flat(const Pattern& pattern, const Vars& wildcards,
                 const std::vector<const Apply*>& side) {
  return std::any_of(side.begin(), side.end(), [&](const Apply* node) {
    if (node->inputs().empty()) return false;
    NoContext context;
    Steps steps;
    return match(pattern, wildcards, node->output(), context, steps, Conditions::ignored)
        .has_value();
  });
}

/// The dtype that the replacement is computed in: the widest that meets at the node.
DType compute_dtype(const Vars& bindings, const Vars& wildcards, const Var& root) {
  DType dtype = root.dtype() == DType::boolean ? DType::int64 : root.dtype();
  for (std::size_t i = 0; i < bindings.size(); ++i) {
    if (bindings[i].defined() && wildcards[i].dtype() != DType::boolean)
      dtype = promote(dtype, bindings[i].dtype());
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
class Builder {
 public:
  Builder(DType dtype, const Var& root, const AsWritten::Found* found)
      : dtype_(dtype), root_(scalar_op(root)), found_(found) {}

  void set(const Var& wildcard, const Var& value) {
    built_.emplace(wildcard.owner_ptr(), Arg(value));
  }
  Var build(const std::vector<const Apply*>& order, const Var& side) {
    for (const Apply* node : order) {
      if (!built_.contains(node)) built_.emplace(node, made(*node));
    }
    return built_.at(side.owner_ptr()).var(dtype_);
  }

 private:
  Arg made(const Apply& node) {
    const Var v = node.output();
    if (constant_value(v) != nullptr) return literal(v, dtype_);
    std::vector<Arg> operands;
    for (const Var& in : node.inputs()) operands.push_back(built_.at(in.owner_ptr()));
    const ScalarOp* f = scalar_op(v);
    if (f == nullptr) {
      Vars inputs;
      for (const Arg& operand : operands) inputs.push_back(operand.var(dtype_));
      const auto op = found_ != nullptr ? AsWritten::op_for(node, *found_) : node.op_ptr();
      return {make_var(op, std::move(inputs))};
    }
    // What the root's op is applied to again keeps the order in which it was met.
    if (found_ != nullptr && found_->swapped && f == root_) std::swap(operands[0], operands[1]);
    if (f->types != ScalarOp::Types::convert) return {apply_scalar(node.op_ptr(), operands)};
    return is_float(f->to) ? Arg(cast(operands[0], dtype_)) : operands[0];
  }

  DType dtype_;
  const ScalarOp* root_;
  const AsWritten::Found* found_;
  std::unordered_map<const Apply*, Arg> built_{};
};

Var with_rest(const Match& m, Terms::Group group, const Var& replacement, DType dtype) {
  if (!m.partial) return replacement;
  if (!m.rest.v.defined()) return group == Terms::Group::product ? -replacement : replacement;
  const Var rest = m.rest.v.dtype() == dtype ? m.rest.v : cast(m.rest.v, dtype);
  if (group == Terms::Group::sum) return m.rest.negative ? replacement - rest : rest + replacement;
  const Var product = rest * replacement;
  return m.rest.negative ? -product : product;
}

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw InternalError(fmt::format("rule '{}': {}", name, why));
}

Vars leaves_of(const Var& side) {
  Vars found;
  for (const Apply* node : toposort(std::span(&side, 1))) {
    if (node->inputs().empty()) found.push_back(node->output());
  }
  return found;
}

void check_placeholders(const std::string& name, const Var& left, const Var& right) {
  const Vars known = leaves_of(left);
  for (const Var& v : leaves_of(right)) {
    const bool bound =
        std::any_of(known.begin(), known.end(), [&](const Var& w) { return same(w, v); });
    if (as<Wildcard>(v) == nullptr && constant_value(v) == nullptr)
      refuse(name, fmt::format("{} is no placeholder: make it with any()", pprint(v)));
    if (as<Wildcard>(v) == nullptr || bound) continue;
    refuse(name, fmt::format("the right side {} uses {}, which the left side {} does not bind",
                             pprint(right), pprint(v), pprint(left)));
  }
}

/// What a rule makes of a node are first outputs.
void check_outputs(const std::string& name, const Var& left, const Var& right) {
  const auto first_only = [&](const Var& v) {
    if (v.index() == 0) return;
    refuse(name, fmt::format("the right side reads a further output of '{}': that takes a function "
                             "of the node",
                             v.op().name()));
  };
  if (left.owner().n_outputs() != 1) {
    refuse(name, fmt::format("'{}' has several outputs: that takes a function of the node",
                             left.op().name()));
  }
  first_only(right);
  for (const Apply* node : toposort(std::span(&right, 1))) {
    for (const Var& in : node->inputs()) first_only(in);
  }
}

}  // namespace

std::shared_ptr<const Identity> Identity::make(const std::string& name, const Var& left,
                                               const Var& right, bool as_written) {
  if (left.inputs().empty())
    refuse(name, fmt::format("the left side {} applies no function", pprint(left)));
  check_placeholders(name, left, right);
  check_placeholders(name, left, left);
  check_outputs(name, left, right);
  if (!right.inputs().empty() && right.ndim() > left.ndim()) {
    refuse(name, fmt::format("the right side {} has {} dimensions, the left side {} has {}",
                             pprint(right), right.ndim(), pprint(left), left.ndim()));
  }
  const std::shared_ptr<Identity> identity(new Identity(left, right));
  identity->right_order_ = toposort(std::span(&right, 1));
  if (as_written || !identity->read_flat()) identity->read_as_written(name);
  return identity;
}

/// Whether sums and products may be taken apart: not where the whole of the left side is a sum or
/// product of one term, or the right side is the same when taken apart, or has it in it.
bool Identity::read_flat() {
  if (!is_elementwise_tree(toposort(std::span(&left_, 1))) || !is_elementwise_tree(right_order_))
    return false;
  pattern_ = Pattern::compile(left_, wildcards_);
  const bool neutral = pattern_.value == (pattern_.kind == Pattern::Kind::product ? 1 : 0);
  const bool one_term = pattern_.is_group() && pattern_.children.size() == 1 && neutral &&
                        !(pattern_.kind == Pattern::Kind::product && pattern_.inverse[0]);
  if (pattern_.kind == Pattern::Kind::wild || pattern_.kind == Pattern::Kind::constant || one_term)
    return false;
  Vars known = wildcards_;
  if (Pattern::compile(right_, known) == pattern_) return false;
  if (occurs_flat(pattern_, wildcards_, right_order_)) return false;
  roots_ = pattern_.roots();
  return true;
}

bool Identity::read_as_written(const std::string& name) {
  reading_ = Reading::as_written;
  tree_ = std::make_shared<const AsWritten>(left_, right_);
  wildcards_ = tree_->wildcards();
  if (tree_->occurs_in(right_)) {
    refuse(name, fmt::format("{} = {} would apply to what it makes, without end", pprint(left_),
                             pprint(right_)));
  }
  roots_ = {left_.op().name()};
  return true;
}

NeededHeads Identity::needed_heads() const {
  if (reading_ != Reading::flat || !pattern_.is_group()) return {};
  return {pattern_.group() == Terms::Group::sum, pattern_.heads, pattern_.within};
}

std::optional<Vars> Identity::rewrite(const Apply& node, Context& context) const {
  return reading_ == Reading::flat ? rewrite_flat(node, context)
                                   : rewrite_as_written(node, context);
}

std::optional<Vars> Identity::rewrite_flat(const Apply& node, Context& context) const {
  Steps steps;
  const Var root = node.output();
  const auto m = match(pattern_, wildcards_, root, context, steps);
  if (!m) return std::nullopt;
  Vars cores;
  for (const Binding& b : m->bindings) cores.push_back(b.seen.core);
  const DType dtype = compute_dtype(cores, wildcards_, root);
  Builder builder(dtype, root, nullptr);
  for (std::size_t i = 0; i < wildcards_.size(); ++i) {
    if (!m->bindings[i].bound()) continue;
    const Var v = m->bindings[i].value();
    const bool convert = wildcards_[i].dtype() != DType::boolean && v.dtype() != dtype;
    builder.set(wildcards_[i], convert ? cast(v, dtype) : v);
  }
  const Var made = builder.build(right_order_, right_);
  const auto group =
      pattern_.kind == Pattern::Kind::sum ? Terms::Group::sum : Terms::Group::product;
  return Vars{fit(with_rest(*m, group, made, dtype), root)};
}

std::optional<Vars> Identity::rewrite_as_written(const Apply& node, Context& context) const {
  if (node.n_outputs() != 1) return std::nullopt;
  const Var root = node.output();
  const auto found = tree_->match(root, context);
  if (!found) return std::nullopt;
  Builder builder(compute_dtype(found->bindings, wildcards_, root), root, &*found);
  for (std::size_t i = 0; i < wildcards_.size(); ++i)
    builder.set(wildcards_[i], found->bindings[i]);
  const Var made = builder.build(right_order_, right_);
  if (made.ndim() > root.ndim()) return std::nullopt;
  return Vars{fit(made, root)};
}

}  // namespace damo::optim
