#pragma once
#include <damo/graph/function_graph.hpp>
#include <damo/runtime/function.hpp>

namespace damo {

/// Puts together the graph a function is asked for: givens replaced, default updates of random
/// streams added, and everything the caller may have got wrong checked. `where` names the function
/// in errors.
FunctionGraph build_graph(const Vars& inputs, const Vars& outputs, const FunctionOptions& options,
                          const std::string& where);

}  // namespace damo
