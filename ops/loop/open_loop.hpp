#pragma once
#include <string>
#include <utility>
#include <vector>

#include <damo/ops/loop/scan_op.hpp>

namespace damo {

/// A loop that is not yet put together, or taken apart again: what lies outside beside what stands
/// for it inside. Parts can be added, changed and dropped; `build` makes the node.
struct OpenLoop {
  struct Entry {
    Var outer;  ///< a sequence with time as first axis, or what no step changes
    Var inner;  ///< what the body has for it: one item, or the same
  };
  struct State {
    Var initial;  ///< outside: the value before the first step
    Var inner;    ///< inside: the previous value, an input of the body
    Var next;     ///< inside: the next value
  };
  struct Output {
    bool of_state;
    std::size_t index;  ///< among states, or among extras
    Scan::Keep keep;
    friend bool operator==(const Output&, const Output&) = default;
  };

  Var n_steps{};
  std::vector<Entry> sequences{};
  std::vector<State> states{};
  Vars extras{};  ///< inside: outputs of the body that are not fed back
  std::vector<Entry> non_sequences{};
  Var condition{};  ///< inside: of `until`, or empty
  /// What is kept of the values.
  std::vector<Output> outputs{};
  std::string name{};
  ScanMode mode{};
  bool profile = false;
  std::int64_t truncate_gradient = -1;
  bool in_pieces = false;
  /// What inputs of the body are to the user: (inside, "sequence 0 'x'").
  std::vector<std::pair<Var, std::string>> roles{};
  /// States that carry a shared variable. Where the last value of one is kept, the node knows it
  /// for that variable's next one (`Scan::Spec::carried`).
  std::vector<std::size_t> carried{};
  Site site{};

  /// The loop that the node, a Scan, is.
  static OpenLoop of(const Apply& node);

  /// The body's output that `output` keeps.
  const Var& body_output(const Output& output) const;
  /// All outputs of the body: next values, extras, the condition if there is one.
  Vars body_outputs() const;
  void set_body_outputs(const Vars& outputs);
  /// Replaces variables throughout the body.
  void replace_in_body(const VarMap& with);

  /// A body input that stands for `outer`, which no step changes.
  Var add_non_sequence(const Var& outer);
  /// The place of an output among `outputs`, added when it is not there.
  std::size_t add_output(const Output& output);
  std::size_t add_extra(const Var& body_variable);
  /// Drops states, sequences, extras and non-sequences that no output needs.
  void drop_unused();

  /// The node's outputs, one for each of `outputs`.
  Vars build() const;

  /// What a loop has of which everything is kept.
  struct Whole {
    Vars histories;  ///< of each state, n + 1 rows
    Vars traces;     ///< of each extra, n rows
    Vars carried;    ///< the last value of each state that carries a shared variable
    Vars lasts;      ///< those of the states asked for
  };
  /// Keeps everything, `lasts` (states) besides, and builds.
  Whole build_whole(const std::vector<std::size_t>& lasts = {});
};

/// For the derivatives of a loop: what the forward loop prints and checks, it does once.
void drop_effects(OpenLoop& loop);
/// A symbolic input of the body standing for one item of `sequence`.
Var item_of(const Var& sequence, std::string name, Site site);
/// The type of one item.
TensorType item_type(const TensorType& sequence);
/// The type of a state of this type: its sizes are free to be anything, but an axis of size 1 stays
/// one.
TensorType carried_type(TensorType type);
/// `v`, known to have the sizes that `type` knows: a run checks those that were not known.
Var of_sizes(const Var& v, const TensorType& type);
/// The type of a sequence of such items.
TensorType sequence_type(const TensorType& item);

}  // namespace damo
