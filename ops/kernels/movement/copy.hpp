#pragma once
#include <damo/graph/values/tensor.hpp>

namespace damo {

/// Copies the elements of `from` to `to`, which has the same shape, converting to its dtype as
/// `converted` does. Any strides, so it also
/// broadcasts (stride 0), reverses and transposes; the two must not overlap. Throws ShapeError when
/// the shapes differ.
void copy(const Tensor& from, const Tensor& to);

/// Sets every element of `to` to the first element of `scalar`, converted as by `copy`.
void fill(const Tensor& to, const Tensor& scalar);

}  // namespace damo
