#pragma once
#include <string>

#include <damo/graph/values/tensor.hpp>

namespace damo {

/// The elements on one line, "[[1, 2, 3], [4, 5, 6]]". Of an axis longer than 2 * `edge` only
/// `edge` entries at each end are shown, with "..." between them.
std::string elements_text(const Tensor& t, std::int64_t edge = 3);
/// One element, by its index.
std::string element_text(const Tensor& t, const Shape& index);
/// Where in row-major order of `shape` the element number `i` is.
Shape index_of(std::int64_t i, const Shape& shape);
/// The element of `t` at `index`, as double.
double element_at(const Tensor& t, const Shape& index);

}  // namespace damo
