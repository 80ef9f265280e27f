#pragma once
#include <damo/graph/values/tensor.hpp>

namespace damo {

/// The exponential of each square matrix in the last two axes: a Pade approximant, scaled and
/// squared (Higham 2005, "The scaling and squaring method for the matrix exponential revisited").
/// NaN for a matrix with an element that is NaN or infinite.
void expm(const Tensor& a, const Tensor& result);

}  // namespace damo
