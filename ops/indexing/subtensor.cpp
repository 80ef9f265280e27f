#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/indexing/subtensor.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/kernels/movement/strided.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo {
namespace {

void check_bounds(std::span<const TensorType> in, std::size_t first, const IndexSpec& index) {
  check_arity(in, first + index.n_bounds());
  for (const TensorType& bound : in.subspan(first)) check_int_scalar(bound);
}

std::span<const Var> bounds_of(const Apply& node, std::size_t first) {
  return std::span(node.inputs()).subspan(first);
}

/// An op of this file on `first` operands followed by the bounds of `node`.
Var apply_with_bounds(std::shared_ptr<const Op> op, Vars operands, std::span<const Var> bounds,
                      Site site) {
  operands.insert(operands.end(), bounds.begin(), bounds.end());
  return make_var(std::move(op), std::move(operands), site);
}

void add_into(const Tensor& from, const Tensor& to) {
  const Walk<2> walk = coalesce(Walk<2>{to.shape, {from.strides, to.strides}});
  dispatch_computing(to.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_each_index(walk, walk.rank(), [&](const auto& offsets) {
      T& sum = to.as<T>()[offsets[1]];
      sum = static_cast<T>(sum + from.as<const T>()[offsets[0]]);
    });
  });
}

}  // namespace

std::string Subtensor::parameters() const { return index_.parameters(); }

namespace {

OpPtr read_subtensor(OpText& text) {
  IndexSpec index = read_index(text.parameters, text.operands[0].rank());
  if (index.n_advanced() > 0) text.parameters.fail("before this an index without tensors");
  return std::make_shared<Subtensor>(std::move(index));
}

}  // namespace

std::vector<TensorType> Subtensor::infer(std::span<const TensorType> in) const {
  check_bounds(in, first_bound, index_);
  return {{in[0].dtype, index_.view_dims(in[0].dims)}};
}

std::vector<std::optional<Vars>> Subtensor::shape_rule(const Apply& node,
                                                       const std::vector<Vars>& shapes) const {
  return {index_.view_sizes(shapes[0], bounds_of(node, first_bound))};
}

std::vector<Demand> Subtensor::demands(const Apply& node, const std::vector<Vars>& shapes) const {
  return index_.demands(shapes[0], bounds_of(node, first_bound), {});
}

Gradients Subtensor::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  result[0] = apply_with_bounds(std::make_shared<IncSubtensor>(index_, false),
                                {zeros_like(node.input(0), g[0].dtype()), g[0]},
                                bounds_of(node, first_bound), node.site());
  return result;
}

Var Subtensor::picked(const Apply& node, std::size_t input) const {
  return index_.takes_all() ? Var{} : read_for_ones(node, input);
}

Vars Subtensor::push_forward(const Apply& node, const Vars& tangents) const {
  if (!tangents[0].defined()) return {Var{}};
  return {reapply(node, tangents[0])};
}

void Subtensor::run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const {
  shapes_of_view(*this, node, in, out);
}

void Subtensor::view(const Apply&, TensorsIn in, Tensor& out) const {
  out = index_.view(*in[0], in.subspan(first_bound));
}

Printed Subtensor::print(const Apply&, std::span<const Printed> inputs) const {
  return {closed(inputs[0]) + index_.text(inputs.subspan(first_bound))};
}

namespace {

struct Part {
  std::size_t axis;
  std::int64_t start;
  std::int64_t stop;
};

/// The range that an index takes of one axis where it takes the others whole and its ends are
/// numbers from the beginning.
std::optional<Part> part_of(const IndexSpec& index) {
  std::optional<Part> part;
  for (std::size_t axis = 0; axis < index.entries().size(); ++axis) {
    const IndexEntry& e = index.entries()[axis];
    if (IndexSpec({e}).takes_all()) continue;
    const bool plain = e.kind == Index::Kind::range && e.step.kind == Bound::Kind::absent;
    if (part || !plain || e.start.kind == Bound::Kind::input || e.stop.kind == Bound::Kind::input)
      return std::nullopt;
    const bool to_end = e.stop.kind == Bound::Kind::absent;
    part = {axis, e.start.value, to_end ? std::numeric_limits<std::int64_t>::max() : e.stop.value};
    if (part->start < 0 || part->stop < 0) return std::nullopt;
  }
  return part;
}

}  // namespace

bool take_parts_in_turn(std::span<const Apply* const> readers) {
  std::vector<Part> parts;
  for (const Apply* node : readers) {
    const auto* subtensor = as<Subtensor>(node->op());
    if (const auto part = subtensor != nullptr ? part_of(subtensor->index()) : std::nullopt)
      parts.push_back(*part);
  }
  std::sort(parts.begin(), parts.end(),
            [](const Part& a, const Part& b) { return a.start < b.start; });
  std::int64_t reached = 0;
  for (const Part& p : parts) {
    if (p.axis != parts.front().axis || p.start > reached) return false;
    reached = std::max(reached, p.stop);
  }
  return parts.size() > 1;
}

std::string IncSubtensor::parameters() const { return index_.parameters(); }

namespace {

OpPtr read_inc_subtensor(OpText& text) {
  IndexSpec index = read_index(text.parameters, text.operands[0].rank());
  if (index.n_advanced() > 0) text.parameters.fail("before this an index without tensors");
  return std::make_shared<IncSubtensor>(std::move(index), text.name == "set_subtensor");
}

}  // namespace

