#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

std::vector<int> reversed_axes(std::size_t rank) {
  std::vector<int> axes(rank);
  std::iota(axes.rbegin(), axes.rend(), 0);
  return axes;
}

/// The operand's axes that a pattern leaves out.
std::vector<int> dropped_axes(const std::vector<int>& pattern, std::size_t rank) {
  std::vector<int> dropped;
  for (int axis = 0; axis < static_cast<int>(rank); ++axis) {
    if (std::find(pattern.begin(), pattern.end(), axis) == pattern.end()) dropped.push_back(axis);
  }
  return dropped;
}

int position(const char* who, int axis, std::size_t rank, const Arg& x) {
  const int n = static_cast<int>(rank);
  if (axis < -n || axis >= n) {
    throw ShapeError(fmt::format("{}: there is no axis {} among {} dimensions, made from {}, at {}",
                                 who, axis, n, describe(x.var()),
                                 to_string(SiteScope::or_else(x.site()))));
  }
  return axis < 0 ? axis + n : axis;
}

}  // namespace

bool DimShuffle::is_permutation(std::size_t rank) const {
  return pattern_.size() == rank &&
         std::find(pattern_.begin(), pattern_.end(), new_axis) == pattern_.end();
}

bool DimShuffle::keeps_order() const {
  int last = new_axis;
  return std::all_of(pattern_.begin(), pattern_.end(), [&](int axis) {
    return axis == new_axis || axis > std::exchange(last, axis);
  });
}

std::vector<int> DimShuffle::inverse(std::size_t rank) const {
  std::vector<int> back(rank, new_axis);
  for (std::size_t i = 0; i < pattern_.size(); ++i) {
    if (pattern_[i] != new_axis) back[static_cast<std::size_t>(pattern_[i])] = static_cast<int>(i);
  }
  return back;
}

std::string DimShuffle::parameters() const {
  return "{" +
         joined(pattern_,
                [](int axis) {
                  return axis == new_axis ? std::string("newaxis") : std::to_string(axis);
                }) +
         "}";
}

namespace {

OpPtr read_dimshuffle(OpText& text) {
  std::vector<int> pattern;
  for (const std::int64_t axis :
       text.parameters.list("{", "}", {{"newaxis", DimShuffle::new_axis}})) {
    if (axis < DimShuffle::new_axis || axis >= static_cast<std::int64_t>(max_rank))
      text.parameters.fail("axes before this");
    pattern.push_back(static_cast<int>(axis));
  }
  return std::make_shared<DimShuffle>(std::move(pattern));
}

}  // namespace

std::vector<TensorType> DimShuffle::infer(std::span<const TensorType> in) const {
  check_arity(in, 1);
  const TensorType& x = in[0];
  TensorType out{x.dtype, {}};
  std::vector<bool> used(x.rank());
  for (const int axis : pattern_) {
    if (axis == new_axis) {
      out.dims.push_back(1);
      continue;
    }
    const auto a = static_cast<std::size_t>(axis);
    if (axis < 0 || a >= x.rank()) {
      throw ShapeError(fmt::format("there is no axis {} in {}", axis, to_string(x)));
    }
    if (used[a]) throw ShapeError(fmt::format("axis {} appears twice in {}", axis, parameters()));
    used[a] = true;
    out.dims.push_back(x.dims[a]);
  }
  for (const int axis : dropped_axes(pattern_, x.rank())) {
    if (x.dims[static_cast<std::size_t>(axis)] == 1) continue;
    throw ShapeError(fmt::format(
        "{} drops axis {} of {}, which is not known to be 1; specify_shape can promise that it is",
        parameters(), axis, to_string(x)));
  }
  return {out};
}

std::vector<std::optional<Vars>> DimShuffle::shape_rule(const Apply&,
                                                        const std::vector<Vars>& shapes) const {
  Vars sizes;
  for (const int axis : pattern_) {
    sizes.push_back(axis == new_axis ? int_constant(1) : shapes[0][static_cast<std::size_t>(axis)]);
  }
  return {sizes};
}

Gradients DimShuffle::gradient(const Apply& node, const Vars& g) const {
  return {shuffle_axes(g[0], inverse(node.input(0).ndim()))};
}

Vars DimShuffle::push_forward(const Apply& node, const Vars& tangents) const {
  if (!tangents[0].defined()) return {Var{}};
  return {reapply(node, tangents[0])};
}

void DimShuffle::run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const {
  shapes_of_view(*this, node, in, out);
}

