#pragma once
#include <array>

#include <damo/graph/var.hpp>

namespace damo {

/// A look at the windows of the last two axes of floats, `stride` apart, all of them inside: (...,
/// places of rows and columns, rows and columns of a window). Costs nothing when it runs.
Var windows_of(const Var& x, std::array<int, 2> window, std::array<int, 2> stride);

}  // namespace damo
