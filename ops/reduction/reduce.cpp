#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/error_text.hpp>
#include <damo/graph/text/tensor_text.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

constexpr const char* reduction_names[] = {"sum", "prod", "max", "min", "any", "all"};

Var apply_reduction(Reduction kind, const Arg& x, const Axes& axes, ReduceOptions options) {
  const Var v = x.var();
  const auto which = static_cast<std::size_t>(kind);
  const std::uint32_t mask = axes_of(reduction_names[which], v, axes, x.site());
  if (mask == 0 && reduced_dtype(kind, v.dtype()) == v.dtype()) return v;
  return make_var(std::make_shared<Reduce>(kind, mask, options.keepdims), {v}, x.site());
}

}  // namespace

static_assert(std::size(reduction_names) == static_cast<std::size_t>(Reduction::all) + 1);

std::string Reduce::name() const { return reduction_names[static_cast<std::size_t>(kind_)]; }

Origin Reduce::origin(const Apply&, std::size_t) const {
  const bool extremum = kind_ == Reduction::max || kind_ == Reduction::min;
  return {0, extremum ? 1U : 0U, Origin::Way::by_value};
}

void Reduce::facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const {
  if (kind_ == Reduction::sum) {
    out[0] = unless_wrapped(fact_of_total(in[0]), node.types()[0].dtype);
  } else if (kind_ == Reduction::prod) {
    out[0] = unless_wrapped(fact_of_product(in[0], in[0]), node.types()[0].dtype);
  } else {
    Op::facts(node, in, out);
  }
}

std::string Reduce::parameters() const { return axes_text(axes_, keepdims_); }

namespace {

OpPtr read_reduce(OpText& text) {
  const auto [axes, keepdims] = read_axes(text.parameters);
  auto kind = Reduction::sum;
  while (Reduce(kind, axes, keepdims).name() != text.name)
    kind = static_cast<Reduction>(static_cast<int>(kind) + 1);
  return std::make_shared<Reduce>(kind, axes, keepdims);
}

}  // namespace

std::vector<TensorType> Reduce::infer(std::span<const TensorType> in) const {
  check_arity(in, 1);
  check_axes(in[0], axes_);
  return {{reduced_dtype(kind_, in[0].dtype), reduced_dims(in[0].dims, axes_, keepdims_)}};
}

std::vector<std::optional<Vars>> Reduce::shape_rule(const Apply&,
                                                    const std::vector<Vars>& shapes) const {
  return {reduced_sizes(shapes[0], axes_, keepdims_)};
}

std::vector<Demand> Reduce::demands(const Apply&, const std::vector<Vars>& shapes) const {
  const bool extremum = kind_ == Reduction::max || kind_ == Reduction::min;
  return extremum ? something_to_choose_from(shapes[0], axes_) : std::vector<Demand>{};
}

Gradients Reduce::gradient(const Apply& node, const Vars& g) const {
  const Var& x = node.input(0);
  if (!is_float(x.dtype()) || kind_ >= Reduction::any) return {Gradient{}};
  const auto restored = [&](const Var& v) {
    return keepdims_ ? v : restore_axes(v, axes_, x.ndim());
  };
  const Var gx = restored(g[0]);
  switch (kind_) {
    case Reduction::sum:
      return {broadcast_like(gx, x)};
    case Reduction::prod:
      return {gx * product_of_others(x, axes_)};
    default: {
      const Var best = picked(node, 0);
      return {where(best, gx / ties(best, x.dtype()), 0)};
    }
  }
}

// Equals share: what moves all of them by one moves the extremum by one.
Var Reduce::ties(const Var& best, DType dtype) const {
  return cast(sum(best, axis_list(axes_), {.keepdims = true}), dtype);
}

Slope Reduce::slope(const Apply&) const {
  return kind_ == Reduction::prod ? Slope::tame : Slope::constant;
}

Var Reduce::read_for(const Apply& node, std::size_t, std::size_t, const Var& marked) const {
  if (marked.ndim() == 0) return marked;
  const Var read = keepdims_ ? marked : restore_axes(marked, axes_, node.input(0).ndim());
  const Var best = picked(node, 0);
  return best.defined() ? and_(read, best) : read;
}

Var Reduce::picked(const Apply& node, std::size_t) const {
  if (kind_ != Reduction::max && kind_ != Reduction::min) return {};
  const Var& x = node.input(0);
  return eq(x, keepdims_ ? node.output() : restore_axes(node.output(), axes_, x.ndim()));
}

Vars Reduce::push_forward(const Apply& node, const Vars& tangents) const {
  const Var& x = node.input(0);
  const Var& t = tangents[0];
  if (!t.defined() || !is_float(x.dtype()) || kind_ >= Reduction::any) return {Var{}};
  const auto total = [&](const Var& v) {
    return sum(v, axis_list(axes_), {.keepdims = keepdims_});
  };
  switch (kind_) {
    case Reduction::sum:
      return {total(t)};
    case Reduction::prod:
      return {total(t * product_of_others(x, axes_))};
    default: {
      const Var best = picked(node, 0);
      return {total(where(best, t / ties(best, x.dtype()), 0))};
    }
  }
}

