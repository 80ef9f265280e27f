#include <algorithm>

#include <damo/graph/map_graph.hpp>
#include <damo/graph/variables.hpp>

namespace damo {
namespace {

const Var& mapped(const Var& v, const VarMap& done) {
  const auto it = done.find(v);
  return it == done.end() ? v : it->second;
}

/// What the node's inputs have become, or nothing when they are what they were.
std::optional<Vars> changed_inputs(const Apply& node, const VarMap& done) {
  const auto stays = [&](const Var& in) { return same(mapped(in, done), in); };
  if (std::all_of(node.inputs().begin(), node.inputs().end(), stays)) return std::nullopt;
  Vars inputs;
  inputs.reserve(node.inputs().size());
  for (const Var& in : node.inputs()) inputs.push_back(mapped(in, done));
  return inputs;
}

/// Hands the names of the node's outputs on to those of `fresh` that are nodes younger than
/// `oldest`: older ones are someone else's.
void hand_names_on(const Apply& node, const Vars& fresh, std::uint64_t oldest) {
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    if (node.name(i).empty() || !fresh[i].defined() || !fresh[i].name().empty()) continue;
    if (fresh[i].owner().id() > oldest && !is_leaf(fresh[i]))
      static_cast<void>(fresh[i].named(node.name(i)));
  }
}

}  // namespace

Vars map_nodes(std::span<const Apply* const> order, std::span<const Var> outputs,
               const Visit& visit, VarMap known) {
  VarMap done = std::move(known);
  std::uint64_t last = 0;
  for (const Apply* node : order) last = std::max(last, node->id());
  for (const Apply* node : order) {
    auto inputs = changed_inputs(*node, done);
    if (!inputs && !visit) continue;
    Vars now = inputs ? with_inputs(*node, std::move(*inputs)) : node->outputs();
    if (auto made = visit ? visit(now[0].owner(), *node) : std::nullopt) {
      now = std::move(*made);
      hand_names_on(*node, now, last);
    }
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (now[i].defined() && !same(now[i], node->output(i)))
        done.try_emplace(node->output(i), now[i]);
    }
  }
  Vars result;
  for (const Var& v : outputs) result.push_back(mapped(v, done));
  return result;
}

Vars map_graph(std::span<const Var> outputs, const Visit& visit, VarMap known) {
  VarSet stops;
  for (const auto& [from, to] : known) stops.insert(from);
  return map_nodes(toposort(outputs, stops), outputs, visit, std::move(known));
}

FunctionGraph map_graph(const FunctionGraph& graph, const Visit& visit) {
  return graph.with_roots(map_graph(graph.roots(), visit));
}

Vars made_anew(std::span<const Apply* const> order, std::span<const Var> outputs, VarMap known) {
  const Visit copy = [](const Apply& node, const Apply& before) -> std::optional<Vars> {
    if (&node != &before || node.inputs().empty()) return std::nullopt;
    return with_inputs(node, node.inputs());
  };
  return map_nodes(order, outputs, copy, std::move(known));
}

std::optional<Vars> with_changed_body(
    const Apply& node, const std::function<FunctionGraph(const FunctionGraph&)>& change) {
  const FunctionGraph* body = node.op().body();
  if (body == nullptr) return std::nullopt;
  FunctionGraph changed = change(*body);
  if (std::equal(changed.outputs.begin(), changed.outputs.end(), body->outputs.begin(),
                 body->outputs.end(), VarSame{}))
    return std::nullopt;
  return with_op(node, node.op().with_body(std::move(changed)));
}

}  // namespace damo
