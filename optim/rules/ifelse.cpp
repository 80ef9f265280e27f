#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/engine/catalogue.hpp>

// Choices of whole values.
namespace damo::optim {
namespace {

std::optional<Vars> constant_choice(const Apply& node, Context&) {
  const Array* condition = constant_value(node.input(0));
  if (condition == nullptr) return std::nullopt;
  return Vars{node.input(condition->item<bool>() ? 1 : 2)};
}

std::optional<Vars> same_branches(const Apply& node, Context&) {
  if (!same(node.input(1), node.input(2))) return std::nullopt;
  return Vars{node.input(1)};
}

std::optional<Vars> negated_choice(const Apply& node, Context&) {
  const Var& condition = node.input(0);
  if (scalar_op(condition) != vocabulary().not_) return std::nullopt;
  return Vars{make_var(node.op_ptr(), {condition.inputs()[0], node.input(2), node.input(1)})};
}

/// An expression with choices by `condition` decided. Looks at a few levels and nodes only: what a
/// derivative reads of the choice it belongs to is close.
class Decided {
 public:
  Decided(Var condition, bool holds) : condition_(std::move(condition)), holds_(holds) {}

  Var operator()(const Var& v) { return decide(v, 12); }

 private:
  Var decide(const Var& v, int depth) {
    if (const auto it = known_.find(v); it != known_.end()) return it->second;
    if (depth == 0 || v.inputs().empty() || !v.op().pure() || known_.size() > 200) return v;
    Var result = v;
    if (v.op().chooses() && same(v.inputs()[0], condition_)) {
      result = decide(v.inputs()[holds_ ? 1 : 2], depth - 1);
    } else {
      Vars inputs;
      bool changed = false;
      for (const Var& in : v.inputs()) {
        inputs.push_back(decide(in, depth - 1));
        changed = changed || !same(inputs.back(), in);
      }
      if (changed) result = with_inputs(v.owner(), std::move(inputs))[v.index()];
      if (!refines(result.type(), v.type())) result = v;
    }
    known_.emplace(v, result);
    return result;
  }

  Var condition_;
  bool holds_;
  VarMap known_;
};

std::optional<Vars> decided_inside(const Apply& node, Context&) {
  const Var& c = node.input(0);
  const Var yes = Decided(c, true)(node.input(1));
  const Var no = Decided(c, false)(node.input(2));
  if (same(yes, node.input(1)) && same(no, node.input(2))) return std::nullopt;
  return Vars{make_var(node.op_ptr(), {c, yes, no})};
}

}  // namespace

const Rules& choice_rules() {
  static const Rules rules = [] {
    Rules list;
    const auto add = [&](std::string name, std::string equation, Rule::Rewrite f) {
      list.push_back(node_rewriter(std::move(name), {"ifelse"}, std::move(equation), std::move(f))
                         .canonicalizes()
                         .sound(Soundness::bit_exact));
    };
    add("constant_choice", "ifelse(true, a, b) = a", constant_choice);
    add("same_branches", "ifelse(c, a, a) = a", same_branches);
    add("negated_choice", "ifelse(not c, a, b) = ifelse(c, b, a)", negated_choice);
    add("decided_inside", "ifelse(c, f(ifelse(c, a, b)), d) = ifelse(c, f(a), d)", decided_inside);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
