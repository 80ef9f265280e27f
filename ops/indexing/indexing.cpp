#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/advanced_inc_subtensor.hpp>
#include <damo/ops/indexing/advanced_subtensor.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/indexing/subtensor.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// An index as its op wants it: what is fixed, and the inputs.
struct Parsed {
  std::vector<IndexEntry> entries;
  Vars bounds;
  Vars advanced;

  Bound bound(const Var& v) {
    if (!v.defined()) return {};
    if (const auto number = scalar_constant(v); number && v.ndim() == 0) {
      return {Bound::Kind::number, constant_value(v)->item<std::int64_t>()};
    }
    bounds.push_back(v);
    return {Bound::Kind::input, 0};
  }
};

std::size_t axes_taken(const Index& entry) {
  if (entry.kind() == Index::Kind::newaxis) return 0;
  return entry.kind() == Index::Kind::advanced && entry.var().dtype() == DType::boolean
             ? entry.var().ndim()
             : 1;
}

void check_entries(const Var& x, const std::vector<Index>& index, Site site) {
  std::size_t taken = 0;
  for (const Index& entry : index) {
    taken += axes_taken(entry);
    if (entry.kind() == Index::Kind::advanced && entry.var().ndim() == 0) {
      throw TypeError(
          fmt::format("index: a bool scalar cannot index {}, at {}", describe(x), to_string(site)));
    }
  }
  if (taken > x.ndim()) {
    throw ShapeError(fmt::format("index: {} entries for the {} dimensions of {}, at {}", taken,
                                 x.ndim(), describe(x), to_string(site)));
  }
}

/// The index with whole axes in place of an ellipsis.
std::vector<Index> without_ellipsis(const Var& x, const std::vector<Index>& index, Site site) {
  std::vector<Index> result;
  bool seen = false;
  std::size_t taken = 0;
  for (const Index& entry : index) taken += entry.is_ellipsis() ? 0 : axes_taken(entry);
  for (const Index& entry : index) {
    if (!entry.is_ellipsis()) {
      result.push_back(entry);
      continue;
    }
    if (seen) {
      throw ShapeError(fmt::format("index: two ellipses for {}, at {}", describe(x),
                                   to_string(SiteScope::or_else(site))));
    }
    seen = true;
    if (taken < x.ndim()) result.insert(result.end(), x.ndim() - taken, Index(all()));
  }
  return result;
}

void check_mask(const Var& x, const Var& mask, std::size_t axis, Site site) {
  for (std::size_t i = 0; i < mask.ndim(); ++i) {
    const std::int64_t have = mask.type().dims[i];
    const std::int64_t want = x.type().dims[axis + i];
    if (have == want || have == unknown || want == unknown) continue;
    throw ShapeError(fmt::format("index: the mask {} does not fit {}, at {}", describe(mask),
                                 describe(x), to_string(site)));
  }
}

/// The index with every advanced entry an int64 tensor of one axis, and no element beside one.
std::vector<Index> without_masks(const Var& x, const std::vector<Index>& index, Site site) {
  std::vector<Index> result;
  std::size_t axis = 0;
  for (const Index& entry : index) {
    if (entry.kind() != Index::Kind::advanced || entry.var().dtype() != DType::boolean) {
      result.push_back(entry);
      axis += axes_taken(entry);
      continue;
    }
    const Var& mask = entry.var();
    check_mask(x, mask, axis, site);
    const Vars all_sizes = sizes(x);
    const auto first = all_sizes.begin() + static_cast<std::ptrdiff_t>(axis);
    axis += mask.ndim();
    for (const Var& positions :
         nonzero_in(mask, Vars(first, first + static_cast<std::ptrdiff_t>(mask.ndim())))) {
      result.emplace_back(positions);
    }
  }
  while (axis < x.ndim()) {
    result.emplace_back(all());
    ++axis;
  }
  return result;
}

Parsed parse(const std::vector<Index>& index) {
  Parsed parsed;
  const bool gathers = std::any_of(index.begin(), index.end(), [](const Index& entry) {
    return entry.kind() == Index::Kind::advanced;
  });
  for (const Index& entry : index) {
    IndexEntry e{entry.kind()};
    if (entry.kind() == Index::Kind::element && gathers) e.kind = Index::Kind::advanced;
    if (e.kind == Index::Kind::advanced) {
      parsed.advanced.push_back(entry.var());
    } else if (e.kind == Index::Kind::element) {
      e.start = parsed.bound(entry.var());
    } else if (e.kind == Index::Kind::range) {
      e.start = parsed.bound(entry.range().start);
      e.stop = parsed.bound(entry.range().stop);
      e.step = parsed.bound(entry.range().step);
    }
    parsed.entries.push_back(e);
  }
  return parsed;
}

