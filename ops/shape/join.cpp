#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/error_text.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/axis.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/join_op.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

namespace damo {
namespace {

Vars in_one_dtype(const char* who, const Vars& tensors, Site site) {
  if (tensors.empty()) {
    throw ShapeError(fmt::format("{}: nothing to put together, at {}", who, to_string(site)));
  }
  DType dtype = DType::boolean;
  for (const Var& v : tensors) dtype = promote(dtype, v.dtype());
  Vars result;
  for (const Var& v : tensors) result.push_back(v.dtype() == dtype ? v : cast(v, dtype));
  return result;
}

Var with_new_axis(const Var& x, std::size_t axis) { return expand_dims(x, static_cast<int>(axis)); }

/// `times` if it counts repetitions of `n` rows of `x`: TypeError, or ShapeError of a run,
/// otherwise.
Var checked_counts(const Var& times, const Var& n, const Var& x, Site site) {
  if (is_float(times.dtype())) {
    throw TypeError(fmt::format("repeat: counts are int64, got {}, at {}\n  hint: cast({}, int64)",
                                describe(times), to_string(SiteScope::or_else(site)),
                                short_name(times)));
  }
  const Var counts = cast(times, DType::int64);
  const Vars operands{x, times};
  const auto check = [&](Demand::Kind kind, const Var& a, const Var& b) {
    return size_check(kind, a, b, "repeat", operands, SiteScope::or_else(site));
  };
  return after_checks(counts, {check(Demand::Kind::equal, size_at(counts, 0), n),
                               check(Demand::Kind::at_least, counts, int_constant(0))});
}

/// The row of x for each row of the result, when row i is repeated times[i] times.
Var repeated_rows(const Var& times) {
  const Var ends = cumsum(times);
  const Var rows = arange(sum(times));
  return sum(expand_dims(ends, 0) <= expand_dims(rows, 1), 1);
}

/// An axis that only a run knows.
class RunTimeAxis {
 public:
  RunTimeAxis(const char* who, const Var& given, std::size_t rank, const Vars& operands, Site site)
      : rank_(rank) {
    const Var axis = computable(given);
    if (axis.dtype() != DType::int64 || axis.ndim() != 0) {
      throw TypeError(fmt::format("{}: an axis is a number or an int64 scalar, got {}, at {}", who,
                                  describe(axis), to_string(SiteScope::or_else(site))));
    }
    if (rank == 0) axis_among(who, 0, rank, site);
    check_ = size_check(Demand::Kind::inside, axis, int_constant(static_cast<std::int64_t>(rank)),
                        who, operands, SiteScope::or_else(site));
    const Var there = after_checks(axis, {check_});
    axis_ = where(there < 0, there + static_cast<int>(rank), there);
  }

  /// That it is there.
  const Var& check() const { return check_; }
  /// `sizes` with another one at the axis.
  Vars with_size(Vars sizes, const Var& size) const {
    for (std::size_t i = 0; i < rank_; ++i) sizes[i] = where(is(i), size, sizes[i]);
    return sizes;
  }
  /// Of sizes without the axis, those with it.
  Vars inserted(const Vars& sizes, const Var& size) const {
    Vars all;
    for (std::size_t i = 0; i < rank_; ++i) {
      const Var& before = sizes[std::min(i, sizes.size() - 1)];
      const Var& after = sizes[i == 0 ? 0 : i - 1];
      all.push_back(where(is(i), size, where(is_before(i), before, after)));
    }
    return all;
  }
  /// A tensor of these sizes, looked at as what lies before, along and after the axis.
  Var in_three(const Var& x, const Vars& sizes) const {
    const Var one = int_constant(1);
    Vars before, along, after;
    for (std::size_t i = 0; i < rank_; ++i) {
      before.push_back(where(is_before(i), sizes[i], one));
      along.push_back(where(is(i), sizes[i], one));
      after.push_back(where(is_after(i), sizes[i], one));
    }
    return damo::reshape(x, {size_product(before), size_product(along), size_product(after)});
  }

 private:
  Var is(std::size_t i) const { return eq(axis_, static_cast<int>(i)); }
  Var is_before(std::size_t i) const { return axis_ > static_cast<int>(i); }
  Var is_after(std::size_t i) const { return axis_ < static_cast<int>(i); }

