#pragma once
#include <damo/graph/walk.hpp>

namespace damo {

/// What to differentiate in place of `roots`: the same values, written so that derivatives stay
/// finite where the parts of `roots` overflow or underflow (log(sigmoid(x)) as -softplus(-x)).
/// Variables of `kept` are still there, with all that is computed from them and nothing seen
/// through; random draws and effects stay the nodes they are. Returns `roots` where no rule that
/// stabilizes applies. Defined beside the rules, in optim/engine/stable_form.cpp.
Vars stable_form(const Vars& roots, const VarSet& kept);

}  // namespace damo
