#pragma once
#include <damo/graph/op.hpp>

namespace damo::optim {

/// Whether each element of the node's only output is an element of its first input (the others
/// only say which): reshaping, indexing, stretching. An elementwise function of the output is then
/// the same movement of that function of the first input.
bool is_movement(const Apply& node);

}  // namespace damo::optim