  std::size_t rank_;
  Var check_;
  Var axis_;
};

/// The first tensor, once a run has found the others' sizes to be its own, but for those along the
/// axis.
Var with_equal_sizes(const char* who, const Vars& tensors, const RunTimeAxis* but, Site site) {
  const auto others = [&](const Var& v) {
    return but == nullptr ? sizes(v) : but->with_size(sizes(v), int_constant(0));
  };
  Vars checks;
  for (std::size_t k = 1; k < tensors.size(); ++k) {
    if (tensors[k].ndim() != tensors[0].ndim()) {
      throw ShapeError(fmt::format("{}: {} and {} differ in rank, at {}", who, describe(tensors[0]),
                                   describe(tensors[k]), to_string(site)));
    }
    const Vars first = others(tensors[0]);
    const Vars next = others(tensors[k]);
    for (std::size_t i = 0; i < first.size(); ++i) {
      checks.push_back(size_check(Demand::Kind::equal, first[i], next[i], who,
                                  {tensors[0], tensors[k]}, SiteScope::or_else(site)));
    }
  }
  return after_checks(tensors[0], checks);
}

std::optional<int> known_axis(const Var& axis) {
  const auto value = scalar_constant(axis);
  // Of others a run says that they are not there.
  const bool fits = value && std::abs(*value) <= std::numeric_limits<int>::max();
  if (!fits || computing(axis.dtype()) != DType::int64) return {};
  return static_cast<int>(*value);
}

}  // namespace

Var concatenate(const Vars& tensors, int axis, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  Vars inputs = in_one_dtype("concatenate", tensors, site);
  const std::size_t along = axis_among("concatenate", axis, inputs[0].ndim(), site);
  return make_var(std::make_shared<Join>(along), std::move(inputs), site);
}

Var stack(const Vars& tensors, int axis, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  Vars inputs = in_one_dtype("stack", tensors, site);
  const std::size_t along = axis_among("stack", axis, inputs[0].ndim() + 1, site);
  for (Var& v : inputs) {
    if (v.ndim() != tensors[0].ndim()) {
      throw ShapeError(fmt::format("stack: {} and {} differ in rank, at {}", describe(tensors[0]),
                                   describe(v), to_string(site)));
    }
    v = with_new_axis(v, along);
  }
  return make_var(std::make_shared<Join>(along), std::move(inputs), site);
}

Var concatenate(const Vars& tensors, const Var& axis, Site site) {
  if (const auto known = known_axis(axis)) return concatenate(tensors, *known, site);
  const SiteScope scope(SiteScope::or_else(site));
  Vars inputs = in_one_dtype("concatenate", tensors, site);
  const RunTimeAxis along("concatenate", axis, inputs[0].ndim(), {inputs[0], axis}, site);
  inputs[0] = with_equal_sizes("concatenate", inputs, &along, site);
  Vars parts;
  for (const Var& v : inputs) parts.push_back(along.in_three(v, sizes(v)));
  const Var whole = make_var(std::make_shared<Join>(1), std::move(parts), site);
  return reshape(whole, along.with_size(sizes(inputs[0]), size_at(whole, 1)));
}

Var stack(const Vars& tensors, const Var& axis, Site site) {
  if (const auto known = known_axis(axis)) return stack(tensors, *known, site);
  const SiteScope scope(SiteScope::or_else(site));
  Vars inputs = in_one_dtype("stack", tensors, site);
  const std::size_t rank = inputs[0].ndim() + 1;
  const RunTimeAxis along("stack", axis, rank, {inputs[0], axis}, site);
  inputs[0] = with_equal_sizes("stack", inputs, nullptr, site);
  if (rank == 1) return after_checks(stack(inputs, 0, site), {along.check()});
  const Vars one = along.inserted(sizes(inputs[0]), int_constant(1));
  Vars parts;
  for (const Var& v : inputs) parts.push_back(along.in_three(v, one));
  const Var whole = make_var(std::make_shared<Join>(1), std::move(parts), site);
  return reshape(whole, along.with_size(one, size_at(whole, 1)));
}

Vars split(const Arg& x, const Sizes& lengths, const Var& axis) {
  if (const auto known = known_axis(axis)) return split(x, lengths, *known);
  const Var v = x.var();
  const SiteScope scope(SiteScope::or_else(x.site()));
  const RunTimeAxis along("split", axis, v.ndim(), {v, axis}, x.site());
  Vars pieces;
  for (const Var& piece : split(along.in_three(v, sizes(v)), lengths, 1))
    pieces.push_back(reshape(piece, along.with_size(sizes(v), size_at(piece, 1))));
  return pieces;
}

Vars split(const Arg& x, const Sizes& lengths, int axis) {
  const Var v = x.var();
  const SiteScope scope(SiteScope::or_else(x.site()));
  const std::size_t along = axis_among("split", axis, v.ndim(), x.site());
  if (lengths.rank() == 0) return {};
  split_sizes(lengths);  // no known length is negative
  Vars checks;
  for (std::size_t i = 0; i < lengths.rank(); ++i) {
    if (lengths.is_number(i)) continue;
    checks.push_back(size_check(Demand::Kind::at_least, lengths.vars()[i], int_constant(0), "split",
                                {v, lengths.vars()[i]}, SiteScope::or_else(x.site())));
  }
  const Vars ends = running_size_sums(lengths.vars());
  std::vector<Arg> promise(v.ndim(), Arg(-1));
  promise[along] = ends.back();
  const Var whole = after_checks(specify_shape(v, Sizes(promise)), checks);
  return pieces_between(whole, along, ends);
}

Var repeat(const Arg& x, const Arg& times) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return repeat(ravel(x), times, 0);
}