void Reduce::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  reduce(kind_, *in[0], axes_, *out[0]);
}

void Reduce::perform_wide(const Apply& node, WidesIn in, WidesOut out) const {
  const WideArray& x = *in[0];
  const bool empty = x.size() == 0 && (kind_ == Reduction::max || kind_ == Reduction::min);
  if (!is_float(x.dtype()) || kind_ >= Reduction::any || empty)
    return wide_by_kernel(node, in, out);
  out[0] = WideArray(x.dtype(), reduced_dims(x.shape(), axes_, keepdims_));
  const WideMath math(x.dtype());
  const auto groups = reduced_groups(x.shape(), axes_);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const bool sums = kind_ == Reduction::sum;
    Wide total{sums ? 0.0L : 1.0L};
    if (kind_ == Reduction::max || kind_ == Reduction::min) total = x[groups[i][0]];
    for (const std::size_t at : groups[i]) {
      total = sums                       ? math.add(total, x[at])
              : kind_ == Reduction::prod ? math.mul(total, x[at])
              : kind_ == Reduction::max  ? math.max(total, x[at])
                                         : math.min(total, x[at]);
    }
    out[0][i] = total;
  }
}

Var sum(const Arg& x, const Axes& axes, ReduceOptions options) {
  return apply_reduction(Reduction::sum, x, axes, options);
}
Var prod(const Arg& x, const Axes& axes, ReduceOptions options) {
  return apply_reduction(Reduction::prod, x, axes, options);
}
Var max(const Arg& x, const Axes& axes, ReduceOptions options) {
  return apply_reduction(Reduction::max, x, axes, options);
}
Var min(const Arg& x, const Axes& axes, ReduceOptions options) {
  return apply_reduction(Reduction::min, x, axes, options);
}
Var any(const Arg& x, const Axes& axes, ReduceOptions options) {
  return apply_reduction(Reduction::any, x, axes, options);
}
Var all(const Arg& x, const Axes& axes, ReduceOptions options) {
  return apply_reduction(Reduction::all, x, axes, options);
}
// The same as methods.
#define DAMO_REDUCTION_METHOD(name, Options)                            \
  Var Var::name(const Axes& axes, Options options, Site site) const {   \
    return damo::name(Arg(*this, site.file, site.line), axes, options); \
  }
DAMO_REDUCTION_METHOD(sum, ReduceOptions)
DAMO_REDUCTION_METHOD(prod, ReduceOptions)
DAMO_REDUCTION_METHOD(mean, ReduceOptions)
DAMO_REDUCTION_METHOD(max, ReduceOptions)
DAMO_REDUCTION_METHOD(min, ReduceOptions)
DAMO_REDUCTION_METHOD(any, ReduceOptions)
DAMO_REDUCTION_METHOD(all, ReduceOptions)
DAMO_REDUCTION_METHOD(argmax, ReduceOptions)
DAMO_REDUCTION_METHOD(argmin, ReduceOptions)
DAMO_REDUCTION_METHOD(var, VarianceOptions)
DAMO_REDUCTION_METHOD(std, VarianceOptions)
DAMO_REDUCTION_METHOD(norm, NormOptions)
#undef DAMO_REDUCTION_METHOD

DAMO_OPS(reduce) {
  for (const char* name : {"sum", "prod", "max", "min", "any", "all"})
    ops.reader({name, read_reduce, 1, 1});
  ops.sample({.name = "sum", .inputs = {{"mnk"}}, .apply = [](const Vars& in) {
                return sum(in[0], {0, -1});
              }});
  ops.sample({.name = "sum with keepdims", .inputs = {{"mnk"}}, .apply = [](const Vars& in) {
                return sum(in[0], 1, {.keepdims = true});
              }});
  ops.sample({.name = "prod", .inputs = {{"mnk"}}, .apply = [](const Vars& in) {
                return prod(in[0], {0, 2});
              }});
  ops.sample({.name = "max",
              .inputs = {{"mn"}},
              .apply = [](const Vars& in) { return max(in[0], 1); },
              .nonempty = "n"});
  ops.sample({.name = "min",
              .inputs = {{"mn"}},
              .apply = [](const Vars& in) { return min(in[0]); },
              .nonempty = "mn"});
  ops.sample({.name = "any",
              .inputs = {{.dims = "mn", .low = 0, .high = 1, .dtype = DType::boolean}},
              .apply = [](const Vars& in) { return any(in[0], 0); },
              .differentiable = false});
  ops.sample({.name = "all",
              .inputs = {{.dims = "mn", .low = 0, .high = 1, .dtype = DType::boolean}},
              .apply = [](const Vars& in) { return all(in[0], 1); },
              .differentiable = false});
}

}  // namespace damo
