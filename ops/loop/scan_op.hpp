#pragma once
#include <atomic>
#include <string>
#include <vector>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/function_graph.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/flow_through_graph.hpp>
#include <damo/ops/loop/scan_mode.hpp>

namespace damo {

/// A loop as one node. Its body has
///   inputs   [one item of each sequence..., each state's previous value..., non-sequences...]
///   outputs  [each state's next value..., further outputs..., the stop condition (bool scalar) if
///   there is one]
/// and the node has
///   inputs   [n_steps (int64 scalar), sequences (items along axis 0)..., initial states...,
///   non-sequences...] outputs  what `outputs` lists.
/// Step t reads item t of each sequence, so a sequence must have at least n_steps items. Deeper
/// output taps are carried as further states, sequence taps are shifted slices, shared variables
/// updated by the step are states: the op needs to know none of these. The step at which the
/// condition holds is the last one, and is kept.
class Scan final : public OpOf<Scan>,
                   public FlowsThroughGraph,
                   public ComputesAtOnce,
                   public ComputesWide {
 public:
  enum class Keep : std::uint8_t {
    trace,       ///< every step's value, stacked: n rows
    history,     ///< of a state only: the initial value, then every step's: n + 1 rows
    last,        ///< the last step's value; of a state, the initial value when no step ran
    last_strict  ///< the same, but an error when no step ran
  };
  struct Output {
    std::size_t body_output;
    Keep keep;
    friend bool operator==(const Output&, const Output&) = default;
  };
  struct Spec {
    FunctionGraph body;
    std::size_t n_sequences = 0;
    std::size_t n_states = 0;
    bool has_until = false;
    std::vector<Output> outputs{};
    std::string name{};
    /// The mode that the body is rewritten in; empty: that of the function.
    ScanMode mode{};
    bool profile = false;
    std::int64_t truncate_gradient = -1;
    /// Each step is a piece of a longer loop: gradients are added up from piece to piece as that
    /// loop adds them up.
    bool in_pieces = false;
    /// States that carry a shared variable (a random stream's state, an updated parameter): (state,
    /// output with its last).
    std::vector<std::pair<std::size_t, std::size_t>> carried{};
    /// What inputs of the body are to the user, for errors: (input, "sequence 0 'x'").
    std::vector<std::pair<Var, std::string>> roles{};
  };
  explicit Scan(Spec spec);

  const Spec& spec() const { return spec_; }
  std::size_t n_body_outputs() const {
    return spec_.body.outputs.size() - (spec_.has_until ? 1 : 0);
  }
  std::size_t n_non_sequences() const {
    return spec_.body.inputs.size() - spec_.n_sequences - spec_.n_states;
  }
  // Where things are among the node's inputs and the body's inputs.
  static constexpr std::size_t sequence_input(std::size_t i) { return 1 + i; }
  std::size_t state_input(std::size_t i) const { return 1 + spec_.n_sequences + i; }
  std::size_t non_sequence_input(std::size_t i) const {
    return 1 + spec_.n_sequences + spec_.n_states + i;
  }
  const Var& body_sequence(std::size_t i) const { return spec_.body.inputs[i]; }
  const Var& body_state(std::size_t i) const { return spec_.body.inputs[spec_.n_sequences + i]; }
  const Var& body_non_sequence(std::size_t i) const {
    return spec_.body.inputs[spec_.n_sequences + spec_.n_states + i];
  }

  // Errors of a run, in the user's words.
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void fail_too_short(std::size_t sequence, std::int64_t items,
                                   std::int64_t steps) const;
  [[noreturn]] void fail_shape(std::size_t body_output, std::int64_t step, const Shape& before,
                               const Shape& after) const;
  [[noreturn]] void fail_no_step(std::size_t body_output) const;
  void check_steps(std::int64_t n) const;
  std::string role(std::size_t body_input) const;
  std::string output_role(std::size_t body_output) const;

  /// The sizes of one step's value of a body output, by those of the node's inputs, `shapes`; an
  /// empty Var for a size that depends on what a step computes.
  Vars item_sizes(const Vars& inputs, const std::vector<Vars>& shapes,
                  std::size_t body_output) const;

  std::string name() const override { return "scan"; }
  bool takes_storage(std::size_t) const override { return true; }
  std::string parameters() const override;
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override;
  std::vector<Fact> facts_inside(const Apply& node, std::span<const Fact> in) const override;
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  bool carries_marks() const override { return spec_.n_states > 0; }
  FlowFound flow_back(const Apply& node, const FlowAsked& asked) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool shapes_need_values() const override { return true; }
  /// Step by step through `evaluate`: the reference; compiled functions run the body as a program
  /// of its own.
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  std::vector<Array> compute(const Apply& node, TensorsIn in) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  std::vector<std::pair<Var, Var>> state_updates(const Apply& node) const override;
  const FunctionGraph* body() const override { return &spec_.body; }
  std::shared_ptr<const Op> with_body(FunctionGraph body) const override;
  bool keeps_body() const override { return !spec_.mode.empty(); }
  /// That of the first op with an effect in the body.
  std::uint64_t effect() const override { return effect_; }
  friend bool operator==(const Scan& a, const Scan& b);
  std::size_t hash() const override;

 private:
  Spec spec_;
  mutable std::atomic<std::size_t> hash_ = 0;  // of the whole body: found once
  std::uint64_t effect_ = 0;
};

}  // namespace damo
