#pragma once
#include <string>

#include <damo/graph/var.hpp>

namespace damo {

/// Sums of products by the names of axes, as numpy.einsum: `einsum("bij,bjk->bik", {a, b})`. Each
/// letter names an axis; those that are not behind the arrow are summed over. A letter twice in one
/// operand takes its diagonal; "..." stands for the axes that are not named, aligned at the last.
/// Without an arrow the result has the letters that stand once, in alphabetical order. Operands are
/// contracted two at a time, the cheapest pair first as far as sizes are known, by dot and
/// batched_dot. Throws ShapeError for subscripts that do not fit the operands, and for sizes that
/// differ; an axis known to be 1 stretches.
Var einsum(const std::string& subscripts, const Vars& operands, Site site = Site::here());

}  // namespace damo
