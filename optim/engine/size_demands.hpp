#pragma once
#include <damo/graph/function_graph.hpp>

namespace damo::optim {

/// `result` with the demands put back that `asked` makes of sizes and positions (`Op::demands`) and
/// that no node of `result` makes, as checks beside its outputs. So a rule may drop an operand, or
/// take a size from one of several operands, without a thought of whether they fit together: `0 * m
/// * y` becomes zeros of m's shape, and a mismatch of m and y is an error all the same. Demands
/// that others imply (a = b and b = c imply a = c) and those of known sizes cost nothing; a check
/// is one comparison of integers a call.
FunctionGraph with_lost_demands(const FunctionGraph& asked, FunctionGraph result);

}  // namespace damo::optim
