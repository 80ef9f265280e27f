#include <unordered_map>

#include <damo/ops/common/op_readers.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/control/ifelse_op.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/linalg/binary_dot.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/gemm.hpp>
#include <damo/ops/linalg/sum_of_products.hpp>
#include <damo/ops/shape/join_op.hpp>
#include <damo/ops/shape/shape_of.hpp>

namespace damo {
namespace {

/// An op without parameters.
template <class T>
OpPtr plain(OpText&) {
  return std::make_shared<T>();
}

OpPtr read_binary_dot(OpText& text) {
  return std::make_shared<BinaryDot>(text.parameters.accept_word("verify"));
}
OpPtr read_concatenate(OpText& text) {
  text.parameters.expect("axis=");
  return std::make_shared<Join>(text.parameters.number_below(max_rank, "an axis"));
}
OpPtr read_shape(OpText& text) {
  return std::make_shared<ShapeOf>(text.parameters.number_below(max_rank, "an axis"));
}
OpPtr read_make_vector(OpText& text) {
  return std::make_shared<MakeVector>(text.parameters.dtype());
}

constexpr auto many = OpReader::any;

constexpr OpReader table[] = {
    {"Assert", read_effect, 1, many},
    {"Breakpoint", read_effect, 1, many},
    {"Print", read_effect, 1, 1},
    {"advanced_inc_subtensor", read_advanced_inc_subtensor, 3, many},
    {"advanced_set_subtensor", read_advanced_inc_subtensor, 3, many},
    {"advanced_subtensor", read_advanced_subtensor, 2, many},
    {"after", plain<After>, 2, many},
    {"all", read_reduce, 1, 1},
    {"any", read_reduce, 1, 1},
    {"arange", read_arange, 3, 3},
    {"argmax", read_arg_reduce, 1, 1},
    {"argmin", read_arg_reduce, 1, 1},
    {"batched_dot", read_batched_dot, 2, 2},
    {"binary_dot", read_binary_dot, 2, 2},
    {"broadcast_to", read_broadcast_to, 1, many},
    {"concatenate", read_concatenate, 1, many},
    {"cumsum", read_cumsum, 1, 1},
    {"dimshuffle", read_dimshuffle, 1, 1},
    {"disconnected_grad", read_gradient_view, 1, 1},
    {"dot", plain<Dot>, 2, 2},
    {"gemm", plain<Gemm>, 5, 5},
    {"grad_clip", read_gradient_view, 1, 1},
    {"grad_scale", read_gradient_view, 1, 1},
    {"grad_undefined", read_gradient_view, 1, 1},
    {"ifelse", plain<IfElse>, 3, 3},
    {"inc_subtensor", read_inc_subtensor, 2, many},
    {"log_softmax", read_log_softmax, 1, 1},
    {"logsumexp", read_logsumexp, 1, 1},
    {"make_vector", read_make_vector, 0, many},
    {"max", read_reduce, 1, 1},
    {"min", read_reduce, 1, 1},
    {"nonzero", read_nonzero, 1, many},
    {"op_from_graph", read_subgraph, 0, many},
    {"placeholder", nullptr, 0, 0, "it stands for any expression in a rule"},
    {"prod", read_reduce, 1, 1},
    {"product_of_others", read_product_of_others, 1, 1},
    {"reshape", read_reshape, 1, many},
    {"scan", read_scan, 1, many},
    {"set_subtensor", read_inc_subtensor, 2, many},
    {"shape", read_shape, 1, 1},
    {"slice_length", read_slice_length, 1, many},
    {"softmax", read_softmax, 1, 1},
    {"specify_shape", read_specify_shape, 1, many},
    {"subtensor", read_subtensor, 1, many},
    {"sum", read_reduce, 1, 1},
    {"sum_of_products", plain<SumOfProducts>, 2, 2},
    {"zero_grad", read_gradient_view, 1, 1},
};

const ScalarOp* scalar_op(const OpText& text) {
  for (const ScalarOp* s : scalar_ops()) {
    const bool same_kind = s->types != ScalarOp::Types::convert || s->to == text.results[0].dtype;
    if (s->name == text.name && same_kind) return s;
  }
  return nullptr;
}

// Casts share a name; they differ in the type of the result.
OpPtr read_elementwise(OpText& text) { return std::make_shared<Elementwise>(*scalar_op(text)); }

std::unordered_map<std::string_view, OpReader> all_readers() {
  std::unordered_map<std::string_view, OpReader> readers;
  for (const OpReader& reader : table) readers.emplace(reader.name, reader);
  for (const std::string& name : draw_names())
    readers.try_emplace(name, OpReader{name, read_draw, 1, many});
  for (const ScalarOp* s : scalar_ops())
    readers.try_emplace(s->name, OpReader{s->name, read_elementwise, s->arity, s->arity});
  return readers;
}

}  // namespace

const OpReader* op_reader(std::string_view name) {
  static const auto readers = all_readers();
  const auto found = readers.find(name);
  return found == readers.end() ? nullptr : &found->second;
}

}  // namespace damo
