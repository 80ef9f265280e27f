#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <damo/graph/op.hpp>

// The axes along which a tensor is reduced, a bit for each.
namespace damo {

class TextReader;

inline bool is_reduced(std::uint32_t axes, std::size_t axis) { return (axes >> axis & 1U) != 0; }

/// A bit for each of `axes`; throws ShapeError that names the operand and the user's line.
std::uint32_t axes_of(const char* who, const Var& x, const Axes& axes, Site site);

/// The result of a reduction with its reduced axes back as axes of size 1. `rank` is that of the
/// operand.
Var restore_axes(const Var& reduced, std::uint32_t axes, std::size_t rank);

// Rules that reductions share. The shape of the operand less the reduced axes:
Shape reduced_dims(const Shape& dims, std::uint32_t axes, bool keepdims);
Vars reduced_sizes(const Vars& sizes, std::uint32_t axes, bool keepdims);
/// "axis=1, keepdims"; no axis is named when all of 0 .. rank - 1 are reduced.
std::string axes_text(std::uint32_t axes, bool keepdims);
/// What `axes_text` wrote: the axes, a bit for each, and whether they are kept.
std::pair<std::uint32_t, bool> read_axes(TextReader& text);
/// Throws ShapeError when `axes` names an axis that a tensor of this type lacks.
void check_axes(const TensorType& x, std::uint32_t axes);
/// The numbers of the elements that are reduced to one, for each element of the result.
std::vector<std::vector<std::size_t>> reduced_groups(const Shape& shape, std::uint32_t axes);
/// That there is something to choose from: an extremum over no elements is an error.
std::vector<Demand> something_to_choose_from(const Vars& sizes, std::uint32_t axes);
/// The axes as a list, for the public functions.
std::vector<int> axis_list(std::uint32_t axes);

}  // namespace damo
