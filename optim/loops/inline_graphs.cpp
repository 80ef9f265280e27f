#include <damo/graph/map_graph.hpp>
#include <damo/ops/control/subgraph_op.hpp>
#include <damo/optim/loops/inline_graphs.hpp>

namespace damo::optim {

FunctionGraph inline_graphs(const FunctionGraph& graph) {
  return map_graph(graph, [](const Apply& node, const Apply&) -> std::optional<Vars> {
    if (node.op().keeps_body()) return std::nullopt;
    const auto inside = with_changed_body(node, inline_graphs);
    const Apply& now = inside ? (*inside)[0].owner() : node;
    const auto* op = as<SubGraph>(now.op());
    return op != nullptr ? std::optional(op->inlined(now)) : inside;
  });
}

}  // namespace damo::optim
