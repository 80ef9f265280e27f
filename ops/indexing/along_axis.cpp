#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/axis.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/indexing/along_axis.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {

Var take_along_axis(const Arg& x, const Arg& index, int axis) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const Var v = x.var();
  const Var positions = computable(index);
  const std::size_t along = axis_of("take_along_axis", axis, v, site);
  if (positions.dtype() != DType::int64) {
    throw TypeError(fmt::format("take_along_axis: positions are int64, got {}, at {}",
                                describe(positions), to_string(site)));
  }
  if (positions.ndim() != v.ndim()) {
    throw ShapeError(
        fmt::format("take_along_axis: the positions have the rank of x\n  x          {}\n  "
                    "positions  {}\n  at {}",
                    describe(v), describe(positions), to_string(site)));
  }
  std::vector<Index> entries;
  for (std::size_t i = 0; i < v.ndim(); ++i) {
    if (i == along) {
      entries.emplace_back(positions);
    } else if (v.type().dims[i] == 1) {
      entries.emplace_back(int_constant(0));
    } else {
      std::vector<int> pattern(v.ndim(), DimShuffle::new_axis);
      pattern[i] = 0;
      entries.emplace_back(shuffle_axes(arange(size_at(v, i)), pattern));
    }
  }
  return index_with(v, entries, site);
}

}  // namespace damo
