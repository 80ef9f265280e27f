#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join_op.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

Range between(const Var& start, const Var& stop) { return {start, stop, {}}; }

/// x[..., entry] with the entry at `axis`.
Var index_axis(const Var& x, std::size_t axis, Index entry) {
  std::vector<Index> index(axis, all());
  index.push_back(std::move(entry));
  return index_with(x, index, x.site());
}

}  // namespace

Vars pieces_between(const Var& x, std::size_t axis, const Vars& ends) {
  Vars pieces;
  for (std::size_t i = 0; i + 1 < ends.size(); ++i)
    pieces.push_back(index_axis(x, axis, between(ends[i], ends[i + 1])));
  return pieces;
}

std::vector<TensorType> Join::infer(std::span<const TensorType> in) const {
  if (in.empty()) throw ShapeError("nothing to put together");
  TensorType out = in[0];
  if (axis_ >= out.rank()) {
    throw ShapeError(fmt::format("there is no axis {} in {}", axis_, to_string(out)));
  }
  for (const TensorType& t : in.subspan(1)) {
    if (t.dtype != out.dtype) {
      throw TypeError(
          fmt::format("dtypes differ, {} and {}", damo::name(out.dtype), damo::name(t.dtype)));
    }
    TensorType without = t;
    if (t.rank() == out.rank()) without.dims[axis_] = out.dims[axis_];
    if (!compatible(out, without)) {
      throw ShapeError(fmt::format("{} and {} differ along another axis than {}", to_string(in[0]),
                                   to_string(t), axis_));
    }
    const std::int64_t length = out.dims[axis_];
    const bool known = length != unknown && t.dims[axis_] != unknown;
    out = unify(out, without);
    out.dims[axis_] = known ? length + t.dims[axis_] : unknown;
  }
  return {out};
}

std::vector<std::optional<Vars>> Join::shape_rule(const Apply&,
                                                  const std::vector<Vars>& shapes) const {
  Vars sizes = shapes[0];
  Vars lengths;
  for (const Vars& shape : shapes) lengths.push_back(shape[axis_]);
  sizes[axis_] = size_sum(lengths);
  return {sizes};
}

std::vector<Demand> Join::demands(const Apply&, const std::vector<Vars>& shapes) const {
  std::vector<Demand> all;
  for (std::size_t i = 1; i < shapes.size(); ++i) {
    for (std::size_t axis = 0; axis < shapes[0].size(); ++axis) {
      if (axis != axis_) all.push_back({Demand::Kind::equal, shapes[0][axis], shapes[i][axis]});
    }
  }
  return all;
}

Gradients Join::gradient(const Apply& node, const Vars& g) const {
  Vars lengths;
  for (const Var& x : node.inputs()) lengths.push_back(size_at(x, axis_));
  Gradients result;
  for (const Var& piece : pieces_between(g[0], axis_, running_size_sums(lengths)))
    result.emplace_back(piece);
  return result;
}

Vars Join::push_forward(const Apply& node, const Vars& tangents) const {
  return reapply_with_zeros(node, tangents);
}

void Join::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  out[0] = in[0]->shape;
  for (const Tensor* t : in.subspan(1)) {
    Shape expected = out[0];
    expected[axis_] = t->shape[axis_];
    if (t->shape != expected) {
      throw ShapeError(fmt::format("shapes {} and {} differ along another axis than {}",
                                   to_string(in[0]->shape), to_string(t->shape), axis_));
    }
    out[0][axis_] += t->shape[axis_];
  }
}

void Join::perform_wide(const Apply& node, WidesIn in, WidesOut out) const {
  move_wide(node, in, in.size(), out);
}

void Join::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  Tensor block = *out[0];
  for (const Tensor* t : in) {
    block.shape = t->shape;
    copy(*t, block);
    block.data +=
        t->shape[axis_] * block.strides[axis_] * static_cast<std::int64_t>(item_size(block.dtype));
  }
}

}  // namespace damo
