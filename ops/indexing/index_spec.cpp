#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/indexing/index_spec.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo {
namespace {

/// Hands out the inputs that bounds refer to, in order; `value` reads one.
template <class Input, class F>
class BoundReader {
 public:
  BoundReader(std::span<const Input> inputs, F value) : inputs_(inputs), value_(value) {}
  auto read(const Bound& b) -> std::optional<decltype(std::declval<F>()(std::declval<Input>()))> {
    if (b.kind == Bound::Kind::absent) return std::nullopt;
    if (b.kind == Bound::Kind::input) return value_(inputs_[next_++]);
    return number(b.value);
  }

 private:
  auto number(std::int64_t value) {
    if constexpr (std::is_same_v<Input, Var>) {
      return int_constant(value);
    } else if constexpr (std::is_same_v<Input, Printed>) {
      return std::to_string(value);
    } else {
      return value;
    }
  }
  std::span<const Input> inputs_;
  F value_;
  std::size_t next_ = 0;
};

std::size_t inputs_of(const IndexEntry& e) {
  return static_cast<std::size_t>(e.start.kind == Bound::Kind::input) +
         static_cast<std::size_t>(e.stop.kind == Bound::Kind::input) +
         static_cast<std::size_t>(e.step.kind == Bound::Kind::input);
}

std::optional<std::int64_t> known(const Bound& b) {
  return b.kind == Bound::Kind::number ? std::optional(b.value) : std::nullopt;
}

void check_element(std::int64_t position, std::int64_t n, std::size_t axis) {
  if (position < -n || position >= n) {
    throw ShapeError(
        fmt::format("index {} is out of bounds for axis {} of size {}", position, axis, n));
  }
}

std::int64_t static_length(const IndexEntry& e, std::int64_t n) {
  if (inputs_of(e) > 0 || n == unknown) return unknown;
  return slice_range(n, known(e.start), known(e.stop), known(e.step)).length;
}

}  // namespace

SliceRange slice_range(std::int64_t n, std::optional<std::int64_t> start,
                       std::optional<std::int64_t> stop, std::optional<std::int64_t> step) {
  const std::int64_t by = std::max(step.value_or(1), -std::numeric_limits<std::int64_t>::max());
  if (by == 0) throw ShapeError("the step of a range is 0");
  const std::int64_t low = by > 0 ? 0 : -1;
  const std::int64_t high = by > 0 ? n : n - 1;
  const auto inside = [&](std::optional<std::int64_t> bound, std::int64_t otherwise) {
    if (!bound) return otherwise;
    return std::clamp(*bound < 0 ? *bound + n : *bound, low, high);
  };
  const std::int64_t first = inside(start, by > 0 ? low : high);
  const std::int64_t end = inside(stop, by > 0 ? high : low);
  const std::int64_t distance = by > 0 ? end - first : first - end;
  return {first, by, distance <= 0 ? 0 : (distance - 1) / std::abs(by) + 1};
}

std::size_t IndexSpec::n_bounds() const {
  std::size_t n = 0;
  for (const IndexEntry& e : entries_) n += inputs_of(e);
  return n;
}

std::size_t IndexSpec::n_advanced() const { return advanced_axes().size(); }

std::vector<std::size_t> IndexSpec::advanced_axes() const {
  std::vector<std::size_t> axes;
  std::size_t axis = 0;
  for (const IndexEntry& e : entries_) {
    if (e.kind == Index::Kind::advanced) axes.push_back(axis);
    if (e.kind != Index::Kind::element) ++axis;
  }
  return axes;
}

bool IndexSpec::takes_all() const {
  const auto is = [](const Bound& b, std::int64_t number) {
    return b.kind == Bound::Kind::absent || (b.kind == Bound::Kind::number && b.value == number);
  };
  return std::all_of(entries_.begin(), entries_.end(), [&](const IndexEntry& e) {
    const bool whole = e.kind == Index::Kind::range && e.stop.kind == Bound::Kind::absent &&
                       is(e.start, 0) && is(e.step, 1);
    return whole || e.kind == Index::Kind::all || e.kind == Index::Kind::newaxis;
  });
}

bool IndexSpec::advanced_adjacent() const {
  const auto axes = advanced_axes();
  return axes.empty() || axes.back() - axes.front() + 1 == axes.size();
}

Shape IndexSpec::view_dims(const Shape& x) const {
  Shape dims;
  std::size_t axis = 0;
  for (const IndexEntry& e : entries_) {
    if (e.kind == Index::Kind::newaxis) {
      dims.push_back(1);
      continue;
    }
    const std::int64_t n = x[axis++];
    if (e.kind == Index::Kind::element) {
      if (n != unknown && known(e.start)) check_element(*known(e.start), n, axis - 1);
    } else {
      dims.push_back(e.kind == Index::Kind::range ? static_length(e, n) : n);
    }
  }
  return dims;
}

