#pragma once
#include <array>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <damo/graph/function_graph.hpp>
#include <damo/graph/walk.hpp>
#include <damo/optim/engine/learned.hpp>
#include <damo/optim/engine/merge_table.hpp>
#include <damo/optim/engine/trace.hpp>
#include <damo/optim/language/context.hpp>

namespace damo::optim {

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
    /// What is made is to be differentiated: random draws and effects stay the nodes they are, and
    /// new nodes are made in the order of those they come from, in which gradients add up.
    bool for_grad = false;
    /// What earlier passes know, and this one adds to; null for none.
    Learned* learned = nullptr;
    /// Not even the order may change in which sums add elements up, which is that of the axes in
    /// memory: what is computed is not replaced by a transposed view.
    bool keeps_bits = false;
  };
  Rewriter(const RuleIndex& rules, Settings settings);

  /// Throws InternalError naming the rules when they undo each other without end, or when a rule's
  /// result does not have the type of what it replaces.
  FunctionGraph run(const FunctionGraph& graph);
  /// What to take for known of variables in later runs.
  void assume(const Var& v, const Fact& fact) { assumed_.emplace_back(v, fact); }

  std::size_t applied() const { return applied_; }
  /// How many of them stabilize.
  std::size_t stabilized() const { return stabilized_; }
  std::size_t visits() const { return visits_; }
  /// How often a rule was tried at a node.
  std::size_t tries() const { return tries_; }

  Fact fact(const Var& v) override;
  std::size_t uses(const Var& v) override;
  const Terms& terms(Terms::Group group, const Var& v) override;
  Reached reached(const Var& v) override;
  std::optional<Var> stabilized(const Var& v) override;
  std::optional<Var> stable_log(const Var& v) override;
  bool reads_loop(const Var& v) override;
  Var known(const Var& v) override;
  Var& found_size(const Var& x, std::size_t axis) override;
  Var simplified(const Var& v) override;

 private:
  struct Flat {
    Flat(Terms::Group group, const Var& v) : root(v), terms(group, {v}, steps) {}
    Var root;
    Steps steps{};
    Terms terms;
  };

  FunctionGraph sweeps(const FunctionGraph& graph);
  using Order = Learned::Order;
  FunctionGraph sweep(const FunctionGraph& graph, const Order& order);
  std::shared_ptr<const Order> order_of(const FunctionGraph& graph);
  Order aged(Order order) const;
  bool at_rest(const Order& order);
  void visit(const Apply& node);
  void settle(const Apply& node);
  /// Nothing where its inputs, of whose sizes more is known by now, do not fit it: an error of the
  /// run, if it comes to that.
  std::optional<Vars> on_new_inputs(const Apply& node) const;
  /// It stays what it is, and so does what it reads.
  void keep(const Apply& node);
  void settle_as(const Apply& node, const Vars& outputs);
  Vars settled(const Vars& old) const;
  const Rule* first_to_apply(const Apply& node, Vars& result);
  /// Of a node as a sum and as a product, once they are asked for.
  using Heads = std::array<std::optional<FunctionSet>, 2>;
  /// Most rules are refused at most nodes by this.
  bool lacks_heads(const Rule& rule, const Apply& node, Heads& known);
  Vars simplify(const Vars& roots);
  void visit_all(const Vars& roots);
  Vars fire(const Rule& rule, const Apply& node, Vars result);
  Var with_rewritten_body(const Apply& node);
  static void fit_result(const Rule& rule, const Apply& node, Vars& result);
  [[noreturn]] void report_loop() const;

  const RuleIndex& rules_;
  Settings settings_;
  Facts facts_;
  std::vector<std::pair<Var, Fact>> assumed_;
  Learned own_learned_;
  Learned& learned_;
  VarSet kept_;                // what stays: effects and draws where they must, and errors
  Table<std::uint64_t> ages_;  // by node: that of the one it comes from, when it matters
  std::uint64_t age_ = 0;      // of the node that is visited
  Table<Var> settled_;         // what each old or new variable has become
  MergeTable nodes_;
  Table<std::size_t> uses_;
  Table<Var> sizes_;  // found in this sweep, by variable and axis
  std::unordered_map<const Op*, std::shared_ptr<const Op>> bodies_;
  std::vector<std::shared_ptr<const Op>> kept_ops_;
  std::deque<Flat> flat_;            // sums and products that rules asked for lately
  Table<std::size_t> flat_places_;   // where
  int applying_ = 0;                 // rules that are running, one inside what another asked
  bool asked_ = false;               // the running rule asked for what may change
  bool looking_ = false;             // whether any rule applies, with no graph being rebuilt
  std::vector<const Rule*> firing_;  // each inside what the one before made
  std::vector<const Rule*> recent_;  // the first of the present sweep
  std::size_t applied_ = 0;
  std::size_t stabilized_ = 0;
  std::size_t budget_ = 10000;
  std::size_t visits_ = 0;
  std::size_t tries_ = 0;
  /// What stable_log has answered: an empty Var for none, as far as probes of some depth see.
  struct StableLog {
    Var form{};
    int depth = 0;
  };
  Table<StableLog> stable_logs_;
  bool cut_short_ = false;  // a probe stopped for its depth
  int reading_ = 0;         // how deep the search for loops is
  int probing_ = 0;
  int probes_ = 0;
  bool asking_ = false;  // what fires while a rule asks is neither counted nor traced
};

/// What random draws and effects give among the nodes that `roots` need: made anew they would draw
/// or show twice.
VarSet given_by_effects(const Vars& roots);

}  // namespace damo::optim
