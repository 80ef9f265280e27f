#pragma once
#include <functional>
#include <optional>

#include <damo/graph/function_graph.hpp>

namespace damo {

/// What becomes of a node: a variable for each of its outputs (for those that nothing reads it may
/// be empty), or nothing, to keep it. `node` has its inputs already rebuilt, `before` is what it
/// was.
using Visit = std::function<std::optional<Vars>(const Apply& node, const Apply& before)>;

/// `outputs` rebuilt from the leaves up, each node once, as `visit` says. Nodes of which nothing
/// changes are kept; new ones take over the names of what they stand for. `known` is done already:
/// its keys become its values, and what only they need is not visited.
Vars map_graph(std::span<const Var> outputs, const Visit& visit, VarMap known = {});
FunctionGraph map_graph(const FunctionGraph& graph, const Visit& visit);

/// The same for the nodes of `order` only, each of which comes after those it reads.
Vars map_nodes(std::span<const Apply* const> order, std::span<const Var> outputs,
               const Visit& visit, VarMap known = {});

/// A copy of every node of `order` that has inputs, in that order.
Vars made_anew(std::span<const Apply* const> order, std::span<const Var> outputs,
               VarMap known = {});

/// The node with what `change` makes of its op's body; nothing when it has none, or when the body's
/// outputs stay the same variables.
std::optional<Vars> with_changed_body(
    const Apply& node, const std::function<FunctionGraph(const FunctionGraph&)>& change);

}  // namespace damo
