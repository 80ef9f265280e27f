#pragma once
#include <string>
#include <utility>
#include <vector>

#include <damo/graph/function_graph.hpp>
#include <damo/graph/values/array.hpp>
#include <damo/optim/engine/trace.hpp>

namespace damo {

/// Computes both sides of every rewrite in `trace`, which made of `asked` what is run, from
/// `arguments` (the function's inputs) and the present shared values; those inside loops at every
/// step; and what the graph computes after each pass. What differs is judged against long double
/// (optim/verify/judge.hpp): NaN and infinities may become the true value and nothing else, and
/// what rounding explains is no fault. Throws InternalError naming the rule or pass at fault, with
/// expressions, lines, and the worst element.
void check_rewrites(const FunctionGraph& asked, const Trace& trace,
                    std::span<const std::pair<Var, Array>> arguments);

}  // namespace damo
