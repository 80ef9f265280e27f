#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/reductions/course.hpp>

namespace damo {
namespace {

/// Moves the axis that the input steps through one by one to the end; false where there is none.
bool unit_axis_last(Walk<1>& walk) {
  for (std::size_t i = walk.rank(); i-- > 0;) {
    if (walk.strides[0][i] != 1) continue;
    walk.swap_axes(i, walk.rank() - 1);
    return true;
  }
  return false;
}

}  // namespace

Split split_axes(const Tensor& in, std::uint32_t axes) {
  Shape kept_shape;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if ((axes >> i & 1U) == 0) kept_shape.push_back(in.shape[i]);
  }
  const Shape out_strides = contiguous_strides(kept_shape);
  Split split;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if ((axes >> i & 1U) != 0) {
      split.reduced.push_back(in.shape[i], {in.strides[i]});
    } else {
      split.kept.push_back(in.shape[i], {in.strides[i], out_strides[split.kept.rank()]});
    }
  }
  return {coalesce(split.kept), coalesce(split.reduced)};
}

void longest_last(Walk<1>& walk) {
  for (std::size_t i = 1; i < walk.rank(); ++i) {
    for (std::size_t j = i; j > 0 && walk.shape[j - 1] > walk.shape[j]; --j) {
      walk.swap_axes(j - 1, j);
    }
  }
}

Course course_of(const Split& split) {
  Walk<1> reduced = split.reduced;
  if (unit_axis_last(reduced)) return {Course::Kind::runs, reduced};
  const bool in_order = split.kept.rank() > 0 && split.kept.strides[0][split.kept.rank() - 1] == 1;
  if (!in_order || reduced.rank() == 0) return {Course::Kind::any, reduced};
  longest_last(reduced);
  return {Course::Kind::rows, reduced};
}

void check_not_empty(std::string_view what, const Tensor& in, std::int64_t reduced) {
  if (reduced != 0) return;
  throw ShapeError(
      fmt::format("{}: no elements to choose from in shape {}", what, to_string(in.shape)));
}

}  // namespace damo
