#pragma once
#include <damo/graph/op.hpp>

// What leaves a loop is computed although no step may run: it must not fail then.
namespace damo::optim {

/// Whether a run of the node may fail for some values or sizes of its inputs, as far as a short
/// look tells.
bool may_raise(const Apply& node);

/// Whether a loop of so many steps, at most, runs its first one for sure.
bool surely_runs(const Var& n_steps);

/// `value`, which has left a loop of `n_steps` steps; zeros of its shape when no step runs.
Var if_loop_runs(const Var& n_steps, const Var& value);

}  // namespace damo::optim
