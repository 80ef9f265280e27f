#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/arranging/diagonals.hpp>
#include <damo/ops/common/axis.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/shape/axes.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// Where a k-th diagonal begins, and how many elements of it an n by m matrix has.
struct Diagonal {
  std::int64_t row, column;
  Var length;
};
Diagonal diagonal_of(const Var& n, const Var& m, int k) {
  const std::int64_t row = k < 0 ? -static_cast<std::int64_t>(k) : 0;
  const std::int64_t column = k > 0 ? k : 0;
  return {row, column, maximum(minimum(n - row, m - column), 0)};
}

Var filled(const Var& v, const Arg& value, const std::vector<Index>& places) {
  const Var y = value.is_literal() ? value.var(v.dtype()) : value.var();
  if (y.ndim() > 1) {
    throw ShapeError(fmt::format("fill_diagonal: expected a scalar or a vector, got {}, at {}",
                                 describe(y), to_string(SiteScope::or_else(v.site()))));
  }
  return set_subtensor(index_with(v, places, v.site()), y);
}

}  // namespace

Var diagonal(const Arg& x, int k, int axis1, int axis2) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const Var v = x.var();
  const auto plane = distinct_axes("diagonal", {axis1, axis2}, v, site);
  std::vector<int> order;
  for (std::size_t i = 0; i < v.ndim(); ++i) {
    if (i != plane[0] && i != plane[1]) order.push_back(static_cast<int>(i));
  }
  for (const std::size_t axis : plane) order.push_back(static_cast<int>(axis));
  const Diagonal d = diagonal_of(size_at(v, plane[0]), size_at(v, plane[1]), k);
  const Var i = arange(d.length);
  return shuffle_axes(v, order)(ellipsis, i + d.row, i + d.column);
}

Var alloc_diag(const Arg& x, int k, int axis1, int axis2) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const Var v = x.var();
  if (v.ndim() == 0)
    throw ShapeError(
        fmt::format("alloc_diag: {} has no axis, at {}", describe(v), to_string(site)));
  const std::int64_t row = k < 0 ? -static_cast<std::int64_t>(k) : 0;
  const std::int64_t column = k > 0 ? k : 0;
  const Var i = arange(size_at(v, v.ndim() - 1));
  Vars square = sizes(v);
  square.back() = square.back() + (row + column);
  square.push_back(square.back());
  const Var matrices = set_subtensor(zeros(square, v.dtype())(ellipsis, i + row, i + column), v);
  distinct_axes("alloc_diag", {axis1, axis2}, matrices, site);
  return moveaxis(matrices, {-2, -1}, {axis1, axis2});
}

Var fill_diagonal(const Arg& x, const Arg& value) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const Var v = x.var();
  if (v.ndim() < 2) {
    throw ShapeError(fmt::format("fill_diagonal: expected a matrix, got {}, at {}", describe(v),
                                 to_string(site)));
  }
  Var shortest = size_at(v, 0);
  for (std::size_t i = 1; i < v.ndim(); ++i) shortest = minimum(shortest, size_at(v, i));
  return filled(v, value, std::vector<Index>(v.ndim(), Index(arange(shortest))));
}
Var fill_diagonal_offset(const Arg& x, const Arg& value, int k) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const Var v = x.var();
  if (v.ndim() != 2) {
    throw ShapeError(fmt::format("fill_diagonal_offset: expected a matrix, got {}, at {}",
                                 describe(v), to_string(site)));
  }
  const Diagonal d = diagonal_of(size_at(v, 0), size_at(v, 1), k);
  const Var i = arange(d.length);
  return filled(v, value, {Index(i + d.row), Index(i + d.column)});
}

}  // namespace damo
