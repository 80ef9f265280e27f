#pragma once
#include <cstdint>

#include <damo/graph/values/dtype.hpp>
#include <damo/ops/kernels/elementwise/loop.hpp>

namespace damo {

/// What becomes of a product a b, which is rounded, and a third operand c.
enum class ProductAnd : std::uint8_t { plus, minus, taken_from };  // a b + c, a b - c, c - a b

/// The loop over a, b and c of a float dtype: the bits of two loops, in one.
LoopSet product_and(ProductAnd what, DType dtype);
/// The same where a is one number.
LoopSet scaled_and(ProductAnd what, DType dtype);

}  // namespace damo
