#pragma once
#include <optional>

#include <damo/ops/shape/sizes.hpp>

// Tensors made from sizes. `zeros`, `ones` and `full` take no memory: they repeat one number.
namespace damo {

Var zeros(const Sizes& sizes, DType dtype = floatX(), Site site = Site::here());
Var ones(const Sizes& sizes, DType dtype = floatX(), Site site = Site::here());
/// `value` (a number or a scalar) everywhere.
Var full(const Sizes& sizes, const Arg& value);
/// Of x's shape, and of its dtype unless another is given.
Var zeros_like(const Arg& x, std::optional<DType> dtype = std::nullopt);
Var ones_like(const Arg& x, std::optional<DType> dtype = std::nullopt);
Var full_like(const Arg& x, const Arg& value);

/// 0, 1, ... below `stop`; int64 when all arguments are integers, else a float.
Var arange(const Arg& stop);
/// start, start + step, ... before `stop`. Throws when the step is 0.
Var arange(const Arg& start, const Arg& stop, const Arg& step = 1);

/// n rows and m columns (n when not given), 1 on the k-th diagonal above the main one.
Var eye(const Arg& n, DType dtype = floatX());
Var eye(const Arg& n, const Arg& m, int k = 0, DType dtype = floatX());
/// The k-th diagonal of a matrix, or the square matrix with a vector on it.
Var diag(const Arg& x, int k = 0);
/// A matrix, or the matrices of the last two axes, with zeros above (tril), below (triu) the k-th
/// diagonal.
Var tril(const Arg& x, int k = 0);
Var triu(const Arg& x, int k = 0);

}  // namespace damo