/// New leading axes, so that all have the rank of the largest.
void align_ranks(Vars& tensors) {
  std::size_t rank = 0;
  for (const Var& v : tensors) rank = std::max(rank, v.ndim());
  for (Var& v : tensors) v = with_leading_axes(v, rank);
}

Var change_subtensor(const Var& selected, const Arg& y, bool set) {
  const char* who = set ? "set_subtensor" : "inc_subtensor";
  const Site site = SiteScope::or_else(y.site());
  const SiteScope scope(site);
  const auto* part = as<Subtensor>(selected);
  const auto* gathered = as<AdvancedSubtensor>(selected);
  if (part == nullptr && gathered == nullptr) {
    throw TypeError(fmt::format("{}: expected part of a tensor, such as x(all(), i), got {}", who,
                                describe(selected)));
  }
  const Var& x = selected.inputs()[0];
  // What is added is computed with.
  const DType dtype = set ? x.dtype() : computing(x.dtype());
  Var value = y.var(y.is_literal() ? dtype : y.dtype());
  if (promote(value.dtype(), dtype) != dtype) {
    throw TypeError(fmt::format("{}: cannot put {} into {}", who, describe(value), describe(x)));
  }
  value = cast(value, dtype);
  Vars inputs{x, broadcast_like(value, selected)};
  inputs.insert(inputs.end(), selected.inputs().begin() + 1, selected.inputs().end());
  if (part != nullptr) {
    return make_var(std::make_shared<IncSubtensor>(part->index(), set), std::move(inputs), site);
  }
  return make_var(std::make_shared<AdvancedIncSubtensor>(gathered->index(), set), std::move(inputs),
                  site);
}

}  // namespace

Var index_with(const Var& x, const std::vector<Index>& written, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  const std::vector<Index> index = without_ellipsis(x, written, site);
  check_entries(x, index, site);
  Parsed parsed = parse(without_masks(x, index, site));
  align_ranks(parsed.advanced);
  Vars inputs{x};
  inputs.insert(inputs.end(), parsed.bounds.begin(), parsed.bounds.end());
  inputs.insert(inputs.end(), parsed.advanced.begin(), parsed.advanced.end());
  IndexSpec spec(std::move(parsed.entries));
  if (parsed.advanced.empty()) {
    return make_var(std::make_shared<Subtensor>(std::move(spec)), std::move(inputs), site);
  }
  return make_var(std::make_shared<AdvancedSubtensor>(std::move(spec)), std::move(inputs), site);
}

Var Var::operator[](const Index& index) const { return index_with(*this, {index}, index.site()); }
Var Var::operator()(const Index& first) const { return index_with(*this, {first}, first.site()); }
Var Var::operator()(const Index& first, const Index& second) const {
  return index_with(*this, {first, second}, first.site());
}
Var Var::operator()(const Index& first, const Index& second, const Index& third) const {
  return index_with(*this, {first, second, third}, first.site());
}
Var Var::operator()(const Index& first, const Index& second, const Index& third,
                    const Index& fourth) const {
  return index_with(*this, {first, second, third, fourth}, first.site());
}

Var take(const Arg& x, const Arg& index) { return take(ravel(x), index, 0); }

Var take(const Arg& x, const Arg& index, int axis) {
  const Var v = x.var();
  const int n = static_cast<int>(v.ndim());
  if (axis < -n || axis >= n) {
    throw ShapeError(fmt::format("take: there is no axis {} in {}, at {}", axis, describe(v),
                                 to_string(x.site())));
  }
  std::vector<Index> entries(static_cast<std::size_t>(axis < 0 ? axis + n : axis), all());
  entries.emplace_back(index);
  return index_with(v, entries, x.site());
}

Var Var::take(const Arg& index, Site site) const {
  return damo::take(Arg(*this, site.file, site.line), index);
}
Var Var::take(const Arg& index, int axis, Site site) const {
  return damo::take(Arg(*this, site.file, site.line), index, axis);
}

Vars nonzero(const Arg& x) {
  const Var v = x.var();
  const Var mask = v.dtype() == DType::boolean ? v : neq(v, 0);
  return nonzero_in(mask, sizes(mask));
}

Var set_subtensor(const Var& selected, const Arg& y) { return change_subtensor(selected, y, true); }
Var inc_subtensor(const Var& selected, const Arg& y) {
  return change_subtensor(selected, y, false);
}

}  // namespace damo
