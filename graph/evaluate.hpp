#pragma once
#include <span>
#include <utility>
#include <vector>

#include <damo/graph/array.hpp>
#include <damo/graph/op.hpp>

namespace damo {

/// Computes `outputs` node by node with the ops' own kernels: no rewriting, no fusion, no memory
/// reuse; of a choice only the branch that is taken. The reference that compiled functions are held
/// to, and the engine of constant folding. Shared variables give their present value; `bindings`
/// gives other leaves (or any variable) theirs. Throws GraphError for an input without a value; a
/// kernel's error gains the node and its line.
std::vector<Array> evaluate(std::span<const Var> outputs,
                            std::span<const std::pair<Var, Array>> bindings = {});
Array evaluate(const Var& output, std::span<const std::pair<Var, Array>> bindings = {});

/// Rethrows the error being handled with the failing node, its operands' shapes and lines added to
/// its message.
[[noreturn]] void rethrow_at(const Apply& node, TensorsIn in, const std::string& context);

}  // namespace damo
