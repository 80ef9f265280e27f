#pragma once
#include <initializer_list>
#include <vector>

#include <damo/graph/var.hpp>

// Products. Operands of different dtypes meet as in elementwise mathematics; bool becomes int64.
namespace damo {

/// As numpy.dot: of vectors the inner product, of matrices the matrix product, of tensors the sum
/// over a's last and b's last but one axis; a scalar multiplies. Throws ShapeError when the inner
/// sizes differ.
Var dot(const Arg& a, const Arg& b);
/// The matrix of all products of an element of `a` with an element of `b`, both taken as vectors.
Var outer(const Arg& a, const Arg& b);
/// The sum of products over the last `axes` axes of `a` and the first of `b`; what is left of a,
/// then of b, are the axes of the result.
Var tensordot(const Arg& a, const Arg& b, int axes = 2);
/// The same over pairs of axes: a's axes[i] with b's axes[i].
Var tensordot(const Arg& a, const Arg& b, const std::vector<int>& a_axes,
              const std::vector<int>& b_axes);
/// The matrix products of a (n, m, k) with b (n, k, p), each with its own: (n, m, p). A matrix is a
/// batch of vectors.
Var batched_dot(const Arg& a, const Arg& b);
/// The same over pairs of axes of what is in the batch, the sizes of which must agree; what is left
/// of a, then of b, are the axes of each result.
Var batched_tensordot(const Arg& a, const Arg& b, int axes = 2);
Var batched_tensordot(const Arg& a, const Arg& b, const std::vector<int>& a_axes,
                      const std::vector<int>& b_axes);

/// As numpy.matmul: the matrix products of the last two axes; leading axes that are missing or
/// known to be 1 stretch. A vector on the left is a row, on the right a column, and leaves no axis.
Var matmul(const Arg& a, const Arg& b);
/// The Kronecker product: each element of `a` times the whole of `b`. Up to four axes.
Var kron(const Arg& a, const Arg& b);
/// The sum of the diagonal `offset` above the main one: of a matrix, or of each in the last two
/// axes.
Var trace(const Arg& x, int offset = 0);

}  // namespace damo
