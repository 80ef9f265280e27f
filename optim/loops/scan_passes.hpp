#pragma once
#include <damo/optim/engine/pipeline.hpp>

namespace damo::optim {

/// Makes one loop of loops over the same things.
FunctionGraph scan_merge(const FunctionGraph& graph, const Pass::Setting& setting);

/// The gradient of a logarithm outside a loop divides by what the loop's own gradient multiplies
/// with: brings both to one side of the border, where that cancels.
FunctionGraph scan_cancel_at_border(const FunctionGraph& graph, const Pass::Setting& setting);

/// Keeps of a loop's values what is read: no outputs that nobody reads, only the last step where
/// only that is; then drops the states, sequences and computations that served nothing else.
FunctionGraph scan_keep_what_is_read(const FunctionGraph& graph, const Pass::Setting& setting);

/// Moves what no step changes out of the loop, constants into it, and merges equal inputs.
FunctionGraph scan_hoist_invariants(const FunctionGraph& graph, const Pass::Setting& setting);

/// Makes products of what enters a loop, and products that a loop only sums up, one product
/// outside the loop.
FunctionGraph scan_push_out(const FunctionGraph& graph, const Pass::Setting& setting);

}  // namespace damo::optim
