#pragma once
#include <damo/optim/pipeline.hpp>

namespace damo::optim {

/// Keeps of a loop's values what is read: no outputs that nobody reads, only the last step where
/// only that is; then drops the states, sequences and computations that served nothing else.
FunctionGraph scan_keep_what_is_read(const FunctionGraph& graph, const Pass::Setting& setting);

/// Moves what no step changes out of the loop, constants into it, and merges equal inputs.
FunctionGraph scan_hoist_invariants(const FunctionGraph& graph, const Pass::Setting& setting);

}  // namespace damo::optim
