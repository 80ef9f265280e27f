#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo {
namespace {

Var as_int_scalar(const Arg& n) {
  const Var v = whole(n);
  if (v.ndim() != 0 || v.dtype() != DType::int64) {
    throw TypeError(fmt::format("a size must be a number or an int64 scalar, got {}", describe(v)));
  }
  return v;
}

/// For entry (i, j) of an n by m matrix, i + k as a column and j as a row.
struct Grid {
  Var row_number;
  Var column_number;
};
Grid grid(const Var& n, const Var& m, int k) {
  return {expand_dims(arange(n), 1) + k, expand_dims(arange(m), 0)};
}
Grid grid_of(const Var& x, int k, const char* who) {
  if (x.ndim() < 2) {
    throw ShapeError(fmt::format("{}: expected a matrix, got {}", who, describe(x)));
  }
  return grid(size_at(x, x.ndim() - 2), size_at(x, x.ndim() - 1), k);
}
Var cast_number(double value, DType dtype) { return constant(Array::scalar(value).cast(dtype)); }

}  // namespace

Var full(const Sizes& sizes, const Arg& value) {
  const Var v = value.var();
  if (v.ndim() != 0) {
    throw ShapeError(fmt::format("full: the value must be a scalar, got {}", describe(v)));
  }
  return broadcast_to(value, sizes);
}
Var zeros(const Sizes& sizes, DType dtype, Site site) {
  return broadcast_to(Arg(cast_number(0, dtype), site.file, site.line), sizes);
}
Var ones(const Sizes& sizes, DType dtype, Site site) {
  return broadcast_to(Arg(cast_number(1, dtype), site.file, site.line), sizes);
}

Var full_like(const Arg& x, const Arg& value) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = x.var();
  return full(sizes(v), value.var(v.dtype()));
}
Var zeros_like(const Arg& x, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = x.var();
  return broadcast_to(cast_number(0, dtype.value_or(v.dtype())), sizes(v));
}
Var ones_like(const Arg& x, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = x.var();
  return broadcast_to(cast_number(1, dtype.value_or(v.dtype())), sizes(v));
}

Var eye(const Arg& n, DType dtype) { return eye(n, n, 0, dtype); }
Var eye(const Arg& n, const Arg& m, int k, DType dtype) {
  const SiteScope scope(SiteScope::or_else(n.site()));
  const auto size = [&](const Arg& a) {
    const Var v = as_int_scalar(a);
    if (const auto known = scalar_constant(v); known && *known >= 0) return v;
    const Var check = size_check(Demand::Kind::at_least, v, int_constant(0), "eye", {v},
                                 SiteScope::or_else(a.site()));
    return after_checks(v, {check});
  };
  const Grid at = grid(size(n), size(m), k);
  return cast(eq(at.row_number, at.column_number), dtype);
}

Var tril(const Arg& x, int k) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Grid at = grid_of(x.var(), k, "tril");
  return where(at.row_number >= at.column_number, x, cast_number(0, x.dtype()));
}
Var triu(const Arg& x, int k) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Grid at = grid_of(x.var(), k, "triu");
  return where(at.row_number <= at.column_number, x, cast_number(0, x.dtype()));
}

Var diag(const Arg& x, int k) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = x.var();
  const std::int64_t down = k < 0 ? -k : 0;
  const std::int64_t right = k > 0 ? k : 0;
  if (v.ndim() == 2) {
    const Var n = minimum(size_at(v, 0) - down, size_at(v, 1) - right);
    const Var i = arange(maximum(n, 0));
    return v(i + down, i + right);
  }
  if (v.ndim() != 1) {
    throw ShapeError(fmt::format(
        "diag: expected a vector or a matrix, got {}, at {}\n  hint: of batches, diagonal(x) and "
        "alloc_diag(x)",
        describe(v), to_string(SiteScope::or_else(x.site()))));
  }
  const Var n = size_at(v, 0) + (down + right);
  const Var i = arange(size_at(v, 0));
  return set_subtensor(zeros({n, n}, v.dtype())(i + down, i + right), v);
}

}  // namespace damo
