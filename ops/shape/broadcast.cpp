#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/broadcast.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

std::size_t size_inputs(const Shape& dims) {
  return static_cast<std::size_t>(std::count(dims.begin(), dims.end(), unknown));
}

void check_inputs(std::span<const TensorType> in, const Shape& dims) {
  check_arity(in, 1 + size_inputs(dims));
  for (const TensorType& size : in.subspan(1)) check_int_scalar(size);
  if (in[0].rank() != dims.rank()) {
    throw ShapeError(fmt::format("{} sizes are given for {}", dims.rank(), to_string(in[0])));
  }
}

/// `x` with new leading axes, so that it has `rank`.
Var with_rank(const Var& x, std::size_t rank, Site site) {
  if (x.ndim() > rank) {
    throw ShapeError(fmt::format("broadcast_to: {} has more than {} dimensions, at {}",
                                 to_string(x.type()), rank, to_string(site)));
  }
  return with_leading_axes(x, rank, site);
}

Var broadcast_var(const Var& x, const SplitSizes& sizes, Site site) {
  Vars inputs{with_rank(x, sizes.dims.rank(), site)};
  if (inputs[0].type().dims == sizes.dims && sizes.inputs.empty()) return inputs[0];
  inputs.insert(inputs.end(), sizes.inputs.begin(), sizes.inputs.end());
  return make_var(std::make_shared<BroadcastTo>(sizes.dims), std::move(inputs), site);
}

}  // namespace

Var BroadcastTo::size(const Apply& node, std::size_t axis) const {
  if (dims_[axis] != unknown) return int_constant(dims_[axis]);
  return node.input(
      1 + static_cast<std::size_t>(std::count(dims_.begin(), dims_.begin() + axis, unknown)));
}

std::vector<int> BroadcastTo::stretched(const Apply& node) const {
  std::vector<int> axes;
  for (std::size_t i = 0; i < dims_.rank(); ++i) {
    if (node.input(0).type().broadcastable(i) && dims_[i] != 1) axes.push_back(static_cast<int>(i));
  }
  return axes;
}

std::vector<TensorType> BroadcastTo::infer(std::span<const TensorType> in) const {
  check_inputs(in, dims_);
  TensorType out{in[0].dtype, dims_};
  for (std::size_t i = 0; i < dims_.rank(); ++i) {
    const std::int64_t have = in[0].dims[i];
    if (have == 1 || have == unknown) continue;
    if (dims_[i] != unknown && dims_[i] != have) {
      throw ShapeError(fmt::format("axis {} of {} cannot become {}", i, to_string(in[0]),
                                   dims_to_string(dims_)));
    }
    out.dims[i] = have;
  }
  return {out};
}

std::vector<std::optional<Vars>> BroadcastTo::shape_rule(const Apply& node,
                                                         const std::vector<Vars>&) const {
  Vars sizes;
  for (std::size_t i = 0; i < dims_.rank(); ++i) sizes.push_back(size(node, i));
  return {sizes};
}

std::vector<Demand> BroadcastTo::demands(const Apply& node, const std::vector<Vars>& shapes) const {
  std::vector<Demand> all;
  for (std::size_t i = 0; i < dims_.rank(); ++i) {
    if (dims_[i] == unknown)
      all.push_back({Demand::Kind::at_least, size(node, i), int_constant(0)});
    if (!node.input(0).type().broadcastable(i))
      all.push_back({Demand::Kind::equal, shapes[0][i], size(node, i)});
  }
  return all;
}

Gradients BroadcastTo::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  const auto axes = stretched(node);
  result[0] = axes.empty() ? g[0] : sum(g[0], axes, {.keepdims = true});
  return result;
}

Vars BroadcastTo::push_forward(const Apply& node, const Vars& tangents) const {
  if (!tangents[0].defined()) return {Var{}};
  return {reapply(node, tangents[0])};
}

void BroadcastTo::run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const {
  shapes_of_view(*this, node, in, out);
}

