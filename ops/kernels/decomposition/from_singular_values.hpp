#pragma once
#include <damo/graph/values/tensor.hpp>

// What singular values make well-behaved where a matrix is singular, or is not square. NaN for a
// matrix with an element that is NaN or infinite.
namespace damo {

/// For each element the determinant of the rest of the matrix, without its row and column, with its
/// sign.
void cofactors(const Tensor& a, const Tensor& result);
/// The pseudo-inverse, where singular values up to `rcond` times the largest count as 0.
void pinv(const Tensor& a, double rcond, const Tensor& result);

}  // namespace damo
