#include <algorithm>
#include <cmath>

#include <damo/graph/walk.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/gradient/altered_gradient.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/language/as_written.hpp>
#include <damo/optim/language/placeholder.hpp>

namespace damo::optim {
namespace {

bool is_uniformly(const Var& v, double number) {
  const auto value = uniform_value(v);
  return value && is_number(*value, number, v.dtype()) &&
         (number != 0 || std::signbit(number) == std::signbit(*value));
}

/// Whether the op of a pattern is any of its kind, whatever its parameters.
bool any_of_its_kind(const Apply& node) {
  if (as<GradientView>(node.op()) != nullptr) return true;
  const auto* reduce = as<Reduce>(node.op());
  return reduce != nullptr && reduce->axes() + 1 == 1U << node.input(0).ndim();
}

/// Whether the node holds for operands of every rank.
bool of_any_rank(const Apply& node) {
  if (node.inputs().empty() || as<Elementwise>(node.op()) != nullptr) return true;
  return any_of_its_kind(node) || node.op().parameters().empty();
}

/// A search that takes parts of the pattern with what shall match them from a list, and goes back
/// where operands may be exchanged.
class Search {
 public:
  /// Without a context, conditions hold of their own placeholders.
  Search(const Vars& wildcards, bool any_rank, Context* context)
      : wildcards_(wildcards), any_rank_(any_rank), context_(context) {
    found_.bindings.resize(wildcards.size());
  }

  std::optional<AsWritten::Found> at(const Var& pattern, const Var& root) {
    std::vector<Pair> todo;
    root_ = pattern;
    if (!step(pattern, root, todo)) return std::nullopt;
    return found_;
  }

 private:
  using Pair = std::pair<Var, Var>;

  bool solve(std::vector<Pair>& todo) {
    if (todo.empty()) return true;
    const auto [p, v] = todo.back();
    todo.pop_back();
    if (step(p, v, todo)) return true;
    todo.emplace_back(p, v);
    return false;
  }

  bool step(const Var& p, const Var& v, std::vector<Pair>& todo) {
    if (as<Wildcard>(p) != nullptr) return bind(p, v, todo);
    if (const auto c = uniform_value(p)) return is_uniformly(v, *c) && solve(todo);
    if (p.index() != v.index() || p.inputs().size() != v.inputs().size()) return false;
    const std::size_t bound = found_.ops.size();
    if (!op_fits(p.owner(), v.owner())) return false;
    if (operands(p, v, false, todo)) return true;
    if (p.op().commutative() && p.inputs().size() == 2 && operands(p, v, true, todo)) {
      found_.swapped = found_.swapped || same(p, root_);
      return true;
    }
    found_.ops.resize(bound);
    return false;
  }

  bool operands(const Var& p, const Var& v, bool swapped, std::vector<Pair>& todo) {
    const std::size_t n = p.inputs().size();
    for (std::size_t i = n; i-- > 0;)
      todo.emplace_back(p.inputs()[i], v.inputs()[swapped ? n - 1 - i : i]);
    if (solve(todo)) return true;
    todo.resize(todo.size() - n);
    return false;
  }

  bool op_fits(const Apply& p, const Apply& v) {
    const ScalarOp* f = scalar_op(p.output());
    const ScalarOp* g = scalar_op(v.output());
    if (is_conversion(f) && is_conversion(g)) return f == g || (is_float(f->to) && is_float(g->to));
    if (f != nullptr || g != nullptr) return f == g;
    if (!any_rank_ || !any_of_its_kind(p)) return p.op().equals(v.op());
    if (p.op().op_class() != v.op().op_class() || p.op().name() != v.op().name()) return false;
    for (const auto& [known, op] : found_.ops) {
      if (known->equals(p.op())) return op->equals(v.op());
    }
    found_.ops.emplace_back(&p.op(), v.op_ptr());
    return true;
  }

  bool bind(const Var& p, const Var& v, std::vector<Pair>& todo) {
    const auto at = std::find_if(wildcards_.begin(), wildcards_.end(),
                                 [&](const Var& w) { return same(w, p); });
    Var& bound = found_.bindings[static_cast<std::size_t>(at - wildcards_.begin())];
    if (bound.defined()) return same(bound, v) && solve(todo);
    const auto& wildcard = static_cast<const Wildcard&>(p.op());
    if (wildcard.dtype() == DType::boolean && v.dtype() != DType::boolean) return false;
    if ((wildcard.has_rank() || !any_rank_) && p.ndim() != v.ndim()) return false;
    if (const Condition& holds = wildcard.condition()) {
      if (context_ != nullptr ? !holds(v, *context_) : !same(p, v)) return false;
    }
    bound = v;
    if (solve(todo)) return true;
    found_.bindings[static_cast<std::size_t>(at - wildcards_.begin())] = Var{};
    return false;
  }

  const Vars& wildcards_;
  bool any_rank_;
  Context* context_;
  Var root_{};
  AsWritten::Found found_{};
};

}  // namespace

AsWritten::AsWritten(const Var& left, const Var& right) : left_(left) {
  const Vars sides{left, right};
  for (const Apply* node : toposort(std::span(&left, 1))) {
    if (as<Wildcard>(node->op()) != nullptr) wildcards_.push_back(node->output());
  }
  for (const Apply* node : toposort(sides)) any_rank_ = any_rank_ && of_any_rank(*node);
  for (const Var& in : left.inputs()) heads_.emplace_back(in);
}

AsWritten::Head::Head(const Var& pattern) : kind(Kind::any) {
  function = scalar_op(pattern);
  if (as<Wildcard>(pattern) != nullptr || is_conversion(function)) return;
  if (const auto number = uniform_value(pattern)) {
    kind = Kind::constant;
    value = *number;
  } else if (function != nullptr) {
    kind = Kind::elementwise;
  } else {
    kind = Kind::other;
    op_class = pattern.op().op_class();
  }
}

bool AsWritten::Head::fits(const Var& v) const {
  switch (kind) {
    case Kind::any:
      return true;
    case Kind::constant:
      return is_uniformly(v, value);
    case Kind::elementwise:
      return scalar_op(v) == function;
    default:
      return v.op().op_class() == op_class;
  }
}

bool AsWritten::heads_fit(const Var& root) const {
  const Vars& in = root.inputs();
  if (in.size() != heads_.size()) return false;
  const Vars& p = left_.inputs();
  if (in.size() == 2 && same(p[0], p[1]) && !same(in[0], in[1])) return false;
  bool straight = true;
  for (std::size_t i = 0; i < in.size() && straight; ++i) straight = heads_[i].fits(in[i]);
  if (straight || in.size() != 2 || !left_.op().commutative()) return straight;
  return heads_[0].fits(in[1]) && heads_[1].fits(in[0]);
}

std::optional<AsWritten::Found> AsWritten::match(const Var& root, Context& context) const {
  if (!heads_fit(root)) return std::nullopt;
  return Search(wildcards_, any_rank_, &context).at(left_, root);
}

bool AsWritten::occurs_in(const Var& side) const {
  const auto order = toposort(std::span(&side, 1));
  return std::any_of(order.begin(), order.end(), [&](const Apply* node) {
    return Search(wildcards_, any_rank_, nullptr).at(left_, node->output(0)).has_value();
  });
}

std::shared_ptr<const Op> AsWritten::op_for(const Apply& node, const Found& found) {
  for (const auto& [pattern, op] : found.ops) {
    if (pattern->equals(node.op())) return op;
  }
  return node.op_ptr();
}

}  // namespace damo::optim
