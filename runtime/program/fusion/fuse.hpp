#pragma once
#include <vector>

#include <damo/graph/branch_guards.hpp>

namespace damo {

/// Nodes that become one instruction, each after those it needs.
using Unit = std::vector<const Apply*>;

/// Sorts the nodes that `roots` need into units, each after the units it needs. With `fuse`,
/// elementwise nodes and parameterless random draws over the same index space join the unit of the
/// nodes that use them; otherwise each node stands alone. A value that is also needed outside its
/// unit may join where that makes no cycle. Nodes of a unit are all needed under the same guards.
/// Leaves are units of their own.
std::vector<Unit> group_nodes(const Vars& roots, const Guards& guards, bool fuse);

}  // namespace damo
