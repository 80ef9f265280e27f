#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/nnet/activations.hpp>

namespace damo {

Var relu(const Arg& x, const Arg& alpha) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return where(x > 0, x, alpha * x);
}

Var elu(const Arg& x, const Arg& alpha) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return where(x > 0, x, alpha * expm1(x));
}

Var selu(const Arg& x) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return 1.0507009873554804934 * elu(x, 1.6732632423543772848);
}

Var ndtr(const Arg& x) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return 0.5 * erfc(x * -0.70710678118654752440);
}

Var gelu(const Arg& x) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  // From here on the probability is 0 or 1, also in float64; an infinity times 0 would be NaN.
  return where(abs(x) >= 39.0, relu(x), x * ndtr(x));
}

Var hard_sigmoid(const Arg& x) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return clip(0.2 * x + 0.5, 0.0, 1.0);
}

Var softsign(const Arg& x) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var size = 1 + abs(x);
  const Var inner = x / size;
  // The quotient's slope 1 / size - |x| / size^2 would lose its digits where x is large.
  const Var outer = cast(sign(x), inner.dtype()) * (1 - 1 / cast(size, inner.dtype()));
  return where(abs(x) > 1, outer, inner);
}

Var log_sigmoid(const Arg& x) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return -softplus(-x);
}

}  // namespace damo
