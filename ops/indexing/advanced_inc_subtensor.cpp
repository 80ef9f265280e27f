#include <fmt/format.h>

#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/advanced_inc_subtensor.hpp>
#include <damo/ops/indexing/advanced_subtensor.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/indexing/selection.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/kernels/movement/gather.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {

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

DAMO_OPS(advanced_inc_subtensor) {
  ops.reader({"advanced_set_subtensor", read_advanced_inc_subtensor, 3, OpReader::any});
  ops.reader({"advanced_inc_subtensor", read_advanced_inc_subtensor, 3, OpReader::any});
  const auto index = [](std::string dims, char of) {
    return OpInput{.dims = std::move(dims), .dtype = DType::int64, .index_of = of};
  };
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
