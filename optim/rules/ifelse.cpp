#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>

// Choices of whole values.
namespace damo::optim {
namespace {

/// An expression with choices by `condition` decided. Looks at a few levels and nodes only: what a
/// derivative reads of the choice it belongs to is close. What others read too stays as it is: made
/// once more at each of many choices inside each other, it would fill the graph.
class Decided {
 public:
  Decided(Var condition, bool holds, Context& context)
      : condition_(std::move(condition)), holds_(holds), context_(context) {}

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
      if (changed && context_.uses(v) <= 1)
        result = with_inputs(v.owner(), std::move(inputs))[v.index()];
      if (!refines(result.type(), v.type())) result = v;
    }
    known_.emplace(v, result);
    return result;
  }

  Var condition_;
  bool holds_;
  Context& context_;
  VarMap known_;
};

std::optional<Vars> decided_inside(const Apply& node, Context& context) {
  const Var& c = node.input(0);
  const Var yes = Decided(c, true, context)(node.input(1));
  const Var no = Decided(c, false, context)(node.input(2));
  if (same(yes, node.input(1)) && same(no, node.input(2))) return std::nullopt;
  return Vars{make_var(node.op_ptr(), {c, yes, no})};
}

}  // namespace

const Rules& ifelse_rules() {
  static const Rules rules = [] {
    Rules list;
    const auto add = [&](std::string name, std::string equation, Rule::Rewrite f) {
      list.push_back(node_rewriter(std::move(name), {"ifelse"}, std::move(equation), std::move(f))
                         .canonicalizes()
                         .sound(Soundness::bit_exact));
    };
    const Var a = any("a"), b = any("b"), c = any_bool("c", 0);
    const auto identity = [&](const char* name, const Var& left, const Var& right) {
      list.push_back(rule(name, left, right).canonicalizes().sound(Soundness::bit_exact));
    };
    identity("ifelse_true", ifelse(true, a, b), a);
    identity("ifelse_false", ifelse(false, a, b), b);
    identity("ifelse_same", ifelse(c, a, a), a);
    identity("ifelse_not", ifelse(not_(c), a, b), ifelse(c, b, a));
    add("decided_inside", "ifelse(c, f(ifelse(c, a, b)), d) = ifelse(c, f(a), d)", decided_inside);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
