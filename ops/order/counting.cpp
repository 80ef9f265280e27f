#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/kernels/order/sort.hpp>
#include <damo/ops/order/sort.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

// Elements found and counted.
namespace damo {
namespace {

class SearchSorted final : public OpOf<SearchSorted> {
 public:
  explicit SearchSorted(bool after) : after_(after) {}
  std::string name() const override { return "searchsorted"; }
  std::string parameters() const override { return after_ ? "right" : "left"; }
  void facts(const Apply&, std::span<const Fact>, std::span<Fact> out) const override {
    out[0] = {.nonnegative = true, .integer = true, .finite = true};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 2);
    if (in[0].rank() != 1)
      throw ShapeError(fmt::format("what is searched is a vector, not {}", to_string(in[0])));
    if (in[0].dtype != in[1].dtype)
      throw TypeError(fmt::format("operands must have one dtype, got {} and {}", to_string(in[0]),
                                  to_string(in[1])));
    return {{DType::int64, in[1].dims}};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[1]};
  }
  Vars push_forward(const Apply&, const Vars&) const override { return {Var{}}; }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::searchsorted(*in[0], *in[1], after_, *out[0]);
  }
  friend bool operator==(const SearchSorted&, const SearchSorted&) = default;

 private:
  bool after_;
};

/// Where neighbours of a sorted vector differ, the first included: a bool vector.
Var begins_of(const Var& sorted, const Var& n) {
  const Var before = sorted(range(0, maximum(n - 1, 0)));
  const Var after = sorted[from(1)];
  const Var differs = not_(or_(eq(before, after), and_(isnan(before), isnan(after))));
  return concatenate({ones({minimum(n, 1)}, DType::boolean), differs});
}

OpPtr read_searchsorted(OpText& text) {
  const bool after = text.parameters.accept_word("right");
  if (!after) text.parameters.expect("left");
  return std::make_shared<SearchSorted>(after);
}

Var counted(const char* who, const Arg& x, const Var& weights, const Arg& minlength) {
  const Site site = SiteScope::or_else(x.site());
  const Var v = x.var();
  if (v.ndim() != 1 || is_float(v.dtype())) {
    throw TypeError(fmt::format("{}: expected an int64 vector, got {}, at {}", who, describe(v),
                                to_string(site)));
  }
  const Var numbers = cast(v, DType::int64);
  const Var least = whole(minlength);
  const auto positive = [&](const Var& what, const Var& operand) {
    return size_check(Demand::Kind::at_least, what, int_constant(0), who, {operand}, site);
  };
  const Var largest = max(concatenate({numbers, make_vector({int_constant(-1)})}));
  const Var n = maximum(largest + 1, least);
  Vars checks{positive(numbers, v)};
  const auto known = scalar_constant(least);
  if (!known || *known < 0) checks.push_back(positive(least, least));
  const Var at = after_checks(numbers, checks);
  return inc_subtensor(zeros({n}, weights.dtype())[at], weights);
}

}  // namespace

Var searchsorted(const Arg& sorted, const Arg& values, Side side) {
  const SiteScope scope(SiteScope::or_else(sorted.site()));
  const Var row = sorted.var();
  const DType dtype = values.is_literal() ? row.dtype() : promote(row.dtype(), values.dtype());
  const Var v = values.is_literal() ? values.var(dtype) : cast(values, dtype);
  return make_var(std::make_shared<SearchSorted>(side == Side::right), {cast(row, dtype), v},
                  sorted.site());
}

UniqueParts unique_parts(const Arg& x) {
  const Site site = SiteScope::or_else(x.site());
  const SiteScope scope(site);
  const Var flat = ravel(x);
  const Var order = argsort(flat);
  const Var sorted = flat[order];
  const Var n = size_at(flat, 0);
  const Var begins = begins_of(sorted, n);
  const Var at = nonzero(begins)[0];
  const Var group = cumsum(cast(begins, DType::int64)) - 1;
  const Var ends = concatenate({at[from(1)], make_vector({n})(range(0, minimum(n, 1)))});
  const Var inverse = set_subtensor(zeros({n}, DType::int64)[order], group);
  return {flat[order[at]], order[at], inverse, ends - at};
}
Var unique(const Arg& x) { return unique_parts(x).values; }

Var bincount(const Arg& x, const Arg& minlength) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return counted("bincount", x, int_constant(1), minlength);
}
Var weighted_bincount(const Arg& x, const Arg& weights, const Arg& minlength) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = weights.var();
  if (v.ndim() != 1 || x.var().ndim() != 1) {
    throw ShapeError(fmt::format("weighted_bincount: one weight for each element, got {}, at {}",
                                 describe(v), to_string(SiteScope::or_else(x.site()))));
  }
  const Var w = as_float(specify_shape(v, sizes(x.var())));
  return counted("weighted_bincount", x, w, minlength);
}

DAMO_OPS(counting) {
  ops.reader({"searchsorted", read_searchsorted, 2, 2});
  const OpInput row{.dims = "m", .low = 1, .high = 1, .dtype = DType::int64};
  for (const Side side : {Side::left, Side::right}) {
    ops.sample(
        {.name = side == Side::left ? "searchsorted" : "searchsorted on the right",
         .inputs = {row, {.dims = "nk", .low = -3, .high = 3, .dtype = DType::int64}},
         .apply = [side](const Vars& in) { return searchsorted(cumsum(in[0]), in[1], side); },
         .differentiable = false});
  }
}

}  // namespace damo
