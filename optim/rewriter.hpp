#pragma once
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <damo/graph/function_graph.hpp>
#include <damo/optim/context.hpp>
#include <damo/optim/rule.hpp>
#include <damo/optim/trace.hpp>

namespace damo::optim {

/// Rules found by the op at which they apply, each list in the order of the rules.
class RuleIndex {
 public:
  explicit RuleIndex(std::vector<const Rule*> rules);
  /// Rules for nodes of `op`; a rule rooted at "elementwise" is for all elementwise ops, one at
  /// "*" for every op.
  const std::vector<const Rule*>& at(const Op& op) const;

 private:
  std::vector<const Rule*> rules_;
  mutable std::unordered_map<std::string, std::vector<const Rule*>> by_name_;
};

/// Applies rules until none fires. A graph is rebuilt from its leaves up, with a table of nodes
/// made so far, so that equal expressions merge by themselves; each new node is offered to the
/// rules, and what a rule makes is simplified in turn. Bodies of loops are rewritten likewise.
class Rewriter final : public Context {
 public:
  struct Settings {
    std::string pass{};
    Trace* trace = nullptr;
    /// The loop whose body this is.
    std::string loop{};
    int depth = 0;
  };
  Rewriter(const RuleIndex& rules, Settings settings);

  /// Throws InternalError naming the rules when they undo each other without end, or when a rule's
  /// result does not have the type of what it replaces.
  FunctionGraph run(const FunctionGraph& graph);
  /// What to take for known of variables in later runs.
  void assume(const Var& v, const Fact& fact) { assumed_.emplace_back(v, fact); }

  std::size_t applied() const { return applied_; }
  std::size_t visits() const { return visits_; }

  Fact fact(const Var& v) override { return facts_.of(v); }
  std::size_t uses(const Var& v) override;
  std::optional<Var> stabilized(const Var& v) override;
  Var simplified(const Var& v) override;

 private:
  struct NodeHash {
    std::size_t operator()(const Apply* node) const;
  };
  struct NodeSame {
    bool operator()(const Apply* a, const Apply* b) const;
  };

  FunctionGraph sweep(const FunctionGraph& graph);
  const Vars& visit(const Apply& node);
  const Vars& settle(const Apply& node);
  Vars simplify(const Vars& roots);
  void visit_all(const Vars& roots);
  Vars fire(const Rule& rule, const Apply& node, Vars result);
  Var with_rewritten_body(const Apply& node);
  static void check_result(const Rule& rule, const Apply& node, const Vars& result);
  [[noreturn]] void report_loop() const;
  const Vars& remember(const Apply& node, Vars outputs);

  const RuleIndex& rules_;
  Settings settings_;
  Facts facts_;
  std::vector<std::pair<Var, Fact>> assumed_;
  std::unordered_map<const Apply*, Vars> settled_;
  std::unordered_set<const Apply*, NodeHash, NodeSame> nodes_;
  std::unordered_map<Var, std::size_t, VarHash, VarSame> uses_;
  Vars kept_;  // keeps the keys of the tables alive
  std::unordered_map<const Op*, std::shared_ptr<const Op>> bodies_;
  std::vector<std::shared_ptr<const Op>> kept_ops_;
  std::vector<const Rule*> firing_;  // each inside what the one before made
  std::vector<const Rule*> recent_;  // the first of the present sweep
  std::size_t applied_ = 0;
  std::size_t budget_ = 10000;
  std::size_t visits_ = 0;
  int probing_ = 0;
  int probes_ = 0;
  bool asking_ = false;  // what fires while a rule asks is neither counted nor traced
};

}  // namespace damo::optim
