#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <damo/graph/function_graph.hpp>
#include <damo/optim/engine/mode.hpp>
#include <damo/optim/engine/trace.hpp>

namespace damo {

/// Rewrites `graph` as `mode` says: simpler, stabler, faster, and equal in exact arithmetic. Graphs
/// that serve as ops are inlined first, whatever the mode. What was done goes into `trace`. Throws
/// InternalError when a rewrite is at fault.
FunctionGraph optimize(const FunctionGraph& graph, const Mode& mode = Mode::fast(),
                       Trace* trace = nullptr);

/// The mode of its own that a loop has, or nothing. Throws GraphError for one that is only a text
/// and that no mode has.
std::optional<Mode> own_mode(const Op& op);

/// Whether every pass is followed by `FunctionGraph::check`, which names the pass at fault. Off
/// unless set: tests do.
void set_pass_checks(bool on);

namespace optim {

/// One stage of the pipeline: rules to apply until none fires, or a function of the whole graph.
struct Pass {
  struct Setting {
    const Mode& mode;
    Trace* trace;
  };
  std::string name;
  std::vector<std::string> tags;
  /// Rules that have one of these tags; empty for a procedural pass.
  std::vector<std::string> rules{};
  std::function<FunctionGraph(const FunctionGraph&, const Setting&)> procedure{};
  /// Whether a procedure is about loops, and idle where there are none.
  bool of_loops = true;
};
/// All passes, in the order in which they run.
const std::vector<Pass>& passes();

}  // namespace optim
}  // namespace damo
