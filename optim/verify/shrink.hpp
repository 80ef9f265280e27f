#pragma once
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/optim/verify/counterexample.hpp>

namespace damo::optim {

/// Whether a graph, rewritten, still lies at these values, and how.
using Lies = std::function<std::optional<Counterexample>(
    const Var& root, const std::vector<std::pair<Var, Array>>& values)>;

/// The smallest counterexample found near `found`: parts of the graph become inputs, sizes become
/// 1, numbers plain ones, as long as `lies` holds.
Counterexample shrunk(Counterexample found, const Lies& lies);

}  // namespace damo::optim