void DimShuffle::view(const Apply& node, TensorsIn in, Tensor& out) const {
  const Tensor& x = *in[0];
  for (const int axis : dropped_axes(pattern_, x.rank())) {
    if (const auto n = x.shape[static_cast<std::size_t>(axis)]; n != 1) {
      throw ShapeError(fmt::format("axis {} was promised to be 1 and has size {}", axis, n));
    }
  }
  static_cast<void>(node);
  out = {x.data, x.dtype, {}, {}};
  for (const int axis : pattern_) {
    const auto a = static_cast<std::size_t>(axis);
    out.shape.push_back(axis == new_axis ? 1 : x.shape[a]);
    out.strides.push_back(axis == new_axis ? 0 : x.strides[a]);
  }
}

Printed DimShuffle::print(const Apply& node, std::span<const Printed> inputs) const {
  if (pattern_.size() > 1 && pattern_ == reversed_axes(node.input(0).ndim())) {
    return {fmt::format("transpose({})", inputs[0].text)};
  }
  return Op::print(node, inputs);
}

Var shuffle_axes(const Var& x, std::vector<int> pattern, Site site) {
  bool same = pattern.size() == x.ndim();
  for (std::size_t i = 0; same && i < pattern.size(); ++i) same = pattern[i] == static_cast<int>(i);
  if (same) return x;
  return make_var(std::make_shared<DimShuffle>(std::move(pattern)), {x}, site);
}

Var with_leading_axes(const Var& x, std::size_t rank, Site site) {
  std::vector<int> pattern(rank - x.ndim(), DimShuffle::new_axis);
  for (std::size_t i = 0; i < x.ndim(); ++i) pattern.push_back(static_cast<int>(i));
  return shuffle_axes(x, std::move(pattern), site);
}

Var dimshuffle(const Arg& x, const std::vector<AxisEntry>& pattern) {
  std::vector<int> axes;
  for (const AxisEntry& entry : pattern) axes.push_back(entry.axis());
  return shuffle_axes(x.var(), std::move(axes), x.site());
}

Var transpose(const Arg& x, const std::vector<int>& axes) {
  const Var v = x.var();
  if (axes.empty()) return shuffle_axes(v, reversed_axes(v.ndim()), x.site());
  std::vector<int> pattern;
  for (const int axis : axes) pattern.push_back(position("transpose", axis, v.ndim(), x));
  return shuffle_axes(v, std::move(pattern), x.site());
}

Var expand_dims(const Arg& x, const std::vector<int>& axes) {
  const Var v = x.var();
  const std::size_t rank = v.ndim() + axes.size();
  std::vector<bool> is_new(rank);
  for (const int axis : axes) {
    const auto at = static_cast<std::size_t>(position("expand_dims", axis, rank, x));
    if (is_new[at]) {
      throw ShapeError(fmt::format("expand_dims: axis {} is named twice, at {}", axis,
                                   to_string(SiteScope::or_else(x.site()))));
    }
    is_new[at] = true;
  }
  std::vector<int> pattern;
  int next = 0;
  for (std::size_t i = 0; i < rank; ++i)
    pattern.push_back(is_new[i] ? DimShuffle::new_axis : next++);
  return shuffle_axes(v, std::move(pattern), x.site());
}
Var expand_dims(const Arg& x, int axis) { return expand_dims(x, std::vector<int>{axis}); }

Var squeeze(const Arg& x) {
  const Var v = x.var();
  std::vector<int> pattern;
  for (std::size_t i = 0; i < v.ndim(); ++i) {
    if (!v.type().broadcastable(i)) pattern.push_back(static_cast<int>(i));
  }
  return shuffle_axes(v, std::move(pattern), x.site());
}

Var Var::T(Site site) const { return damo::transpose(Arg(*this, site.file, site.line)); }
Var Var::transpose(const std::vector<int>& axes, Site site) const {
  return damo::transpose(Arg(*this, site.file, site.line), axes);
}
Var Var::dimshuffle(const std::vector<AxisEntry>& pattern, Site site) const {
  return damo::dimshuffle(Arg(*this, site.file, site.line), pattern);
}
Var Var::squeeze(Site site) const { return damo::squeeze(Arg(*this, site.file, site.line)); }

DAMO_OPS(dimshuffle) {
  ops.reader({"dimshuffle", read_dimshuffle, 1, 1});
  ops.sample({.name = "transpose", .inputs = {{"mnk"}}, .apply = [](const Vars& in) {
                return transpose(in[0], {2, 0, 1});
              }});
  ops.sample({.name = "dimshuffle", .inputs = {{"m1n"}}, .apply = [](const Vars& in) {
                return dimshuffle(in[0], {2, newaxis, 0});
              }});
}

}  // namespace damo
