#pragma once
#include <vector>

#include <damo/ops/common/gradient_mask.hpp>

namespace damo {

/// What reverse mode asks of an op that goes on through a graph of its own.
struct FlowAsked {
  Vars g;       ///< By output: the gradient; an empty Var where none flows.
  Vars marked;  ///< By output: the elements that count, a bool that stretches to it; empty: all.
  std::vector<bool> wanted;   ///< By input: whether what flows to it is asked for.
  std::vector<Slope> behind;  ///< By input: the slope of what it is computed by.
};
struct FlowFound {
  Gradients gradients;  ///< By input.
  Vars marked;          ///< By input: the elements that something flows to; empty: all.
};

/// Such an op: what counts of its outputs decides inside what counts of its inputs.
class FlowsThroughGraph {
 public:
  FlowsThroughGraph() = default;
  FlowsThroughGraph(const FlowsThroughGraph&) = default;
  FlowsThroughGraph& operator=(const FlowsThroughGraph&) = delete;
  virtual ~FlowsThroughGraph() = default;
  /// Whether marks of what counts cost something in each step: that an index picks some of the
  /// outputs is no reason for them then.
  virtual bool carries_marks() const { return false; }
  virtual FlowFound flow_back(const Apply& node, const FlowAsked& asked) const = 0;
};

}  // namespace damo
