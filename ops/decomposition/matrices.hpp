#pragma once
#include <utility>

#include <damo/graph/op.hpp>

// What ops on the matrices in the last two axes share.
namespace damo {

/// Throws TypeError or ShapeError unless these are float matrices, or batches of them.
void check_matrices(const TensorType& type);
void check_square(const TensorType& type);
/// The leading axes of `dims`, without its last `core`, and then these.
Shape with_core(const Shape& dims, std::size_t core, std::initializer_list<std::int64_t> more);
Vars with_core(const Vars& sizes, std::size_t core, const Vars& more);
/// What a node asks of the sizes of square matrices.
std::vector<Demand> demand_square(const Vars& sizes);

/// An operand as a float: int64 and bool in floatX.
Var as_float(const Arg& x);
/// Rows for columns.
Var mT(const Var& x);
/// Both with the same leading axes: missing ones, and those known to be 1 in one, are stretched.
std::pair<Var, Var> with_equal_batches(const Var& a, const Var& b);

/// Whether an element is on the diagonal of x's matrices, as a matrix of bools.
Var on_diagonal(const Var& x);
/// The diagonals, and vectors as matrices with them on the diagonal.
Var diagonals(const Var& x);
Var diagonal_matrices(const Var& v);
/// Each column of x's matrices times an element of v, and each row.
Var scale_columns(const Var& x, const Var& v);
Var scale_rows(const Var& v, const Var& x);

/// 1 / (v[j] - v[i]) at (i, j), 0 where they are equal.
Var inverse_gaps(const Var& v);
/// The gradient at the lower triangle, which alone is read, from that at a symmetric matrix.
Var on_lower_triangle(const Var& g);
/// The symmetric matrix of which this is the lower triangle.
Var mirrored(const Var& lower);

}  // namespace damo
