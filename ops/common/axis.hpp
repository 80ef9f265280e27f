#pragma once
#include <cstddef>
#include <vector>

#include <damo/graph/var.hpp>

namespace damo {

/// An axis that a user named of `v`, counted from the first one. Throws ShapeError for one that is
/// not there.
std::size_t axis_of(const char* who, int axis, const Var& v, Site site);
/// The same of a tensor of that rank, which is not made yet.
std::size_t axis_among(const char* who, int axis, std::size_t rank, Site site);
/// Several, none twice.
std::vector<std::size_t> distinct_axes(const char* who, const std::vector<int>& axes, const Var& v,
                                       Site site);

}  // namespace damo
