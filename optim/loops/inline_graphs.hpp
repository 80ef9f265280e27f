#pragma once
#include <damo/graph/function_graph.hpp>

namespace damo::optim {

/// `graph` with each op made of a graph (`OpFromGraph`, `with_gradient`) replaced by that graph,
/// inside loops too.
FunctionGraph inline_graphs(const FunctionGraph& graph);

}  // namespace damo::optim
