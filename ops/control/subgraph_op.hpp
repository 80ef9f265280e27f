#pragma once
#include <optional>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/function_graph.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/flow_through_graph.hpp>
#include <damo/ops/control/op_from_graph.hpp>

namespace damo {

/// A derivative that was given to a graph, as the graph that its function builds: of the op's
/// inputs, its outputs, and what flows in (the gradient at each output, the tangent of each
/// argument). Of `size` derivatives it has those numbered `parts`; the others are empty.
struct GivenDerivative {
  std::size_t size;
  std::vector<std::size_t> parts;
  FunctionGraph graph;
};

/// A graph as one node. Its body's inputs are the arguments, then what it captured; the node's
/// inputs stand for those. The optimizer puts the body in its place.
class SubGraph final : public OpOf<SubGraph>,
                       public FlowsThroughGraph,
                       public ComputesAtOnce,
                       public ComputesWide {
 public:
  /// `captured`: what the inputs after the arguments stand for where the op was made. A function
  /// among the options may read them; what they are at a node then takes their place.
  SubGraph(FunctionGraph body, std::size_t n_arguments, Vars captured, OpFromGraphOptions options)
      : body_(std::move(body)),
        n_arguments_(n_arguments),
        captured_(std::move(captured)),
        options_(std::make_shared<const OpFromGraphOptions>(std::move(options))) {}

  std::size_t n_arguments() const { return n_arguments_; }
  /// The outputs as expressions of the node's inputs.
  Vars inlined(const Apply& node) const { return in_place(body_.outputs, node); }

  /// What was given in place of the graph's derivatives, for any operands.
  std::optional<GivenDerivative> gradient_graph() const;
  std::optional<GivenDerivative> push_forward_graph() const;

  std::string name() const override { return "op_from_graph"; }
  bool takes_storage(std::size_t) const override { return true; }
  std::string parameters() const override;
  Printed print(const Apply& node, std::span<const Printed> inputs) const override;
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  FlowFound flow_back(const Apply& node, const FlowAsked& asked) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool shapes_need_values() const override { return true; }
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  std::vector<Array> compute(const Apply& node, TensorsIn in) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  std::vector<std::pair<Var, Var>> state_updates(const Apply& node) const override;
  const FunctionGraph* body() const override { return &body_; }
  std::shared_ptr<const Op> with_body(FunctionGraph body) const override;
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override;
  std::vector<Fact> facts_inside(const Apply&, std::span<const Fact> in) const override {
    return {in.begin(), in.end()};
  }
  friend bool operator==(const SubGraph& a, const SubGraph& b);
  std::size_t hash() const override;

 private:
  /// Variables of the body with the node's inputs for the body's.
  Vars in_place(const Vars& inside, const Apply& node) const;
  using Given = std::function<Vars(const Vars&, const Vars&, const Vars&)>;
  /// What `given` builds for variables of these types; empty ones stand for none.
  GivenDerivative as_graph(const Given& given, const Vars& inputs, const Vars& outputs,
                           const Vars& flows) const;
  /// What `given` says at a node.
  Vars derivative(const Given& given, const Apply& node, const Vars& flows) const;
  Vars arguments(const Vars& inputs) const;
  Gradients given_gradient(const Apply& node, Vars g) const;

  FunctionGraph body_;
  std::size_t n_arguments_;
  Vars captured_;
  std::shared_ptr<const OpFromGraphOptions> options_;
};

}  // namespace damo
