#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/axis.hpp>

namespace damo {

std::size_t axis_among(const char* who, int axis, std::size_t rank, Site site) {
  const int n = static_cast<int>(rank);
  if (axis < -n || axis >= n) {
    throw ShapeError(fmt::format("{}: there is no axis {} among {} dimensions, at {}", who, axis, n,
                                 to_string(SiteScope::or_else(site))));
  }
  return static_cast<std::size_t>(axis < 0 ? axis + n : axis);
}

std::size_t axis_of(const char* who, int axis, const Var& v, Site site) {
  const int n = static_cast<int>(v.ndim());
  if (axis >= -n && axis < n) return axis_among(who, axis, v.ndim(), site);
  throw ShapeError(fmt::format("{}: there is no axis {} in {}, at {}", who, axis, describe(v),
                               to_string(SiteScope::or_else(site))));
}

std::vector<std::size_t> distinct_axes(const char* who, const std::vector<int>& axes, const Var& v,
                                       Site site) {
  std::vector<std::size_t> found;
  for (const int axis : axes) {
    const std::size_t at = axis_of(who, axis, v, site);
    if (std::find(found.begin(), found.end(), at) != found.end()) {
      throw ShapeError(fmt::format("{}: axis {} of {} is named twice, at {}", who, at, describe(v),
                                   to_string(SiteScope::or_else(site))));
    }
    found.push_back(at);
  }
  return found;
}

}  // namespace damo