Vars IndexSpec::view_sizes(const Vars& x, std::span<const Var> bounds) const {
  Vars sizes;
  std::size_t axis = 0;
  for (const IndexEntry& e : entries_) {
    const auto own = bounds.first(inputs_of(e));
    bounds = bounds.subspan(own.size());
    if (e.kind == Index::Kind::newaxis) {
      sizes.push_back(int_constant(1));
      continue;
    }
    const Var& n = x[axis++];
    if (e.kind == Index::Kind::range) sizes.push_back(slice_length(e, n, own));
    if (e.kind == Index::Kind::all || e.kind == Index::Kind::advanced) sizes.push_back(n);
  }
  return sizes;
}

std::vector<Demand> IndexSpec::demands(const Vars& x, std::span<const Var> bounds,
                                       std::span<const Var> advanced) const {
  std::vector<Demand> all;
  std::size_t axis = 0;
  for (const IndexEntry& e : entries_) {
    if (e.kind == Index::Kind::newaxis) continue;
    const Var& n = x[axis++];
    if (e.kind == Index::Kind::element) {
      const bool number = e.start.kind == Bound::Kind::number;
      all.push_back({Demand::Kind::inside, number ? int_constant(e.start.value) : bounds[0], n});
    } else if (e.kind == Index::Kind::advanced) {
      all.push_back({Demand::Kind::inside, advanced.front(), n});
      advanced = advanced.subspan(1);
    }
    bounds = bounds.subspan(inputs_of(e));
  }
  return all;
}

Tensor IndexSpec::view(const Tensor& x, TensorsIn bounds) const {
  BoundReader reader(bounds, [](const Tensor* t) { return t->first<std::int64_t>(); });
  Tensor out{x.data, x.dtype, {}, {}};
  std::size_t axis = 0;
  std::int64_t offset = 0;
  for (const IndexEntry& e : entries_) {
    if (e.kind == Index::Kind::newaxis) {
      out.shape.push_back(1);
      out.strides.push_back(0);
      continue;
    }
    const std::int64_t n = x.shape[axis];
    const std::int64_t stride = x.strides[axis];
    if (e.kind == Index::Kind::element) {
      const std::int64_t position = *reader.read(e.start);
      check_element(position, n, axis);
      offset += (position < 0 ? position + n : position) * stride;
    } else if (e.kind == Index::Kind::range) {
      const auto start = reader.read(e.start);
      const auto stop = reader.read(e.stop);
      const SliceRange rows = slice_range(n, start, stop, reader.read(e.step));
      if (rows.length > 0) offset += rows.start * stride;
      out.shape.push_back(rows.length);
      out.strides.push_back(rows.step * stride);
    } else {
      out.shape.push_back(n);
      out.strides.push_back(stride);
    }
    ++axis;
  }
  if (out.elements() > 0) out.data += offset * static_cast<std::int64_t>(item_size(x.dtype));
  return out;
}

std::vector<Index> IndexSpec::to_index(std::span<const Var> bounds,
                                       std::span<const Var> advanced) const {
  BoundReader reader(bounds, [](const Var& v) { return v; });
  std::vector<Index> index;
  for (const IndexEntry& e : entries_) {
    switch (e.kind) {
      case Index::Kind::element:
        index.emplace_back(*reader.read(e.start));
        break;
      case Index::Kind::range: {
        Range r;
        r.start = reader.read(e.start).value_or(Var{});
        r.stop = reader.read(e.stop).value_or(Var{});
        r.step = reader.read(e.step).value_or(Var{});
        index.emplace_back(r);
        break;
      }
      case Index::Kind::advanced:
        index.emplace_back(advanced.front());
        advanced = advanced.subspan(1);
        break;
      case Index::Kind::newaxis:
        index.emplace_back(newaxis);
        break;
      default:
        index.emplace_back(all());
    }
  }
  return index;
}

std::string IndexSpec::text(std::span<const Printed> inputs) const {
  auto advanced = inputs.subspan(n_bounds());
  BoundReader reader(inputs, [](const Printed& p) { return p.text; });
  std::string all_text;
  std::size_t shown = entries_.size();
  while (shown > 1 && entries_[shown - 1].kind == Index::Kind::all) --shown;
  for (const IndexEntry& e : std::span(entries_).first(shown)) {
    std::string entry = ":";
    if (e.kind == Index::Kind::element) entry = *reader.read(e.start);
    if (e.kind == Index::Kind::newaxis) entry = "newaxis";
    if (e.kind == Index::Kind::range) {
      entry = reader.read(e.start).value_or("") + ":";
      entry += reader.read(e.stop).value_or("");
      if (const auto step = reader.read(e.step)) entry += ":" + *step;
    }
    if (e.kind == Index::Kind::advanced) {
      entry = advanced.front().text;
      advanced = advanced.subspan(1);
    }
    all_text += (all_text.empty() ? "" : ", ") + entry;
  }
  return "[" + all_text + "]";
}

void check_change(const TensorType& x, const TensorType& part, const TensorType& y, bool set) {
  if (y.dtype != part.dtype)
    throw TypeError(fmt::format("cannot put {} into {}", to_string(y), to_string(x)));
  if (!set && part.dtype == DType::boolean) throw TypeError("bool cannot be added to");
  if (!compatible(part, y)) {
    throw ShapeError(
        fmt::format("the part selected is {}, its new value {}", to_string(part), to_string(y)));
  }
}

}  // namespace damo
