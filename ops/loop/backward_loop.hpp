#pragma once
#include <map>
#include <utility>
#include <vector>

#include <damo/ops/loop/loop_builder.hpp>

namespace damo {

/// The cost's gradients at the body's outputs, as far as they come from outside the loop.
struct Incoming {
  std::vector<Var> per_step;  ///< by body output: n rows, or empty
  std::vector<Var> last;      ///< by body output: of the last step only, or empty
  std::vector<Var> initial;   ///< by state: of row 0 of its history, or empty
};

/// Builds the gradient of a loop: the loop of the body's gradient, from the last step to the first.
class BackwardLoop {
 public:
  BackwardLoop(const Scan& scan, const Apply& node, const Vars& g);
  Gradients run();

 private:
  void find_rows();
  void collect(const Vars& g);
  /// What flows to the body's float inputs, in parts, from `seeds` at its outputs.
  std::vector<Vars> body_gradient(const std::vector<Vars>& seeds) const;
  /// The place of a state among `wrt_`, or its end.
  std::size_t place(std::size_t state) const;
  Var placeholder(std::size_t body_output) const;
  // A state's gradient must be carried backwards when it comes from outside or from a state that is
  // itself carried. It is carried in as many parts as uses of the state add to it: they are added
  // up after what comes from outside, as they are where no loop is.
  void find_active_states();
  /// Rows [n - steps, n) of `outer`, last first.
  Var last_rows(const Var& outer) const;
  Var backward_sequence(const Var& outer, const TensorType& type);
  void add_forward_values();
  Var history(std::size_t state) const;
  void build();
  // The gradient of an output's last value enters at the first backward step only.
  void add_last_step(std::vector<Vars>& seeds);
  void add_results(const std::vector<Vars>& flows);
  static Var added_to(Var sum, const Vars& parts);
  void carry(std::size_t state, const Vars& parts);
  // What the forward loop stored need not be computed again: tanh' = 1 - y^2 reads y.
  void reuse_forward_outputs();
  /// A body output may be known more closely than the history it is stored in.
  static Var specify_item_shape(const Var& rows, const TensorType& item);
  // Truncation cuts every path to the initial value that is longer than the truncation. Handing an
  // initial row on from tap to tap is no path: the row was there from the beginning, and what the
  // last backward step found at a deeper tap is its gradient.
  Var initial_gradient(std::size_t state, const Vars& carried) const;
  Var sequence_gradient(std::size_t i, const Var& trace) const;
  const Scan& scan_;
  const Scan::Spec& spec_;
  const Apply& node_;
  Var rows_;   ///< how many steps ran
  Var steps_;  ///< how many of them the gradient goes back
  std::map<std::pair<std::size_t, Scan::Keep>, Var> outputs_;
  Incoming in_;
  Vars wrt_;                   ///< the body's float inputs
  std::vector<Vars> carried_;  ///< by state: the parts in which its gradient is carried; none: not
  LoopBuilder loop_{};
  std::vector<std::size_t> sequenced_;
  std::vector<std::size_t> accumulated_;
};

}  // namespace damo
