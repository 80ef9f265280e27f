#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <damo/ops/loop/open_loop.hpp>
#include <damo/ops/loop/scan.hpp>

namespace damo::detail {

/// Gives numbers among the initial values the dtypes of a step's outputs; whether any changed.
bool type_numbers(std::vector<OutputInfo>& infos, const Vars& outputs);

/// Builds one scan: gathers the step's arguments, calls it, finds what it captured, and assembles
/// the loop.
class ScanBuilder {
 public:
  ScanBuilder(const Step& step, ScanOptions& options, bool in_pieces = false);
  /// Nothing when a number among the initial values took another dtype: then build once more.
  std::optional<ScanResult> run(bool numbers_are_typed);

 private:
  std::string title() const;
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void fail_type(const std::string& what) const;
  // Every tap of a sequence is a shifted slice of it, so the loop itself only reads item t.
  void add_sequences();
  // The slices that later steps read of an item come into being last: gradients are added up from
  // the newest use to the oldest, as they are where the loop is unrolled.
  void add_taps(std::size_t i);
  static Range backwards();
  static std::string item_name(const Var& v, std::size_t i, int tap);
  Var number_of_steps(const Var& shortest) const;
  /// The state inside.
  Var state_input(const Var& initial, std::string name);
  // Output taps deeper than -1 become a chain of states: the k-th holds the value k steps back.
  void add_outputs();
  void add_state(const OutputInfo& info, std::size_t output, int back, int rows);
  // The step gets the variable itself; like anything else from outside it is captured afterwards.
  void add_non_sequence(const Var& v);
  StepResult call_step();
  void match_outputs(const Vars& outputs);
  /// The next value of a state as a variable of exactly the state's type.
  Var checked_carry(const Var& next, const OpenLoop::State& state, const std::string& role);
  bool inner_node(const Apply& node) const;
  /// Nodes built by the step, in an order in which they can run.
  std::vector<const Apply*> inner_nodes(const Vars& roots) const;
  Vars roots(const StepResult& result) const;
  // Shared variables that the step updates, or that its draws advance, are carried from step to
  // step.
  void collect_shared_updates(const StepResult& result);
  // Those that the step, or such an update, reads, and that have a default update.
  void add_default_updates(Vars all, std::vector<std::pair<Var, Var>>& next) const;
  // What the step used from outside becomes a non-sequence; constants go inside as they are.
  void capture_outside(const StepResult& result);
  ScanResult finish(StepResult& result);
  /// The step's expressions with what stands inside for what they captured. All of the step's nodes
  /// are made anew, in the order in which the step made them: gradients are added up in that order.
  Vars rebuilt(const Vars& inside) const;
  Var checked_condition(const Var& condition) const;
  const Step& step_;
  ScanOptions& options_;
  Site site_;
  std::uint64_t first_inner_id_ = 0;
  OpenLoop loop_{};
  Vars args_{};
  Vars lengths_{};
  std::vector<std::size_t> first_state_{};
  std::vector<int> depth_{};
  VarMap outside_to_inside_{};
  VarSet listed_{};
  Vars shared_targets_{};
};

}  // namespace damo::detail
