#pragma once
#include <damo/graph/var.hpp>

namespace damo {

/// `then` where `condition` holds, else `otherwise`: a choice of one whole value, where `where`
/// chooses element by element. Lazy: when a function runs, what only the branch that is not taken
/// needs is not computed, and cannot fail; the same holds of the derivatives, in which that branch
/// counts as zero. `condition` is a bool scalar (a number scalar holds where it is not 0). Both
/// branches have the same dtype and rank; sizes that differ, or that are not known, are known when
/// it runs. A random stream that only one branch draws from moves on in those calls (or steps of a
/// loop) that take it. Throws TypeError or ShapeError for branches that do not match.
Var ifelse(const Arg& condition, const Arg& then, const Arg& otherwise);
/// The same for several values chosen together. Throws GraphError when their numbers differ.
Vars ifelse(const Arg& condition, const Vars& then, const Vars& otherwise);

}  // namespace damo
