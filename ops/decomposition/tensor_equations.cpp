#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/decomposition/matrices.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

// Powers and tensors, made of what is known of matrices.
namespace damo {

Var matrix_power(const Arg& a, int n) {
  const Site site = SiteScope::or_else(a.site());
  const SiteScope scope(site);
  Var v = a.var();
  if (v.ndim() < 2) {
    throw ShapeError(fmt::format(
        "matrix_power: expected a square matrix, or a batch of them, got {}", describe(v)));
  }
  const std::int64_t rows = v.type().dims[v.ndim() - 2], cols = v.type().dims[v.ndim() - 1];
  if (rows == unknown || cols == unknown) {
    v = after_checks(v, {size_check(Demand::Kind::equal, size_at(v, v.ndim() - 2),
                                    size_at(v, v.ndim() - 1), "matrix_power", {v}, site)});
  } else if (rows != cols) {
    throw ShapeError(fmt::format("matrix_power: expected a square matrix, got {}", describe(v)));
  }
  if (n == 0) return broadcast_like(eye(size_at(v, v.ndim() - 1), v.dtype()), v);
  Var square = n < 0 ? matrix_inverse(v) : v;
  Var power;
  for (unsigned left = n < 0 ? 0U - static_cast<unsigned>(n) : static_cast<unsigned>(n);;) {
    if ((left & 1U) != 0) power = power.defined() ? matmul(power, square) : square;
    left >>= 1U;
    if (left == 0) return power;
    square = matmul(square, square);
  }
}

Var tensorinv(const Arg& a, int ind) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Var v = a.var();
  if (ind < 1 || static_cast<std::size_t>(ind) > v.ndim()) {
    throw ShapeError(fmt::format("tensorinv: {} axes are not the first of {}", ind, describe(v)));
  }
  const Vars all = sizes(v);
  const Vars first(all.begin(), all.begin() + ind), last(all.begin() + ind, all.end());
  Vars wanted = last;
  wanted.insert(wanted.end(), first.begin(), first.end());
  return reshape(matrix_inverse(reshape(v, Vars{size_product(first), size_product(last)})), wanted);
}

Var tensorsolve(const Arg& a, const Arg& b) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Var left = a.var(), right = b.var();
  if (left.ndim() < right.ndim()) {
    throw ShapeError(
        fmt::format("tensorsolve: the left operand has too few axes"
                    "\n  left   {}\n  right  {}",
                    describe(left), describe(right)));
  }
  const Vars all = sizes(left);
  const auto split = all.begin() + static_cast<std::ptrdiff_t>(right.ndim());
  const Vars first(all.begin(), split), unknowns(split, all.end());
  const Var matrix = reshape(left, Vars{size_product(first), size_product(unknowns)});
  // Held to the shape of a's first axes: another one may have as many elements.
  const Var known = specify_shape(right, first);
  return reshape(solve(matrix, ravel(known)), unknowns);
}

}  // namespace damo
