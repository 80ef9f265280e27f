#pragma once
#include <damo/ops/kernels/products/matrix.hpp>
#include <damo/ops/kernels/products/rounded_rows.hpp>
#include <damo/ops/kernels/random/philox.hpp>

namespace damo {

/// What a sum t is made to: scale (t + bias) + shift. All are of the size of the result, with any
/// strides, 0 among them; a row has one scale.
struct LogitOfSum {
  Matrix<const float> bias, scale, shift;
};

/// 1 where the uniform draw is below sigmoid(scale (x w + bias) + shift), else 0, in row-major
/// order, for an x of zeros and ones: the bits of adding up the rows of w that x selects, in their
/// order, then the bias, and so on, and comparing, all in float32. Sums of `rounded`, which is `w`
/// rounded, decide nearly all elements; where their bound leaves doubt, the element alone is summed
/// as floats. Where the bound is too wide to be of use the whole row is. The rows of x are
/// contiguous. A warmed-up call allocates nothing.
void bernoulli_dot(const PhiloxKey& key, Matrix<const float> x, Matrix<const float> w,
                   const RoundedRows& rounded, const LogitOfSum& logit, float* out);

/// How many elements `bernoulli_dot` has summed as floats since the process began, on all threads.
std::int64_t bernoulli_dot_doubts();

}  // namespace damo