bool BroadcastTo::shapes_need_values() const { return size_inputs(dims_) > 0; }

void BroadcastTo::view(const Apply& node, TensorsIn in, Tensor& out) const {
  const Tensor& x = *in[0];
  out = x;
  std::size_t next = 1;
  for (std::size_t i = 0; i < dims_.rank(); ++i) {
    out.shape[i] = dims_[i] == unknown ? run_time_size(*in[next++]) : dims_[i];
    if (node.input(0).type().broadcastable(i)) {
      out.strides[i] = 0;
    } else if (out.shape[i] != x.shape[i]) {
      throw ShapeError(fmt::format(
          "axis {} has size {} and cannot become {}; only an axis known to be 1 is repeated (row, "
          "col, dimshuffle or specify_shape make it known)",
          i, x.shape[i], out.shape[i]));
    }
  }
}

Printed BroadcastTo::print(const Apply& node, std::span<const Printed> inputs) const {
  std::string sizes;
  std::size_t next = 1;
  for (std::size_t i = 0; i < dims_.rank(); ++i) {
    sizes += (i > 0 ? ", " : "");
    sizes += dims_[i] == unknown ? inputs[next++].text : std::to_string(dims_[i]);
  }
  static_cast<void>(node);
  return {fmt::format("broadcast_to({}, {{{}}})", inputs[0].text, sizes)};
}

namespace {

OpPtr read_broadcast_to(OpText& text) {
  return std::make_shared<BroadcastTo>(text.parameters.dims());
}

}  // namespace

std::string SpecifyShape::parameters() const {
  return "{" +
         joined(dims_,
                [](std::int64_t n) {
                  return n == free ? std::string("any") : (n == unknown ? "?" : std::to_string(n));
                }) +
         "}";
}

namespace {

OpPtr read_specify_shape(OpText& text) {
  return std::make_shared<SpecifyShape>(
      text.parameters.sizes("{", "}", {{"any", SpecifyShape::free}, {"?", unknown}}));
}

}  // namespace

std::vector<TensorType> SpecifyShape::infer(std::span<const TensorType> in) const {
  check_inputs(in, dims_);
  TensorType out = in[0];
  for (std::size_t i = 0; i < dims_.rank(); ++i) {
    if (dims_[i] < 0) continue;
    if (out.dims[i] != unknown && out.dims[i] != dims_[i]) {
      throw ShapeError(fmt::format("axis {} of {} is not {}", i, to_string(in[0]), dims_[i]));
    }
    out.dims[i] = dims_[i];
  }
  return {out};
}

std::vector<std::optional<Vars>> SpecifyShape::shape_rule(const Apply& node,
                                                          const std::vector<Vars>& shapes) const {
  Vars sizes = shapes[0];
  std::size_t next = 1;
  for (std::size_t i = 0; i < dims_.rank(); ++i) {
    if (dims_[i] == unknown) sizes[i] = node.input(next++);
    if (dims_[i] >= 0) sizes[i] = int_constant(dims_[i]);
  }
  return {sizes};
}

std::vector<Demand> SpecifyShape::demands(const Apply& node,
                                          const std::vector<Vars>& shapes) const {
  std::vector<Demand> all;
  std::size_t next = 1;
  for (std::size_t i = 0; i < dims_.rank(); ++i) {
    if (dims_[i] == free) continue;
    all.push_back({Demand::Kind::equal, shapes[0][i],
                   dims_[i] == unknown ? node.input(next++) : int_constant(dims_[i])});
  }
  return all;
}

Gradients SpecifyShape::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  result[0] = g[0];
  return result;
}

Vars SpecifyShape::push_forward(const Apply& node, const Vars& tangents) const {
  if (!tangents[0].defined()) return {Var{}};
  return {reapply(node, tangents[0])};
}

void SpecifyShape::run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const {
  shapes_of_view(*this, node, in, out);
}

bool SpecifyShape::shapes_need_values() const { return size_inputs(dims_) > 0; }

