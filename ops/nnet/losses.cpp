#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/along_axis.hpp>
#include <damo/ops/nnet/losses.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/axes.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

namespace damo {

Var binary_crossentropy(const Arg& output, const Arg& target) {
  const SiteScope scope(SiteScope::or_else(output.site()));
  return -(xlogy0(target, output) + xlogy0(1 - target, 1 - output));
}

Var sigmoid_binary_crossentropy(const Arg& output, const Arg& target) {
  const SiteScope scope(SiteScope::or_else(output.site()));
  return target * softplus(-output) + (1 - target) * softplus(output);
}

Var categorical_crossentropy(const Arg& output, const Arg& target) {
  const Site site = SiteScope::or_else(output.site());
  const SiteScope scope(site);
  const Var o = output.var();
  const Var t = computable(target);
  if (o.ndim() == 0 || (t.ndim() != o.ndim() && t.ndim() + 1 != o.ndim())) {
    throw ShapeError(
        fmt::format("categorical_crossentropy: the target has the rank of the output, "
                    "or one less for class numbers\n  output  {}\n  target  {}\n  at {}",
                    describe(o), describe(t), to_string(site)));
  }
  if (t.ndim() == o.ndim()) return -sum(xlogy0(t, o), -1);
  if (t.dtype() != DType::int64) {
    throw TypeError(fmt::format("categorical_crossentropy: class numbers are int64, got {}, at {}",
                                describe(t), to_string(site)));
  }
  // A negative position would count from the end.
  const Var check = size_check(Demand::Kind::at_least, t, int_constant(0),
                               "categorical_crossentropy", {o, t}, site);
  const Var position = expand_dims(after_checks(t, {check}), -1);
  return -squeeze(log(take_along_axis(o, position, -1)), {-1});
}

}  // namespace damo
