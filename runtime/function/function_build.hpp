#pragma once
#include <damo/graph/function_graph.hpp>
#include <damo/runtime/function/function.hpp>

namespace damo {

/// Throws GraphError for an input that is empty, given twice, or not an input.
void check_inputs(const Vars& inputs, const std::string& where);

/// Next values of the shared variables that the computation of `roots` moves on by itself, those of
/// `given` and the ones the options exclude left out: streams that it draws from (also inside
/// loops), and variables with a default update that it, or such an update, reads.
std::vector<std::pair<Var, Var>> default_updates(Vars roots, const Updates& given,
                                                 const NoDefaultUpdates& excluded);

/// The variables that givens replace, each with an expression in which other givens have been
/// replaced. Throws GraphError for two givens of one variable and for givens in a circle, TypeError
/// or ShapeError for one that does not fit.
VarMap resolved_givens(const std::vector<std::pair<Var, Var>>& givens, const std::string& where);

/// Puts together the graph a function is asked for: givens replaced, default updates of random
/// streams added, and everything the caller may have got wrong checked. `where` names the function
/// in errors.
FunctionGraph build_graph(const Vars& inputs, const Vars& outputs, const FunctionOptions& options,
                          const std::string& where);

}  // namespace damo
