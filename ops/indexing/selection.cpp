#include <fmt/format.h>

#include <utility>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/indexing/selection.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo {
namespace {

/// The common shape of the index tensors. `stretches(k, axis)` tells whether tensor k is known to
/// be 1 along an axis. A dimension not known yet is `unknown`.
template <class F>
Shape common_shape(std::span<const Shape> shapes, F&& stretches) {
  Shape common;
  common.resize(shapes[0].rank(), 1);
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    for (std::size_t axis = 0; axis < common.rank(); ++axis) {
      const std::int64_t n = shapes[k][axis];
      if (stretches(k, axis)) continue;
      bool first = true;
      for (std::size_t j = 0; j < k; ++j) first = first && stretches(j, axis);
      if (first || common[axis] == unknown) {
        common[axis] = n;
      } else if (n != unknown && n != common[axis]) {
        throw ShapeError(fmt::format("index tensors of shapes {} and {} do not go together",
                                     dims_to_string(shapes[0]), dims_to_string(shapes[k])));
      }
    }
  }
  return common;
}

/// The shape of what is selected, given that of the view and of the index tensors.
Shape selected_shape(const IndexSpec& index, const Shape& view, const Shape& common) {
  const auto axes = index.advanced_axes();
  const Gathering g{
      {nullptr, DType::boolean, view, view}, axes, {}, common, index.advanced_adjacent()};
  return g.shape();
}

}  // namespace

IndexSpec read_advanced_index(OpText& text) {
  IndexSpec index = read_index(text.parameters, text.operands[0].rank());
  for (const IndexEntry& e : index.entries()) {
    if (e.kind == Index::Kind::element || index.n_advanced() == 0)
      text.parameters.fail("before this an index with tensors, and without elements");
  }
  return index;
}

TensorType infer_selected(const IndexSpec& index, const TensorType& x,
                          std::span<const TensorType> rest) {
  check_arity(rest, index.n_bounds() + index.n_advanced());
  for (const TensorType& bound : rest.first(index.n_bounds())) check_int_scalar(bound);
  std::vector<Shape> shapes;
  for (const TensorType& t : rest.subspan(index.n_bounds())) {
    if (t.dtype != DType::int64) {
      throw TypeError(fmt::format("expected int64 index tensors, got {}", to_string(t)));
    }
    if (t.rank() != rest.back().rank()) throw ShapeError("index tensors differ in rank");
    shapes.push_back(t.dims);
  }
  const Shape common =
      common_shape(shapes, [&](std::size_t k, std::size_t axis) { return shapes[k][axis] == 1; });
  return {x.dtype, selected_shape(index, index.view_dims(x.dims), common)};
}

Vars selected_sizes(const IndexSpec& index, const Apply& node, const std::vector<Vars>& shapes,
                    std::size_t first_bound) {
  const auto bounds = std::span(node.inputs()).subspan(first_bound, index.n_bounds());
  const Vars view = index.view_sizes(shapes[0], bounds);
  const std::size_t first_index = first_bound + index.n_bounds();
  const std::size_t rank = node.input(first_index).ndim();
  // As numbers, sizes of the view are 0, 1, ... and those of the index tensors follow: so the shape
  // tells which goes where.
  Shape view_numbers;
  for (std::size_t i = 0; i < view.size(); ++i) view_numbers.push_back(static_cast<int>(i));
  Shape index_numbers;
  Vars named = view;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    std::size_t k = first_index;
    while (k + 1 < node.inputs().size() && node.input(k).type().broadcastable(axis)) ++k;
    index_numbers.push_back(static_cast<std::int64_t>(named.size()));
    named.push_back(shapes[k][axis]);
  }
  Vars sizes;
  for (const std::int64_t i : selected_shape(index, view_numbers, index_numbers))
    sizes.push_back(named[static_cast<std::size_t>(i)]);
  return sizes;
}

std::vector<Demand> selection_demands(const IndexSpec& index, const Apply& node,
                                      const std::vector<Vars>& shapes, std::size_t first_bound) {
  const auto rest = std::span(node.inputs()).subspan(first_bound);
  std::vector<Demand> all =
      index.demands(shapes[0], rest.first(index.n_bounds()), rest.subspan(index.n_bounds()));
  const std::size_t first = first_bound + index.n_bounds();
  for (std::size_t axis = 0; axis < node.input(first).ndim(); ++axis) {
    const Var* size = nullptr;
    for (std::size_t k = first; k < node.inputs().size(); ++k) {
      if (node.input(k).type().broadcastable(axis)) continue;
      if (size != nullptr) all.push_back({Demand::Kind::equal, *size, shapes[k][axis]});
      size = &shapes[k][axis];
    }
  }
  return all;
}

Selection::Selection(const IndexSpec& index, const Apply& node, const Tensor& x, TensorsIn in,
                     std::size_t first)
    : axes(index.advanced_axes()) {
  const std::size_t first_index = first + index.n_bounds();
  const auto stretches = [&](std::size_t k, std::size_t axis) {
    return node.input(first_index + k).type().broadcastable(axis);
  };
  std::vector<Shape> shapes;
  for (const Tensor* t : in.subspan(first_index)) shapes.push_back(t->shape);
  gathering.index_shape = common_shape(shapes, stretches);
  for (const Tensor* t : in.subspan(first_index)) {
    Tensor stretched = *t;
    for (std::size_t axis = 0; axis < t->rank(); ++axis) {
      if (stretches(indices.size(), axis)) stretched.strides[axis] = 0;
    }
    stretched.shape = gathering.index_shape;
    indices.push_back(stretched);
  }
  gathering.tensor = index.view(x, in.subspan(first, index.n_bounds()));
  gathering.axes = axes;
  gathering.indices = indices;
  gathering.in_place = index.advanced_adjacent();
}

void Selection::check_part(const Tensor& y) const {
  const Shape part = gathering.shape();
  if (part == y.shape) return;
  throw ShapeError(fmt::format("the part selected has shape {}, its new value {}", to_string(part),
                               to_string(y.shape)));
}

Var apply_with_rest(std::shared_ptr<const Op> op, Vars operands, const Apply& node,
                    std::size_t first) {
  const auto rest = std::span(node.inputs()).subspan(first);
  operands.insert(operands.end(), rest.begin(), rest.end());
  return make_var(std::move(op), std::move(operands), node.site());
}

}  // namespace damo
