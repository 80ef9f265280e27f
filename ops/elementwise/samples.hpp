#pragma once
#include <damo/ops/common/op_list.hpp>

// How elementwise functions are applied where all ops are swept.
namespace damo::samples {

using Unary = Var (*)(const Arg&);
using Binary = Var (*)(const Arg&, const Arg&);

/// A function of one operand with values in a range in which it is smooth.
OpSample unary(std::string name, Unary f, double low = -2, double high = 2);
/// A function whose derivative is zero almost everywhere, or that returns no float.
OpSample step(std::string name, Unary f, OpInput operand = {});
/// Of a row and a matrix, with values in the ranges of `a` and `b`.
OpSample binary(std::string name, Binary f, OpInput a = {}, OpInput b = {});
/// Of integers or truth values, so that equal values occur.
OpSample comparison(std::string name, Binary f, DType dtype = DType::int64);
OpSample conversion(DType to);
/// Any other; `apply` gives an elementwise node.
OpSample elementwise(std::string name, std::vector<OpInput> inputs,
                     std::function<Var(const Vars&)> apply);

}  // namespace damo::samples
