#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/error_text.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/axis.hpp>
#include <damo/ops/common/op_list.hpp>
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
  const Var counts = times.dtype() == DType::boolean ? cast(times, DType::int64) : times;
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
  const Vars ends = offsets(lengths.vars());
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
