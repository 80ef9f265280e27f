#pragma once
#include <functional>
#include <map>
#include <vector>

#include <damo/ops/loop/scan_op.hpp>
#include <damo/optim/engine/pipeline.hpp>

namespace damo::optim {

/// A loop taken apart: its body's inputs beside what they stand for outside. Parts can be added and
/// dropped; `build` makes the node again.
class ScanEdit {
 public:
  explicit ScanEdit(const Apply& node);

  struct Carried {
    Var outer;  ///< A sequence, an initial state, a non-sequence.
    Var inner;  ///< The body's input.
  };
  struct State {
    Var initial;
    Var inner;
    Var next;
  };
  struct Output {
    bool of_state;
    std::size_t index;  ///< Among states, or among extras.
    Scan::Keep keep;
    friend bool operator==(const Output&, const Output&) = default;
  };

  Var n_steps;
  std::vector<Carried> sequences;
  std::vector<State> states;
  std::vector<Carried> non_sequences;
  Vars extras;    ///< Further outputs of the body.
  Var condition;  ///< Of `until`, or null.
  std::vector<Output> outputs;

  /// The body's output that `output` keeps.
  const Var& body_output(const Output& output) const;
  /// A body input that stands for `outer`, which no step changes.
  Var add_non_sequence(const Var& outer);
  /// The place of an output among `outputs`, added when it is not there.
  std::size_t add_output(const Output& output);
  std::size_t add_extra(const Var& body_variable);
  /// Drops states, sequences, extras and non-sequences that no output needs.
  void drop_unused();
  /// Replaces variables throughout the body.
  void replace_in_body(const VarMap& with);

  Vars build() const;

 private:
  Scan::Spec spec_;
  Site site_;
};

/// Rebuilds `graph`, and the bodies of its loops first, with each loop replaced by what `edit`
/// makes of it: as many variables as it has outputs, or nothing to keep it. `edit` sees the node
/// with its inputs already rebuilt, and as it was before.
using EditScan =
    std::function<std::optional<Vars>(const Apply& node, const Apply& before, Trace* trace)>;
/// Made once for each graph and body, before it is rebuilt.
using MakeEditScan = std::function<EditScan(const FunctionGraph& graph)>;
FunctionGraph edit_scans(const FunctionGraph& graph, const MakeEditScan& make, Trace* trace);

/// Notes in the trace what a pass did to a loop.
void record(Trace* trace, const std::string& pass, const Var& before, const Var& after,
            const std::string& what);

}  // namespace damo::optim
