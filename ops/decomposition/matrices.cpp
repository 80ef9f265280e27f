#include <damo/ops/decomposition/matrices.hpp>

#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/axes.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

Var with_rank(Var x, std::size_t rank) {
  std::vector<AxisEntry> pattern(rank - x.ndim(), AxisEntry(newaxis));
  for (std::size_t i = 0; i < x.ndim(); ++i) pattern.emplace_back(static_cast<int>(i));
  return x.ndim() == rank ? x : dimshuffle(x, pattern);
}

/// With leading axes known to be 1 as large as those of `like`.
Var stretched_batch(const Var& x, const Var& like) {
  Vars wanted = sizes(x);
  bool stretches = false;
  for (std::size_t i = 0; i + 2 < x.ndim(); ++i) {
    if (!x.type().broadcastable(i) || like.type().broadcastable(i)) continue;
    wanted[i] = size_at(like, i);
    stretches = true;
  }
  return stretches ? broadcast_to(x, wanted) : x;
}

}  // namespace

void check_matrices(const TensorType& type) {
  if (!is_float(type.dtype)) throw TypeError("expected floats, got " + to_string(type));
  if (type.rank() < 2)
    throw ShapeError("expected a matrix, or a batch of matrices, got " + to_string(type));
}

void check_square(const TensorType& type) {
  check_matrices(type);
  const std::int64_t rows = type.dims[type.rank() - 2];
  const std::int64_t cols = type.dims[type.rank() - 1];
  if (rows != cols && rows != unknown && cols != unknown)
    throw ShapeError("expected a square matrix, or a batch of them, got " + to_string(type));
}

Shape with_core(const Shape& dims, std::size_t core, std::initializer_list<std::int64_t> more) {
  Shape result;
  for (std::size_t i = 0; i + core < dims.rank(); ++i) result.push_back(dims[i]);
  for (const std::int64_t n : more) result.push_back(n);
  return result;
}

Vars with_core(const Vars& sizes, std::size_t core, const Vars& more) {
  Vars result(sizes.begin(), sizes.end() - static_cast<std::ptrdiff_t>(core));
  result.insert(result.end(), more.begin(), more.end());
  return result;
}

std::vector<Demand> demand_square(const Vars& sizes) {
  return {{Demand::Kind::equal, sizes[sizes.size() - 2], sizes.back()}};
}

std::vector<TensorType> types_on_square(std::span<const TensorType> in,
                                        std::initializer_list<std::size_t> axes) {
  check_arity(in, 1);
  check_square(in[0]);
  const std::int64_t rows = in[0].dims[in[0].rank() - 2];
  const std::int64_t n = rows == unknown ? in[0].dims.back() : rows;
  std::vector<TensorType> out;
  for (const std::size_t count : axes) {
    if (count == 2) {
      out.push_back(in[0]);
    } else {
      out.push_back(
          {in[0].dtype, count == 1 ? with_core(in[0].dims, 2, {n}) : with_core(in[0].dims, 2, {})});
    }
  }
  return out;
}

std::vector<std::optional<Vars>> shapes_on_square(const Vars& sizes,
                                                  std::initializer_list<std::size_t> axes) {
  std::vector<std::optional<Vars>> out;
  for (const std::size_t count : axes) {
    const Vars core(sizes.end() - static_cast<std::ptrdiff_t>(count), sizes.end());
    out.emplace_back(with_core(sizes, 2, core));
  }
  return out;
}

Var mT(const Var& x) { return swapaxes(x, -2, -1); }

std::pair<Var, Var> with_equal_batches(const Var& a, const Var& b) {
  const std::size_t rank = std::max(a.ndim(), b.ndim());
  const Var left = with_rank(a, rank);
  const Var right = with_rank(b, rank);
  return {stretched_batch(left, right), stretched_batch(right, left)};
}

Var on_diagonal(const Var& x) {
  return eye(size_at(x, x.ndim() - 2), size_at(x, x.ndim() - 1), 0, boolean);
}

Var diagonals(const Var& x) { return sum(where(on_diagonal(x), x, 0), -1); }

Var diagonal_matrices(const Var& v) {
  return where(eye(size_at(v, v.ndim() - 1), boolean), expand_dims(v, -1), 0);
}

Var scale_columns(const Var& x, const Var& v) { return x * expand_dims(v, -2); }
Var scale_rows(const Var& v, const Var& x) { return expand_dims(v, -1) * x; }

Var inverse_gaps(const Var& v) {
  const Var gap = expand_dims(v, -2) - expand_dims(v, -1);
  const Var none = eq(gap, 0);
  return where(none, 0, 1 / where(none, 1, gap));
}

Var on_lower_triangle(const Var& g) { return where(on_diagonal(g), g, tril(g + mT(g))); }

Var mirrored(const Var& lower) { return tril(lower) + mT(tril(lower, -1)); }

}  // namespace damo
