#pragma once
#include <map>
#include <utility>
#include <vector>

#include <damo/ops/gradient/backward_sweep.hpp>
#include <damo/ops/loop/open_loop.hpp>

namespace damo {

/// A gradient as it comes in from outside the loop, and as a step has it; with the mark on its
/// elements that count, empty where all do.
struct Inflow {
  Var outer{};
  Var item{};
  Var marked{};
  Var marked_item{};
};

/// The cost's gradients at the body's outputs, as far as they come from outside the loop.
struct Incoming {
  std::vector<Inflow> per_step;  ///< by body output: of n rows
  std::vector<Inflow> last;      ///< by body output: of the last step only; of a state no item
  std::vector<Var> initial;      ///< by state: of row 0 of its history, or empty
};

/// A state's gradient on its way back: in as many parts as uses of the state add to it, empty where
/// it is not carried, and the mark on its elements to which something flowed, empty where that is
/// all.
struct Carried {
  Vars parts{};
  Var marked{};
};

/// Builds the gradient of a loop: the loop of the body's gradient, from the last step to the first.
class BackwardLoop {
 public:
  BackwardLoop(const Scan& scan, const Apply& node, const FlowAsked& asked);
  FlowFound run();

 private:
  void find_rows();
  /// The body's inputs that something asked for goes through: what is wanted, and the states that
  /// depend on it.
  void find_wrt();
  std::vector<bool> moved_inputs() const;
  std::size_t node_input(std::size_t body_input) const { return body_input + 1; }

  void collect();
  void make_items();
  Var stand_in(TensorType type) const;
  /// What flows to each of `wrt_` in a step.
  std::vector<Arrived> body_gradient() const;
  Slope behind(std::size_t body_input) const;
  /// What flowed to a body input; null when it is none of `wrt_`.
  const Arrived* flow_to(const Var& body_input) const;

  // A state's gradient must be carried backwards when a step reads the state for something that
  // gradients come to, or when its last value has one from outside. The parts in which it is
  // carried are added up after what comes from outside, as they are where no loop is.
  void find_flows();
  /// Carries a state's gradient in `parts` parts; whether that is news.
  bool carry_in(std::size_t state, std::size_t parts);
  /// Fits the mark that is carried with a state's gradient to what flows to the state; whether that
  /// is news.
  bool fit_mark(std::size_t state, const Arrived& flow);

  /// Rows [n - steps, n) of `outer`, last first.
  Var last_rows(const Var& outer) const;
  void add_backward_sequence(const Inflow& in);
  void add_forward_values();
  Var history(std::size_t state) const;
  void build();
  // The gradient of an output's last value enters at the first backward step only.
  void add_last_step();
  void add_results();
  static Var added_to(Var sum, const Vars& parts);
  void carry(std::size_t state, const Vars& parts);
  void add_marks();
  /// Of a loop whose steps are pieces of a longer one: the sums go on from piece to piece, as the
  /// longer loop's do, in place of being added up in each and then added.
  void continue_sums();
  void add_mark_state(const Var& inner, const Var& outer_like, bool initially, const Var& given,
                      const Var& next);
  /// Nor need its products, which cost more than memory for them.
  void store_products(VarMap& stored, std::vector<OpenLoop::Entry>& added) const;
  // What the forward loop stored need not be computed again: tanh' = 1 - y^2 reads y.
  void reuse_forward_outputs();
  void take_results(const OpenLoop::Whole& built, FlowFound& result) const;
  // Truncation cuts every path to the initial value that is longer than the truncation. Handing an
  // initial row on from tap to tap is no path: the row was there from the beginning, and what the
  // last backward step found at a deeper tap is its gradient.
  Var initial_gradient(std::size_t state, const Vars& carried) const;
  /// The rows of all steps of something about sequence i, the others zero.
  Var sequence_rows(std::size_t i, const Var& trace) const;

  const Scan& scan_;
  const Scan::Spec& spec_;
  const Apply& node_;
  FlowAsked asked_;
  Slope slope_ = Slope::constant;  ///< of the body
  bool chooses_ = false;           ///< whether some elements of what flows may not count
  Var rows_;                       ///< how many steps ran
  Var steps_;                      ///< how many of them the gradient goes back
  std::map<std::pair<std::size_t, Scan::Keep>, Var> outputs_;
  Incoming in_;
  Vars wrt_;
  std::vector<Slope> behind_;  ///< of each of `wrt_`
  std::vector<Carried> carried_;
  std::vector<Arrived> flows_;  ///< to each of `wrt_` in a step
  OpenLoop loop_{};
  std::size_t first_result_ = 0;  ///< states from here on end as a gradient or a mark
  std::vector<std::size_t> sequenced_;
  std::vector<std::size_t> marked_sequences_;
  std::vector<std::size_t> accumulated_;
  std::vector<std::size_t> marked_inputs_;  ///< of the node: those with a mark among the states
};

}  // namespace damo
