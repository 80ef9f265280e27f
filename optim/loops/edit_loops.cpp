#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/map_graph.hpp>
#include <damo/optim/loops/edit_loops.hpp>

namespace damo::optim {

void record(Trace* trace, const std::string& pass, const Var& before, const Var& after,
            const std::string& what) {
  if (trace != nullptr) trace->add({pass, pass, {"scan"}, "", before, after, what});
}

FunctionGraph edit_scans(const FunctionGraph& graph, const MakeEditScan& make, Trace* trace) {
  const auto order = graph.order();
  const auto is_loop = [](const Apply* node) { return node->op().body() != nullptr; };
  if (std::none_of(order.begin(), order.end(), is_loop)) return graph;
  const EditScan edit = make(graph);
  return map_graph(graph, [&](const Apply& node, const Apply& before) -> std::optional<Vars> {
    if (node.op().keeps_body()) return std::nullopt;
    const auto inside = with_changed_body(
        node, [&](const FunctionGraph& body) { return edit_scans(body, make, trace); });
    try {
      const auto result = edit(inside ? (*inside)[0].owner() : node, before, trace);
      return result ? result : inside;
    } catch (const ShapeError&) {  // of the run, if the loop runs: more is known here of sizes
      return inside;
    }
  });
}

FunctionGraph edit_each_loop(const FunctionGraph& graph, const EditLoop& edit, Trace* trace,
                             const std::string& pass, const std::string& what) {
  const EditScan loops_only = [&](const Apply& node, const Apply&, Trace*) -> std::optional<Vars> {
    if (as<Scan>(node.op()) == nullptr) return std::nullopt;
    const SiteScope scope(node.site());
    auto fresh = edit(node);
    if (fresh) record(trace, pass, node.output(), fresh->front(), what);
    return fresh;
  };
  return edit_scans(
      graph, [&](const FunctionGraph&) { return loops_only; }, trace);
}

}  // namespace damo::optim
