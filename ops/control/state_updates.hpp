#pragma once
#include <utility>
#include <vector>

#include <damo/graph/branch_guards.hpp>

namespace damo {

/// What `node` makes of the states it consumes (`Op::state_updates`) in a graph with these guards:
/// a node that only one branch of a choice needs leaves its state alone when the other is taken.
std::vector<std::pair<Var, Var>> state_updates(const Apply& node, const Guards& guards);

}  // namespace damo
