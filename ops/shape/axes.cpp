#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/axis.hpp>
#include <damo/ops/shape/axes.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {

Var squeeze(const Arg& x, const Axes& axes) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const Var v = x.var();
  const std::uint32_t dropped = axes.mask(v.ndim());
  std::vector<Arg> promise(v.ndim(), Arg(-1));
  std::vector<int> kept;
  for (std::size_t i = 0; i < v.ndim(); ++i) {
    if ((dropped >> i & 1U) == 0) {
      kept.push_back(static_cast<int>(i));
      continue;
    }
    promise[i] = 1;
    if (const std::int64_t n = v.type().dims[i]; n != 1 && n != unknown) {
      throw ShapeError(fmt::format("squeeze: axis {} of {} has size {}, at {}", i, describe(v), n,
                                   to_string(site)));
    }
  }
  return shuffle_axes(specify_shape(v, Sizes(promise)), kept);
}

Var swapaxes(const Arg& x, int first, int second) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = x.var();
  std::vector<int> order(v.ndim());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[axis_of("swapaxes", first, v, x.site())],
            order[axis_of("swapaxes", second, v, x.site())]);
  return shuffle_axes(v, order);
}

Var moveaxis(const Arg& x, const std::vector<int>& from, const std::vector<int>& to) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = x.var();
  const auto sources = distinct_axes("moveaxis", from, v, x.site());
  const auto places = distinct_axes("moveaxis", to, v, x.site());
  if (sources.size() != places.size()) {
    throw ShapeError(fmt::format("moveaxis: {} axes of {} for {} positions, at {}", sources.size(),
                                 describe(v), places.size(),
                                 to_string(SiteScope::or_else(x.site()))));
  }
  std::vector<int> order(v.ndim(), -1);
  for (std::size_t i = 0; i < sources.size(); ++i) order[places[i]] = static_cast<int>(sources[i]);
  int next = 0;
  for (int& axis : order) {
    if (axis >= 0) continue;
    while (std::find(sources.begin(), sources.end(), static_cast<std::size_t>(next)) !=
           sources.end())
      ++next;
    axis = next++;
  }
  return shuffle_axes(v, order);
}

Var moveaxis(const Arg& x, int from, int to) {
  return moveaxis(x, std::vector<int>{from}, std::vector<int>{to});
}

Var Var::squeeze(const Axes& axes, Site site) const {
  return damo::squeeze(Arg(*this, site.file, site.line), axes);
}
Var Var::swapaxes(int first, int second, Site site) const {
  return damo::swapaxes(Arg(*this, site.file, site.line), first, second);
}

}  // namespace damo
