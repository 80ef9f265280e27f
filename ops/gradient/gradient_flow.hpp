#pragma once
#include <vector>

#include <damo/graph/branch_guards.hpp>

namespace damo {

/// What flows to a variable by one way, and the choices passed on that way: it flows only where all
/// of them hold, and is computed only there.
struct Flow {
  std::vector<Guard> guards;
  Var value;
};
using Flows = std::vector<Flow>;

/// How many guards, from the outermost on, all flows (one at least) have in common.
std::size_t common_guards(const Flows& flows);

/// The sum of flows to `v` whose first `depth` guards are known to hold: where a choice takes the
/// other branch, a zero.
Var sum_of(const Flows& flows, std::size_t depth, const Var& v);

/// The variables of `roots`' graph that stand for `constants`: themselves, or ones built in the
/// same way.
VarSet find_constants(std::span<const Var> roots, const Vars& constants);

}  // namespace damo
