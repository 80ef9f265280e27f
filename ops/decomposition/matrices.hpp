#pragma once
#include <initializer_list>
#include <optional>
#include <span>
#include <utility>
#include <vector>

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

/// For square matrices, what results are that have these many axes of their size, from 0 to 2.
std::vector<TensorType> types_on_square(std::span<const TensorType> in,
                                        std::initializer_list<std::size_t> axes);
std::vector<std::optional<Vars>> shapes_on_square(const Vars& sizes,
                                                  std::initializer_list<std::size_t> axes);

/// Base of ops on a square matrix, or on each of a batch: each output is a number (0), a vector (1)
/// or a matrix of the same size (2).
template <class Derived, std::size_t... axes>
class OnSquare : public OpOf<Derived> {
 public:
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    return types_on_square(in, {axes...});
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return shapes_on_square(shapes[0], {axes...});
  }
  std::vector<Demand> demands(const Apply&, const std::vector<Vars>& shapes) const override {
    return demand_square(shapes[0]);
  }
};

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
