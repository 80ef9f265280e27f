#pragma once
#include <cstdint>
#include <span>

#include <damo/graph/values/tensor.hpp>

namespace damo {

/// Which elements of a tensor index tensors name. The tensor's indexed axes are replaced by those
/// of the index tensors' common shape: in place when they are neighbours, else in front.
struct Gathering {
  Tensor tensor;
  /// The indexed axes, in order, and as many index tensors: int64, all of `index_shape`, stretched
  /// by strides of 0.
  std::span<const std::size_t> axes;
  std::span<const Tensor> indices;
  Shape index_shape;
  bool in_place = true;

  /// The shape of what is named.
  Shape shape() const;
};

/// Bytes of scratch memory that the functions below need.
std::size_t gather_scratch(const Gathering& g);
/// Throws ShapeError naming a position that is outside, as the functions below do.
void check_positions(const Gathering& g, std::byte* scratch);
/// Copies what is named to `out`, of shape `g.shape()`. Negative positions count from the end.
/// Throws ShapeError naming the position that is outside, before anything is written.
void gather(const Gathering& g, const Tensor& out, std::byte* scratch);
/// Copies `y`, of that shape, to what is named, or adds it: for each element in row-major order of
/// the indices. Throws as gather does.
void scatter(const Gathering& g, const Tensor& y, bool add, std::byte* scratch);

}  // namespace damo
