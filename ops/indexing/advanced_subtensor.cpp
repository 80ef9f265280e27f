#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/advanced_subtensor.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/kernels/movement/gather.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

IndexSpec read_advanced_index(OpText& text) {
  IndexSpec index = read_index(text.parameters, text.operands[0].rank());
  for (const IndexEntry& e : index.entries()) {
    if (e.kind == Index::Kind::element || index.n_advanced() == 0)
      text.parameters.fail("before this an index with tensors, and without elements");
  }
  return index;
}

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

/// The sizes of what is selected, by those of the node's inputs, of which the bounds begin at
/// `first_bound`.
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

/// That positions are inside, and index tensors of one shape.
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

/// What a run works on: the named elements of `x`.
struct Selection {
  std::vector<std::size_t> axes;
  std::vector<Tensor> indices;
  Gathering gathering;

  Selection(const IndexSpec& index, const Apply& node, const Tensor& x, TensorsIn in,
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
  void check_part(const Tensor& y) const {
    const Shape part = gathering.shape();
    if (part == y.shape) return;
    throw ShapeError(fmt::format("the part selected has shape {}, its new value {}",
                                 to_string(part), to_string(y.shape)));
  }
  Selection(const Selection&) = delete;
  Selection& operator=(const Selection&) = delete;
};

Var apply_with_rest(std::shared_ptr<const Op> op, Vars operands, const Apply& node,
                    std::size_t first) {
  const auto rest = std::span(node.inputs()).subspan(first);
  operands.insert(operands.end(), rest.begin(), rest.end());
  return make_var(std::move(op), std::move(operands), node.site());
}

}  // namespace

std::string AdvancedSubtensor::parameters() const { return index_.parameters(); }

namespace {

OpPtr read_advanced_subtensor(OpText& text) {
  return std::make_shared<AdvancedSubtensor>(read_advanced_index(text));
}

}  // namespace

std::vector<TensorType> AdvancedSubtensor::infer(std::span<const TensorType> in) const {
  return {infer_selected(index_, in[0], in.subspan(first_bound))};
}

std::vector<std::optional<Vars>> AdvancedSubtensor::shape_rule(
    const Apply& node, const std::vector<Vars>& shapes) const {
  return {selected_sizes(index_, node, shapes, first_bound)};
}

std::vector<Demand> AdvancedSubtensor::demands(const Apply& node,
                                               const std::vector<Vars>& shapes) const {
  return selection_demands(index_, node, shapes, first_bound);
}

Gradients AdvancedSubtensor::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  result[0] = apply_with_rest(std::make_shared<AdvancedIncSubtensor>(index_, false),
                              {zeros_like(node.input(0), g[0].dtype()), g[0]}, node, first_bound);
  return result;
}

Var AdvancedSubtensor::picked(const Apply& node, std::size_t input) const {
  return read_for_ones(node, input);
}

Vars AdvancedSubtensor::push_forward(const Apply& node, const Vars& tangents) const {
  if (!tangents[0].defined()) return {Var{}};
  return {reapply(node, tangents[0])};
}

void AdvancedSubtensor::run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const {
  out[0] = Selection(index_, node, *in[0], in, first_bound).gathering.shape();
}

void AdvancedSubtensor::perform(const Apply& node, TensorsIn in, TensorsOut out,
                                Workspace& scratch) const {
  const Selection selection(index_, node, *in[0], in, first_bound);
  gather(selection.gathering, *out[0], scratch.bytes(gather_scratch(selection.gathering)));
}

void AdvancedSubtensor::perform_wide(const Apply& node, WidesIn in, WidesOut out) const {
  move_wide(node, in, 1, out);
}

Printed AdvancedSubtensor::print(const Apply&, std::span<const Printed> inputs) const {
  return {closed(inputs[0]) + index_.text(inputs.subspan(first_bound))};
}

std::string AdvancedIncSubtensor::parameters() const { return index_.parameters(); }

namespace {

OpPtr read_advanced_inc_subtensor(OpText& text) {
  return std::make_shared<AdvancedIncSubtensor>(read_advanced_index(text),
                                                text.name == "advanced_set_subtensor");
}

}  // namespace

std::vector<TensorType> AdvancedIncSubtensor::infer(std::span<const TensorType> in) const {
  const TensorType part = infer_selected(index_, in[0], in.subspan(first_bound));
  check_change(in[0], part, in[1], set_);
  return {in[0]};
}

std::vector<std::optional<Vars>> AdvancedIncSubtensor::shape_rule(
    const Apply&, const std::vector<Vars>& shapes) const {
  return {shapes[0]};
}

std::vector<Demand> AdvancedIncSubtensor::demands(const Apply& node,
                                                  const std::vector<Vars>& shapes) const {
  std::vector<Demand> all = selection_demands(index_, node, shapes, first_bound);
  const Vars part = selected_sizes(index_, node, shapes, first_bound);
  for (std::size_t i = 0; i < part.size(); ++i)
    all.push_back({Demand::Kind::equal, part[i], shapes[1][i]});
  return all;
}

