#pragma once
#include <cstdint>

#include <damo/graph/values/tensor.hpp>

namespace damo {

enum class Reduction : std::uint8_t { sum, prod, max, min, any, all };

/// The dtype of a reduction's result: bool for any and all, int64 for sums and products of bool and
/// int64, else that of the input.
constexpr DType reduced_dtype(Reduction reduction, DType in) {
  if (reduction >= Reduction::any) return DType::boolean;
  if (reduction <= Reduction::prod && in == DType::boolean) return DType::int64;
  return in;
}

/// Reduces the axes of `in` (any strides) whose bits are set in `axes` into `out`: contiguous, of
/// dtype `reduced_dtype`, with as many elements as the kept axes have; kept axes of size 1 may be
/// there or not. Floating point sums and products are taken with the error of pairwise summation,
/// in an order that shape and axes settle: that of a row-major copy, whatever the strides. A sum
/// is infinite only where what the terms come to is, not where some of them on the way do. int64
/// wraps around. NaN wins in max and min. The sum of nothing is 0, the product 1, any false, all
/// true; max and min of nothing throw ShapeError.
void reduce(Reduction reduction, const Tensor& in, std::uint32_t axes, const Tensor& out);

/// The position, in row-major order over the reduced axes, of the first largest (smallest) element;
/// the first NaN where there is one. `out` is int64. Throws ShapeError when there are no elements.
void argmax(const Tensor& in, std::uint32_t axes, const Tensor& out);
void argmin(const Tensor& in, std::uint32_t axes, const Tensor& out);

/// Running sums along one axis; `out` has the shape of `in` and dtype `reduced_dtype(sum, in)`.
void cumsum(const Tensor& in, std::size_t axis, const Tensor& out);

}  // namespace damo
