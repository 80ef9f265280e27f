#pragma once
#include <cstdint>

#include <damo/graph/values/tensor.hpp>
#include <damo/graph/values/workspace.hpp>

namespace damo {

/// Sorts along one axis; NaN comes last. `in` has any strides, `out` its shape and dtype.
void sort(const Tensor& in, std::size_t axis, const Tensor& out, Workspace& scratch);

/// The positions along `axis` that sort it, as int64; equal elements keep their order. NaN comes
/// last, or first when `descending`.
void argsort(const Tensor& in, std::size_t axis, bool descending, const Tensor& out,
             Workspace& scratch);

/// Where each of `values` would have to be put into `sorted`, a vector of the same dtype, to keep
/// it sorted: before its equals, or after them. NaN is larger than everything. `out` is int64.
void searchsorted(const Tensor& sorted, const Tensor& values, bool after, const Tensor& out);

}  // namespace damo
