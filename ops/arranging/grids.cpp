#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/arranging/grids.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

namespace damo {
namespace {

/// Both ends as floats that meet, and how many points.
struct Space {
  Var start, stop, n;
  Site site;
};
Space space_of(const char* who, const Arg& start, const Arg& stop, const Arg& num) {
  const Site site = SiteScope::or_else(start.site());
  Var n = whole_scalar(who, "the number of points", num, site);
  if (const auto known = scalar_constant(n); !known) {
    n = after_checks(n, {size_check(Demand::Kind::at_least, n, int_constant(0), who, {n}, site)});
  } else if (*known < 0) {
    throw ShapeError(fmt::format("{}: {} points, at {}", who, *known, to_string(site)));
  }
  DType dtype = DType::boolean;
  for (const Arg* a : {&start, &stop}) {
    if (!a->is_literal()) dtype = promote(dtype, a->dtype());
  }
  if (!is_float(dtype)) dtype = floatX();
  const auto end = [&](const Arg& a) { return a.is_literal() ? a.var(dtype) : cast(a, dtype); };
  return {end(start), end(stop), n, site};
}

/// The numbers of the points along a first axis, and the place of the last one.
struct Points {
  Var i, last;
};
Points points_of(const Space& s, bool endpoint) {
  const std::size_t rank = std::max(s.start.ndim(), s.stop.ndim());
  std::vector<int> pattern(rank + 1, DimShuffle::new_axis);
  pattern[0] = 0;
  return {shuffle_axes(arange(s.n), pattern), maximum(s.n - (endpoint ? 1 : 0), 1)};
}

/// Values between, with the ends exactly where they are points.
Var with_ends(const Var& between, const Space& s, const Points& p, bool endpoint) {
  const Var from_start = where(eq(p.i, 0), s.start, between);
  if (!endpoint) return from_start;
  return where(and_(eq(p.i, p.last), p.i > 0), s.stop, from_start);
}

Vars open_grid(const Vars& vectors) {
  Vars axes;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    std::vector<int> pattern(vectors.size(), DimShuffle::new_axis);
    pattern[i] = 0;
    axes.push_back(shuffle_axes(vectors[i], pattern));
  }
  return axes;
}

Vars vectors_of(const std::vector<Range>& ranges, Site site) {
  Vars vectors;
  for (const Range& r : ranges) {
    if (!r.stop.defined())
      throw ShapeError(fmt::format("mgrid: a range without an end, at {}", to_string(site)));
    vectors.push_back(arange(r.start.defined() ? r.start : int_constant(0), r.stop,
                             r.step.defined() ? r.step : int_constant(1)));
  }
  return vectors;
}

}  // namespace

Var linspace(const Arg& start, const Arg& stop, const Arg& num, const SpaceOptions& options) {
  const Space s = space_of("linspace", start, stop, num);
  const SiteScope scope(s.site);
  const Points p = points_of(s, options.endpoint);
  const Var part = cast(p.i, s.start.dtype()) / cast(p.last, s.start.dtype());
  return with_ends(s.start + part * (s.stop - s.start), s, p, options.endpoint);
}
Var logspace(const Arg& start, const Arg& stop, const Arg& num, const Arg& base,
             const SpaceOptions& options) {
  const SiteScope scope(SiteScope::or_else(start.site()));
  return pow(base, linspace(start, stop, num, options));
}
Var geomspace(const Arg& start, const Arg& stop, const Arg& num, const SpaceOptions& options) {
  const Space s = space_of("geomspace", start, stop, num);
  const SiteScope scope(s.site);
  const Points p = points_of(s, options.endpoint);
  const Var part = cast(p.i, s.start.dtype()) / cast(p.last, s.start.dtype());
  // The ends may be so far apart that their quotient is no number.
  const Var sign = where(s.start < 0, -1.0, 1.0);
  const Var rest = s.start / pow(sign * s.start, part);
  return with_ends(rest * pow(sign * s.stop, part), s, p, options.endpoint);
}

Vars meshgrid(const Vars& vectors, Indexing indexing) {
  Vars given = vectors;
  for (Var& v : given) {
    if (v.ndim() == 0) v = expand_dims(v, 0);
    if (v.ndim() != 1)
      throw ShapeError(fmt::format("meshgrid: expected vectors, got {}", describe(v)));
  }
  const bool swaps = indexing == Indexing::xy && given.size() > 1;
  if (swaps) std::swap(given[0], given[1]);
  Vars grids = broadcast_arrays(open_grid(given));
  if (swaps) std::swap(grids[0], grids[1]);
  return grids;
}
Vars mgrid(const std::vector<Range>& ranges, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  return meshgrid(vectors_of(ranges, site), Indexing::ij);
}
Vars ogrid(const std::vector<Range>& ranges, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  return open_grid(vectors_of(ranges, site));
}

Vars broadcast_arrays(const Vars& tensors) {
  std::size_t rank = 0;
  for (const Var& v : tensors) rank = std::max(rank, v.ndim());
  Vars aligned;
  for (const Var& v : tensors) aligned.push_back(with_leading_axes(v, rank));
  Vars common;
  for (std::size_t i = 0; i < rank; ++i) {
    Var size = int_constant(1);
    for (const Var& v : aligned) {
      if (!v.type().broadcastable(i)) {
        size = size_at(v, i);
        break;
      }
    }
    common.push_back(size);
  }
  for (Var& v : aligned) v = broadcast_to(v, common);
  return aligned;
}

Var tri(const Arg& n, DType dtype) { return tri(n, n, 0, dtype); }
Var tri(const Arg& n, const Arg& m, int k, DType dtype) {
  const SiteScope scope(SiteScope::or_else(n.site()));
  const Site site = SiteScope::or_else(n.site());
  const Var rows = expand_dims(arange(whole_scalar("tri", "a size", n, site)), 1) + k;
  const Var columns = expand_dims(arange(whole_scalar("tri", "a size", m, site)), 0);
  return cast(rows >= columns, dtype);
}

}  // namespace damo