void SpecifyShape::view(const Apply&, TensorsIn in, Tensor& out) const {
  out = *in[0];
  std::size_t next = 1;
  for (std::size_t i = 0; i < dims_.rank(); ++i) {
    if (dims_[i] == free) continue;
    const std::int64_t promised = dims_[i] == unknown ? run_time_size(*in[next++]) : dims_[i];
    if (out.shape[i] != promised) {
      throw ShapeError(
          fmt::format("axis {} was promised to be {} and has size {}", i, promised, out.shape[i]));
    }
  }
}

Var broadcast_to(const Arg& x, const Sizes& sizes) {
  return broadcast_var(x.var(), split_sizes(sizes), x.site());
}

Var broadcast_like(const Var& x, const Var& like) {
  const Var v = with_rank(x, like.ndim(), x.site());
  SplitSizes sizes;
  bool agrees = true;
  for (std::size_t i = 0; i < like.ndim(); ++i) {
    const std::int64_t have = v.type().dims[i];
    const std::int64_t want = like.type().dims[i];
    const bool axis_agrees = have == want || (want == unknown && have != 1);
    agrees = agrees && axis_agrees;
    sizes.dims.push_back(want == unknown && have != 1 ? have : want);
    if (sizes.dims[i] == unknown) sizes.inputs.push_back(size_at(axis_agrees ? v : like, i));
  }
  return agrees ? v : broadcast_var(v, sizes, x.site());
}

Var unbroadcast(const Arg& x, const std::vector<int>& axes) {
  const Var v = x.var();
  SplitSizes sizes{v.type().dims, {}};
  const int rank = static_cast<int>(v.ndim());
  for (const int given : axes) {
    const int axis = given < 0 ? given + rank : given;
    if (axis < 0 || axis >= rank ||
        (sizes.dims[static_cast<std::size_t>(axis)] != 1 &&
         sizes.dims[static_cast<std::size_t>(axis)] != unknown)) {
      throw ShapeError(fmt::format("unbroadcast: {} has no axis {} of size 1, at {}", describe(v),
                                   given, to_string(SiteScope::or_else(x.site()))));
    }
    sizes.dims[static_cast<std::size_t>(axis)] = unknown;
  }
  for (std::size_t i = 0; i < v.ndim(); ++i) {
    if (sizes.dims[i] == unknown) sizes.inputs.push_back(size_at(v, i));
  }
  return broadcast_var(v, sizes, x.site());
}

Var unbroadcast(const Arg& x, int axis) { return unbroadcast(x, std::vector<int>{axis}); }

Var specify_shape(const Arg& x, const Sizes& sizes, std::string reason) {
  const Var v = x.var();
  const SplitSizes split = split_sizes(sizes, SpecifyShape::free);
  bool known = split.dims.rank() == v.ndim();
  for (std::size_t i = 0; known && i < v.ndim(); ++i) {
    known = split.dims[i] == SpecifyShape::free ||
            (split.dims[i] != unknown && split.dims[i] == v.type().dims[i]);
  }
  if (known) return v;
  Vars inputs{v};
  inputs.insert(inputs.end(), split.inputs.begin(), split.inputs.end());
  return make_var(std::make_shared<SpecifyShape>(split.dims, std::move(reason)), std::move(inputs),
                  x.site());
}

DAMO_OPS(broadcast) {
  ops.reader({"broadcast_to", read_broadcast_to, 1, OpReader::any});
  ops.reader({"specify_shape", read_specify_shape, 1, OpReader::any});
  ops.sample({.name = "broadcast_to", .inputs = {{"m1"}, {"n"}}, .apply = [](const Vars& in) {
                return broadcast_to(in[0], {3, in[0].shape(0), in[1].shape(0)});
              }});
  ops.sample({.name = "specify_shape", .inputs = {{"mn"}, {"n"}}, .apply = [](const Vars& in) {
                return specify_shape(in[0], {-1, in[1].shape(0)});
              }});
}

}  // namespace damo
