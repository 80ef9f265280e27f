#pragma once
#include <string_view>

#include <damo/graph/values/tensor.hpp>
#include <damo/ops/kernels/movement/strided.hpp>

// Which way a reduction goes through its operand.
namespace damo {

/// Kept axes (of input and output) and reduced axes (of the input), in their order and as few as
/// possible.
struct Split {
  Walk<2> kept;
  Walk<1> reduced;
};
Split split_axes(const Tensor& in, std::uint32_t axes);

/// How floats are reduced, which settles the order in which they are added up: each element of the
/// result by runs of neighbours, neighbours of the result in rows, or each element one by one.
struct Course {
  enum class Kind : std::uint8_t { runs, rows, any };
  Kind kind;
  Walk<1> reduced;
};
Course course_of(const Split& split);
/// Moves the longest axes to the end.
void longest_last(Walk<1>& walk);

/// Throws ShapeError where `reduced` elements are none to choose from.
void check_not_empty(std::string_view what, const Tensor& in, std::int64_t reduced);

}  // namespace damo
