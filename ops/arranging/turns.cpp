#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/arranging/turns.hpp>
#include <damo/ops/common/axis.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reduced_axes.hpp>
#include <damo/ops/shape/axes.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

Var along(const Var& x, std::size_t axis, Range range) {
  std::vector<Index> index(axis, all());
  index.emplace_back(std::move(range));
  return index_with(x, index, x.site());
}

}  // namespace

Var roll(const Arg& x, const Arg& shift) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = x.var();
  return reshape(roll(ravel(v), shift, 0), sizes(v));
}
Var roll(const Arg& x, const Arg& shift, int axis) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const Var v = x.var();
  const std::size_t at = axis_of("roll", axis, v, site);
  const Var by = whole_scalar("roll", "a shift", shift, site);
  const Var n = size_at(v, at);
  const Var kept = n - by % n;
  return concatenate({along(v, at, {kept, {}, {}}), along(v, at, {{}, kept, {}})},
                     static_cast<int>(at));
}

Var flip(const Arg& x, const Axes& axes) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const Var v = x.var();
  const std::uint32_t turned = axes_of("flip", v, axes, site);
  std::vector<Index> index;
  for (std::size_t i = 0; i < v.ndim(); ++i) {
    if (is_reduced(turned, i)) {
      index.emplace_back(Range{{}, {}, int_constant(-1)});
    } else {
      index.emplace_back(all());
    }
  }
  return index.empty() ? v : index_with(v, index, v.site());
}
Var flipud(const Arg& x) { return flip(x, 0); }
Var fliplr(const Arg& x) { return flip(x, 1); }

Var rot90(const Arg& x, int k, std::array<int, 2> axes) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const auto plane = distinct_axes("rot90", {axes[0], axes[1]}, x.var(), site);
  const int first = static_cast<int>(plane[0]);
  const int second = static_cast<int>(plane[1]);
  switch ((k % 4 + 4) % 4) {
    case 1:
      return swapaxes(flip(x, second), first, second);
    case 2:
      return flip(x, {first, second});
    case 3:
      return flip(swapaxes(x, first, second), second);
    default:
      return x.var();
  }
}

Var diff(const Arg& x, int n, int axis) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  Var v = x.var();
  const std::size_t at = axis_of("diff", axis, v, site);
  if (n < 0) throw ShapeError(fmt::format("diff: {} times, at {}", n, to_string(site)));
  for (int i = 0; i < n; ++i) {
    const Var after = along(v, at, {int_constant(1), {}, {}});
    const Var before = along(v, at, {{}, maximum(size_at(v, at) - 1, 0), {}});
    v = v.dtype() == DType::boolean ? xor_(after, before) : after - before;
  }
  return v;
}

}  // namespace damo
