#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/elementwise/math.hpp>

namespace damo {

Var as_float(const Arg& x) {
  const Var v = x.var();
  return is_float(v.dtype()) ? v : cast(v, floatX());
}

Var computable(const Arg& x) {
  const Var v = x.var();
  return cast(v, computing(v.dtype()));
}

Var whole(const Arg& x) { return x.is_literal() ? x.var(DType::int64) : computable(x); }

Var whole_scalar(const char* who, const char* what, const Arg& n, Site site) {
  const Var v = whole(n);
  if (v.dtype() == DType::int64 && v.ndim() == 0) return v;
  throw TypeError(fmt::format("{}: {} is an int64 scalar, got {}, at {}", who, what, describe(v),
                              to_string(site)));
}

}  // namespace damo