Gradients AdvancedIncSubtensor::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  if (!is_float(node.input(0).dtype())) return result;
  const Var part =
      apply_with_rest(std::make_shared<AdvancedSubtensor>(index_), {g[0]}, node, first_bound);
  if (!set_) {
    result[0] = g[0];
    result[1] = part;
    return result;
  }
  result[0] = apply_with_rest(node.op_ptr(), {g[0], zeros_like(node.input(1))}, node, first_bound);
  // Of several values for one element only the last one stayed: find out which, by number.
  const Var y = node.input(1);
  const Var numbers = reshape(arange(size(y)), sizes(y));
  const Var owner = apply_with_rest(node.op_ptr(), {zeros_like(node.input(0), int64), numbers},
                                    node, first_bound);
  const Var stayed =
      eq(apply_with_rest(std::make_shared<AdvancedSubtensor>(index_), {owner}, node, first_bound),
         numbers);
  result[1] = where(stayed, part, 0);
  return result;
}

// What is replaced is not read.
Var AdvancedIncSubtensor::picked(const Apply& node, std::size_t input) const {
  return set_ && input == 0 ? read_for_ones(node, input) : Var{};
}

Vars AdvancedIncSubtensor::push_forward(const Apply& node, const Vars& tangents) const {
  if (!tangents[0].defined() && !tangents[1].defined()) return {Var{}};
  Vars operands;
  for (std::size_t i = 0; i < 2; ++i) {
    operands.push_back(tangents[i].defined() ? tangents[i] : zeros_like(node.input(i)));
  }
  return {apply_with_rest(node.op_ptr(), std::move(operands), node, first_bound)};
}

void AdvancedIncSubtensor::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  out[0] = in[0]->shape;
}

void AdvancedIncSubtensor::check_ahead(const Apply& node, TensorsIn in, Workspace& scratch) const {
  const Selection selection(index_, node, *in[0], in, first_bound);
  selection.check_part(*in[1]);
  check_positions(selection.gathering, scratch.bytes(gather_scratch(selection.gathering)));
}

void AdvancedIncSubtensor::perform(const Apply& node, TensorsIn in, TensorsOut out,
                                   Workspace& scratch) const {
  const Selection selection(index_, node, *out[0], in, first_bound);
  selection.check_part(*in[1]);
  if (in[0]->data != out[0]->data) copy(*in[0], *out[0]);
  scatter(selection.gathering, *in[1], !set_, scratch.bytes(gather_scratch(selection.gathering)));
}

void AdvancedIncSubtensor::perform_wide(const Apply& node, WidesIn in, WidesOut out) const {
  if (set_) return move_wide(node, in, 2, out);
  if (!is_float(in[0]->dtype())) return wide_by_kernel(node, in, out);
  const Var part = apply_with_rest(std::make_shared<AdvancedSubtensor>(index_), {node.input(0)},
                                   node, first_bound);
  std::vector<const WideArray*> selecting(in.begin() + 1, in.end());
  selecting[0] = in[0];
  scatter_wide(places_in(part.owner(), selecting, 1), in, out);
}

Printed AdvancedIncSubtensor::print(const Apply&, std::span<const Printed> inputs) const {
  return {fmt::format("{}({}{}, {})", set_ ? "set_subtensor" : "inc_subtensor", closed(inputs[0]),
                      index_.text(inputs.subspan(first_bound)), inputs[1].text)};
}

DAMO_OPS(advanced_subtensor) {
  ops.reader({"advanced_subtensor", read_advanced_subtensor, 2, OpReader::any});
  ops.reader({"advanced_set_subtensor", read_advanced_inc_subtensor, 3, OpReader::any});
  ops.reader({"advanced_inc_subtensor", read_advanced_inc_subtensor, 3, OpReader::any});
  const auto index = [](std::string dims, char of) {
    return OpInput{.dims = std::move(dims), .dtype = DType::int64, .index_of = of};
  };
  ops.sample({.name = "advanced_subtensor",
              .inputs = {{"mnk"}, index("ab", 'n')},
              .apply = [](const Vars& in) { return in[0](all(), in[1]); },
              .nonempty = "n"});
  ops.sample({.name = "advanced_subtensor with two index tensors",
              .inputs = {{"mnk"}, index("a1", 'm'), index("b", 'k')},
              .apply = [](const Vars& in) { return in[0](in[1], range(0, 2), in[2]); },
              .nonempty = "mk"});
  ops.sample({.name = "advanced_set_subtensor",
              .inputs = {{"mn"}, {"an"}, index("a", 'm')},
              .apply = [](const Vars& in) { return set_subtensor(in[0][in[2]], in[1]); },
              .nonempty = "m"});
  ops.sample({.name = "advanced_inc_subtensor",
              .inputs = {{"mn"}, {"an"}, index("a", 'm')},
              .apply = [](const Vars& in) { return inc_subtensor(in[0][in[2]], in[1]); },
              .nonempty = "m"});
}

}  // namespace damo
