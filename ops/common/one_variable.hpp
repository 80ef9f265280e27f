#pragma once
#include <optional>

#include <damo/graph/op.hpp>

// An elementwise node as a function of one variable: its other operands are one number everywhere.
namespace damo {

/// The operand that is not one number everywhere; nothing when there is none, or several.
std::optional<std::size_t> only_variable(const Apply& node);
/// The node's function of `x` in place of operand `variable`, its other operands as scalars.
Var applied(const Apply& node, std::size_t variable, const Var& x);

}  // namespace damo