std::vector<TensorType> IncSubtensor::infer(std::span<const TensorType> in) const {
  check_bounds(in, first_bound, index_);
  const TensorType part{in[0].dtype, index_.view_dims(in[0].dims)};
  check_change(in[0], part, in[1], set_);
  return {in[0]};
}

std::vector<std::optional<Vars>> IncSubtensor::shape_rule(const Apply&,
                                                          const std::vector<Vars>& shapes) const {
  return {shapes[0]};
}

std::vector<Demand> IncSubtensor::demands(const Apply& node,
                                          const std::vector<Vars>& shapes) const {
  const auto bounds = bounds_of(node, first_bound);
  std::vector<Demand> all = index_.demands(shapes[0], bounds, {});
  const Vars part = index_.view_sizes(shapes[0], bounds);
  for (std::size_t i = 0; i < part.size(); ++i)
    all.push_back({Demand::Kind::equal, part[i], shapes[1][i]});
  return all;
}

Gradients IncSubtensor::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  if (!is_float(node.input(0).dtype())) return result;
  const auto bounds = bounds_of(node, first_bound);
  result[0] = set_ ? apply_with_bounds(node.op_ptr(), {g[0], zeros_like(node.input(1))}, bounds,
                                       node.site())
                   : g[0];
  result[1] = apply_with_bounds(std::make_shared<Subtensor>(index_), {g[0]}, bounds, node.site());
  return result;
}

// What is replaced is not read.
Var IncSubtensor::picked(const Apply& node, std::size_t input) const {
  return set_ && input == 0 ? read_for_ones(node, input) : Var{};
}

Vars IncSubtensor::push_forward(const Apply& node, const Vars& tangents) const {
  if (!tangents[0].defined() && !tangents[1].defined()) return {Var{}};
  Vars operands;
  for (std::size_t i = 0; i < 2; ++i) {
    operands.push_back(tangents[i].defined() ? tangents[i] : zeros_like(node.input(i)));
  }
  return {apply_with_bounds(node.op_ptr(), std::move(operands), bounds_of(node, first_bound),
                            node.site())};
}

void IncSubtensor::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  out[0] = in[0]->shape;
}

/// The part of x that changes, of the shape of what is new.
Tensor IncSubtensor::checked_part(TensorsIn in, const Tensor& x) const {
  Tensor part = index_.view(x, in.subspan(first_bound));
  if (part.shape != in[1]->shape) {
    throw ShapeError(fmt::format("the part selected has shape {}, its new value {}",
                                 to_string(part.shape), to_string(in[1]->shape)));
  }
  return part;
}

void IncSubtensor::check_ahead(const Apply&, TensorsIn in, Workspace&) const {
  checked_part(in, *in[0]);
}

void IncSubtensor::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  const Tensor part = checked_part(in, *out[0]);
  if (in[0]->data != out[0]->data) copy(*in[0], *out[0]);
  if (set_) {
    copy(*in[1], part);
  } else {
    add_into(*in[1], part);
  }
}

void IncSubtensor::perform_wide(const Apply& node, WidesIn in, WidesOut out) const {
  if (set_) return move_wide(node, in, 2, out);
  if (!is_float(in[0]->dtype())) return wide_by_kernel(node, in, out);
  const Var part = apply_with_bounds(std::make_shared<Subtensor>(index_), {node.input(0)},
                                     bounds_of(node, first_bound), node.site());
  std::vector<const WideArray*> selecting(in.begin() + 1, in.end());
  selecting[0] = in[0];
  scatter_wide(places_in(part.owner(), selecting, 1), in, out);
}

Printed IncSubtensor::print(const Apply&, std::span<const Printed> inputs) const {
  return {fmt::format("{}({}{}, {})", name(), closed(inputs[0]),
                      index_.text(inputs.subspan(first_bound)), inputs[1].text)};
}

DAMO_OPS(subtensor) {
  ops.reader({"subtensor", read_subtensor, 1, OpReader::any});
  ops.reader({"set_subtensor", read_inc_subtensor, 2, OpReader::any});
  ops.reader({"inc_subtensor", read_inc_subtensor, 2, OpReader::any});
  const OpInput integer{.dims = "", .low = -3, .high = 3, .dtype = DType::int64};
  const OpInput row{.dims = "", .dtype = DType::int64, .index_of = 'm'};
  ops.sample({.name = "subtensor",
              .inputs = {{"mnk"}, row, integer},
              .apply = [](const Vars& in) { return in[0](in[1], range(in[2], 9, 2), newaxis); },
              .nonempty = "m"});
  ops.sample({.name = "subtensor backwards",
              .inputs = {{"mn"}, integer, integer},
              .apply = [](const Vars& in) { return in[0](all(), range(in[1], in[2], -1)); }});
  ops.sample(
      {.name = "set_subtensor", .inputs = {{"mn"}, {"m1"}, integer}, .apply = [](const Vars& in) {
         return set_subtensor(in[0](all(), from(in[2])), in[1]);
       }});
  ops.sample({.name = "inc_subtensor",
              .inputs = {{"mn"}, {"n"}, row},
              .apply = [](const Vars& in) { return inc_subtensor(in[0][in[2]], in[1]); },
              .nonempty = "m"});
}

}  // namespace damo
