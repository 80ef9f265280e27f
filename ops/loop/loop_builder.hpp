#pragma once
#include <string>
#include <utility>
#include <vector>

#include <damo/ops/loop/scan_op.hpp>

namespace damo {

/// Puts a Scan node together from pairs of what lies outside the loop and what stands for it
/// inside.
struct LoopBuilder {
  struct State {
    Var initial;  ///< outside: the value before the first step
    Var inner;    ///< inside: the previous value, an input of the body
    Var next;     ///< inside: the next value
  };
  Var n_steps{};
  std::vector<std::pair<Var, Var>>
      sequences{};  ///< (outside with time as first axis, one item inside)
  std::vector<State> states{};
  Vars extras{};                                     ///< inside: outputs that are not fed back
  std::vector<std::pair<Var, Var>> non_sequences{};  ///< (outside, inside)
  Var condition{};
  std::string name{};
  std::string mode{};
  bool profile = false;
  std::int64_t truncate_gradient = -1;
  /// What inputs of the body are to the user: (inside, "sequence 0 'x'").
  std::vector<std::pair<Var, std::string>> roles{};
  /// States that carry a shared variable: `build` gives them a last value, recorded in
  /// Scan::Spec::carried.
  std::vector<std::size_t> carried{};
  /// States whose last value is wanted besides their history.
  std::vector<std::size_t> lasts{};

  struct Built {
    std::vector<Var> histories;  ///< of each state, n + 1 rows
    std::vector<Var> traces;     ///< of each extra, n rows
    std::vector<std::pair<std::size_t, Var>>
        lasts;  ///< (state, last value), `carried` first, then `lasts`
  };
  Built build(Site site) const;
};

/// For the derivatives of a loop: what the forward loop prints and checks, it does once.
void drop_effects(LoopBuilder& loop);
/// A symbolic input of the body standing for one item of `sequence`.
Var item_of(const Var& sequence, std::string name, Site site);
/// The type of one item.
TensorType item_type(const TensorType& sequence);
/// The type of a state of this type: its sizes are free to be anything, but an axis of size 1 stays
/// one.
TensorType carried_type(TensorType type);
/// The type of a sequence of such items.
TensorType sequence_type(const TensorType& item);

}  // namespace damo
