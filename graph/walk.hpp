#pragma once
#include <functional>
#include <initializer_list>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <damo/graph/op.hpp>

namespace damo {

using VarMap = std::unordered_map<Var, Var, VarHash, VarSame>;
using VarSet = std::unordered_set<Var, VarHash, VarSame>;

/// The nodes that `outputs` need, each after its inputs. `stop_at` variables count as leaves: what
/// only they need is left out, and so is their own node unless it is needed otherwise. Iterative:
/// graphs may be 10^5 nodes deep.
std::vector<const Apply*> toposort(std::span<const Var> outputs, const VarSet& stop_at = {});

/// The leaves (inputs, shared variables, constants) that `outputs` depend on, in order of first
/// use.
Vars leaves(std::span<const Var> outputs);

/// Rebuilds `outputs` with each key of `with` replaced by its value; nodes that depend on no key
/// are kept as they are. Replacements must refine or equal the types they replace; throws TypeError
/// otherwise.
Vars replace(std::span<const Var> outputs, const VarMap& with);
Var replace(const Var& output, const VarMap& with);

/// `outputs` built anew with other variables in the place of some: of inputs, shared variables or
/// expressions, all at once. Throws TypeError when the types do not fit.
Vars clone(const Vars& outputs, const std::vector<std::pair<Var, Var>>& with);
Vars clone(std::initializer_list<Var> outputs, const std::vector<std::pair<Var, Var>>& with);
Var clone(const Var& output, const std::vector<std::pair<Var, Var>>& with);

/// The node with its inputs exchanged; keeps op, creation line and names. Returns the outputs.
Vars with_inputs(const Apply& node, Vars inputs);
/// The node with its op exchanged for another of as many outputs; keeps the rest.
Vars with_op(const Apply& node, std::shared_ptr<const Op> op);

/// Whether two expressions compute the same thing by structure: equal ops on equal inputs,
/// identical inputs and shared variables, equal constants.
bool same_graph(const Var& a, const Var& b);
/// The same with `paired` leaves of one standing for those of the other (bodies of loops).
bool same_graph(std::span<const Var> a, std::span<const Var> b, const VarMap& paired);

/// A structural hash: equal for expressions that are `same_graph`, the same in every process.
std::size_t structural_hash(std::span<const Var> outputs);

}  // namespace damo
