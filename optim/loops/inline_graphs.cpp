#include <damo/ops/control/subgraph_op.hpp>
#include <damo/optim/loops/inline_graphs.hpp>
#include <damo/optim/loops/scan_edit.hpp>

namespace damo::optim {

FunctionGraph inline_graphs(const FunctionGraph& graph) {
  const EditScan edit = [](const Apply& node, const Apply&, Trace*) -> std::optional<Vars> {
    const auto* op = as<SubGraph>(node.op());
    if (op == nullptr) return std::nullopt;
    FunctionGraph body = inline_graphs(*op->body());
    VarMap outside;
    for (std::size_t i = 0; i < body.inputs.size(); ++i)
      outside.emplace(body.inputs[i], node.input(i));
    return replace(body.outputs, outside);
  };
  return edit_scans(
      graph, [&](const FunctionGraph&) { return edit; }, nullptr);
}

}  // namespace damo::optim
