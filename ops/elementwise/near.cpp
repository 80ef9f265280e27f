#include <limits>

#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/near.hpp>
#include <damo/ops/elementwise/samples.hpp>
#include <damo/ops/reduction/reductions.hpp>

namespace damo {
namespace {

DAMO_SCALAR(IsFinite, (T x), x - x == T(0));
struct Always {
  DAMO_INLINE bool operator()(auto) const { return true; }
};

}  // namespace

Var isfinite(const Arg& x) {
  static const auto op = define(
      {.name = "isfinite",
       .arity = 1,
       .types = ScalarOp::Types::predicate,
       .loops = {{make_loops<Always, bool, bool>(), make_loops<Always, bool, std::int64_t>(),
                  make_loops<IsFinite, bool, float>(), make_loops<IsFinite, bool, double>()},
                 wide<IsFinite, 1>()},
       .gradient = [](const Vars&, const Var&, const Var&) -> Vars { return {Arg(0.0).var()}; },
       .slope = Slope::constant});
  return elementwise(op, {x});
}

Var isclose(const Arg& first, const Arg& second, const NearOptions& options) {
  const SiteScope scope(SiteScope::or_else(first.site()));
  // The difference of two integers may be no int64.
  const auto real = [](const Arg& x) {
    return x.is_literal() || is_float(x.dtype()) ? x : Arg(cast(x, float64));
  };
  const Arg a = real(first), b = real(second);
  const Var finite = and_(isfinite(a), isfinite(b));
  const Var near = abs(a - b) <= options.atol + options.rtol * abs(b);
  const Var close = where(finite, near, eq(a, b));
  return options.equal_nan ? or_(close, and_(isnan(a), isnan(b))) : close;
}
Var allclose(const Arg& a, const Arg& b, const NearOptions& options) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  return all(isclose(a, b, options));
}

Var nan_to_num(const Arg& x, const ReplacedNumbers& by) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = x.var();
  if (!is_float(v.dtype())) return v;
  const double most = v.dtype() == DType::float32
                          ? static_cast<double>(std::numeric_limits<float>::max())
                          : std::numeric_limits<double>::max();
  const Var infinite = where(v > 0, number(by.posinf.value_or(most), v.dtype()),
                             number(by.neginf.value_or(-most), v.dtype()));
  return where(isnan(v), by.nan, where(isinf(v), infinite, v));
}

DAMO_OPS(near) { ops.sample(samples::step("isfinite", isfinite)); }

}  // namespace damo
