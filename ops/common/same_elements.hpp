#pragma once
#include <optional>

#include <damo/graph/op.hpp>

namespace damo {

/// Whether each element of the node's only output is an element of its first input (the others
/// only say which: `Op::origin`): reshaping, indexing, stretching. An elementwise function of the
/// output is then the same movement of that function of the first input.
bool is_movement(const Apply& node);

/// The one value that all elements of `v` have, when `v` is a constant of any shape, possibly
/// converted, reshaped or stretched. Nothing for an int64 that no double is.
std::optional<double> uniform_value(const Var& v);

}  // namespace damo
