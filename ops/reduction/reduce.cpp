#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/error_text.hpp>
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

bool reduced(std::uint32_t axes, std::size_t axis) { return (axes >> axis & 1U) != 0; }

constexpr const char* reduction_names[] = {"sum", "prod", "max", "min", "any", "all"};

Var apply_reduction(Reduction kind, const Arg& x, const Axes& axes, ReduceOptions options) {
  const Var v = x.var();
  const auto which = static_cast<std::size_t>(kind);
  const std::uint32_t mask = axes_of(reduction_names[which], v, axes, x.site());
  if (mask == 0 && reduced_dtype(kind, v.dtype()) == v.dtype()) return v;
  return make_var(std::make_shared<Reduce>(kind, mask, options.keepdims), {v}, x.site());
}

Var apply_arg_reduction(bool largest, const Arg& x, const Axes& axes, ReduceOptions options) {
  const Var v = x.var();
  const std::uint32_t mask = axes_of(largest ? "argmax" : "argmin", v, axes, x.site());
  return make_var(std::make_shared<ArgReduce>(largest, mask, options.keepdims), {v}, x.site());
}

/// An extremum over no elements is an error.
std::vector<Demand> something_to_choose_from(const Vars& sizes, std::uint32_t axes) {
  std::vector<Demand> all;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (reduced(axes, i)) all.push_back({Demand::Kind::at_least, sizes[i], int_constant(1)});
  }
  return all;
}

}  // namespace

std::uint32_t axes_of(const char* who, const Var& x, const Axes& axes, Site site) {
  try {
    return axes.mask(x.ndim());
  } catch (const ShapeError& e) {
    ErrorText text(who, e.what());
    text.add("input", fmt::format("{} {}", to_string(x.type()), reference(x)));
    text.add("node", fmt::format("{}, made at {}", who, to_string(SiteScope::or_else(site))));
    throw ShapeError(text.text());
  }
}

Shape reduced_dims(const Shape& dims, std::uint32_t axes, bool keepdims) {
  Shape kept;
  for (std::size_t i = 0; i < dims.rank(); ++i) {
    if (!reduced(axes, i)) {
      kept.push_back(dims[i]);
    } else if (keepdims) {
      kept.push_back(1);
    }
  }
  return kept;
}

Vars reduced_sizes(const Vars& sizes, std::uint32_t axes, bool keepdims) {
  Vars kept;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!reduced(axes, i)) {
      kept.push_back(sizes[i]);
    } else if (keepdims) {
      kept.push_back(int_constant(1));
    }
  }
  return kept;
}

std::vector<int> axis_list(std::uint32_t axes) {
  std::vector<int> list;
  for (int i = 0; i < static_cast<int>(max_rank); ++i) {
    if (reduced(axes, static_cast<std::size_t>(i))) list.push_back(i);
  }
  return list;
}

std::string axes_text(std::uint32_t axes, bool keepdims) {
  const auto list = axis_list(axes);
  const auto number = [](int axis) { return std::to_string(axis); };
  std::string text =
      "axis=" + (list.size() == 1 ? number(list[0]) : "{" + joined(list, number) + "}");
  return text + (keepdims ? ", keepdims" : "");
}

std::pair<std::uint32_t, bool> read_axes(TextReader& text) {
  text.expect("axis=");
  std::vector<std::int64_t> axes;
  if (text.next_is('{')) {
    axes = text.list("{", "}", {});
  } else {
    axes.push_back(text.integer());
  }
  std::uint32_t mask = 0;
  for (const std::int64_t axis : axes) {
    if (axis < 0 || axis >= static_cast<std::int64_t>(max_rank)) text.fail("axes before this");
    mask |= 1U << static_cast<unsigned>(axis);
  }
  return {mask, text.accept(", keepdims")};
}

void check_axes(const TensorType& x, std::uint32_t axes) {
  if (axes >> x.rank() != 0) {
    throw ShapeError(fmt::format("{} of {}", axes_text(axes, false), to_string(x)));
  }
}

Var restore_axes(const Var& reduced_var, std::uint32_t axes, std::size_t rank) {
  std::vector<int> pattern;
  int next = 0;
  for (std::size_t i = 0; i < rank; ++i) {
    pattern.push_back(reduced(axes, i) ? DimShuffle::new_axis : next++);
  }
  return shuffle_axes(reduced_var, std::move(pattern));
}

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
    default:
      return {where(eq(x, restored(node.output())), gx, 0)};
  }
}

Slope Reduce::slope(const Apply&) const {
  return kind_ == Reduction::prod ? Slope::tame : Slope::constant;
}

Var Reduce::read_for(const Apply& node, std::size_t, std::size_t, const Var& marked) const {
  const bool restore = !keepdims_ && marked.ndim() > 0;
  return restore ? restore_axes(marked, axes_, node.input(0).ndim()) : marked;
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
      const Var y = keepdims_ ? node.output() : restore_axes(node.output(), axes_, x.ndim());
      return {total(where(eq(x, y), t, 0))};
    }
  }
}

void Reduce::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  reduce(kind_, *in[0], axes_, *out[0]);
}

std::string ArgReduce::parameters() const { return axes_text(axes_, keepdims_); }

namespace {

OpPtr read_arg_reduce(OpText& text) {
  const auto [axes, keepdims] = read_axes(text.parameters);
  return std::make_shared<ArgReduce>(text.name == "argmax", axes, keepdims);
}

}  // namespace

std::vector<TensorType> ArgReduce::infer(std::span<const TensorType> in) const {
  check_arity(in, 1);
  check_axes(in[0], axes_);
  return {{DType::int64, reduced_dims(in[0].dims, axes_, keepdims_)}};
}

std::vector<std::optional<Vars>> ArgReduce::shape_rule(const Apply&,
                                                       const std::vector<Vars>& shapes) const {
  return {reduced_sizes(shapes[0], axes_, keepdims_)};
}

std::vector<Demand> ArgReduce::demands(const Apply&, const std::vector<Vars>& shapes) const {
  return something_to_choose_from(shapes[0], axes_);
}

Vars ArgReduce::push_forward(const Apply&, const Vars&) const { return {Var{}}; }

void ArgReduce::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  if (largest_) {
    damo::argmax(*in[0], axes_, *out[0]);
  } else {
    damo::argmin(*in[0], axes_, *out[0]);
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
Var argmax(const Arg& x, const Axes& axes, ReduceOptions options) {
  return apply_arg_reduction(true, x, axes, options);
}
Var argmin(const Arg& x, const Axes& axes, ReduceOptions options) {
  return apply_arg_reduction(false, x, axes, options);
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
  for (const char* name : {"argmax", "argmin"}) ops.reader({name, read_arg_reduce, 1, 1});
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
  ops.sample({.name = "argmax",
              .inputs = {{"mn"}},
              .apply = [](const Vars& in) { return argmax(in[0], 1); },
              .differentiable = false,
              .nonempty = "n"});
  ops.sample({.name = "argmin",
              .inputs = {{"mn"}},
              .apply = [](const Vars& in) { return argmin(in[0], {.keepdims = true}); },
              .differentiable = false,
              .nonempty = "mn"});
}

}  // namespace damo