Var repeat(const Arg& x, const Arg& times, int axis) {
  const Var v = x.var();
  const SiteScope scope(SiteScope::or_else(x.site()));
  const std::size_t along = axis_among("repeat", axis, v.ndim(), x.site());
  if (!times.is_literal() && times.var().ndim() == 1) {
    const Var counts = checked_counts(times.var(), size_at(v, along), v, x.site());
    return take(v, repeated_rows(counts), static_cast<int>(along));
  }
  if (times.var().ndim() > 1 || is_float(times.var().dtype())) {
    throw TypeError(fmt::format("repeat: a count is an int64 scalar or vector, got {}, at {}",
                                describe(times.var()), to_string(SiteScope::or_else(x.site()))));
  }
  const Sizes n(std::vector<Arg>{times});
  Vars repeated = sizes(v);
  Vars joined = repeated;
  repeated.insert(repeated.begin() + static_cast<int>(along) + 1, n.vars()[0]);
  joined[along] = size_product({joined[along], n.vars()[0]});
  return reshape(broadcast_to(with_new_axis(v, along + 1), repeated), joined);
}

Var tile(const Arg& x, const Sizes& times) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const std::size_t rank = std::max(x.var().ndim(), times.rank());
  const Var v = with_leading_axes(x.var(), rank);
  std::vector<int> doubled;
  Vars repeated;
  Vars joined;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t missing = rank - times.rank();
    const Var n = i < missing ? int_constant(1) : times.vars()[i - missing];
    doubled.push_back(DimShuffle::new_axis);
    doubled.push_back(static_cast<int>(i));
    repeated.push_back(n);
    repeated.push_back(size_at(v, i));
    joined.push_back(size_product({repeated.end()[-2], repeated.back()}));
  }
  return reshape(broadcast_to(shuffle_axes(v, doubled), repeated), joined);
}

Var Var::repeat(const Arg& times, Site site) const {
  return damo::repeat(Arg(*this, site.file, site.line), times);
}
Var Var::repeat(const Arg& times, int axis, Site site) const {
  return damo::repeat(Arg(*this, site.file, site.line), times, axis);
}

namespace {

OpPtr read_concatenate(OpText& text) {
  text.parameters.expect("axis=");
  return std::make_shared<Join>(text.parameters.number_below(max_rank, "an axis"));
}

}  // namespace

DAMO_OPS(join) {
  ops.reader({"concatenate", read_concatenate, 1, OpReader::any});
  ops.sample({.name = "concatenate",
              .inputs = {{"mn"}, {"kn"}, {"1n"}},
              .apply = [](const Vars& in) { return concatenate(in); }});
  ops.sample({.name = "concatenate along axis 1",
              .inputs = {{"mn"}, {"mk"}},
              .apply = [](const Vars& in) { return concatenate(in, -1); }});
}

}  // namespace damo
