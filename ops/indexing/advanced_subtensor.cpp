#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/indexing/advanced_inc_subtensor.hpp>
#include <damo/ops/indexing/advanced_subtensor.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/indexing/selection.hpp>
#include <damo/ops/kernels/movement/gather.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo {

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

DAMO_OPS(advanced_subtensor) {
  ops.reader({"advanced_subtensor", read_advanced_subtensor, 2, OpReader::any});
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
}

}  // namespace damo
