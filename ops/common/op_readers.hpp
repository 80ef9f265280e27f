#pragma once
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <damo/graph/function_graph.hpp>
#include <damo/ops/common/text_reader.hpp>

namespace damo {

struct ParseOptions;

/// A derivative of its own that a graph as an op has, as a graph: it computes these parts of it.
struct DerivativeText {
  std::vector<std::size_t> parts;
  FunctionGraph graph;
};

/// What the text of a node says, for the reader of its op.
struct OpText {
  std::string_view name;
  /// At what `Op::parameters` wrote; the reader goes to its end.
  TextReader& parameters;
  std::span<const TensorType> operands;
  /// The types the results shall have. What an op knows by them, its parameters need not repeat.
  std::span<const TensorType> results;
  /// The inner graph, of an op whose `body()` is not null.
  FunctionGraph body{};
  std::optional<DerivativeText> gradient{}, push_forward{};
  /// Numbers for the effects of the text, in their order.
  std::uint64_t first_effect = 0, most_effects = 0;
  const ParseOptions* options = nullptr;
};

using OpPtr = std::shared_ptr<const Op>;

/// How ops of a name are made from their text.
struct OpReader {
  static constexpr std::size_t any = std::numeric_limits<std::size_t>::max();
  std::string_view name;
  /// Null for an op that has no text form.
  OpPtr (*read)(OpText& text);
  std::size_t least_operands = 0;
  std::size_t most_operands = any;
  /// Why an op has no text form, for the error: "it stands for any expression in a rule".
  std::string_view refusal = {};
};

/// The reader for ops of this name, or null. A new op's reader stands beside its `parameters` and
/// joins the table in op_readers.cpp; a test fails until it has.
const OpReader* op_reader(std::string_view name);

// Readers that stand beside their op's class.
OpPtr read_advanced_inc_subtensor(OpText& text);
OpPtr read_advanced_subtensor(OpText& text);
OpPtr read_arange(OpText& text);
OpPtr read_arg_reduce(OpText& text);
OpPtr read_batched_dot(OpText& text);
OpPtr read_broadcast_to(OpText& text);
OpPtr read_cumsum(OpText& text);
OpPtr read_dimshuffle(OpText& text);
OpPtr read_draw(OpText& text);
/// The names of all kinds of draws.
const std::vector<std::string>& draw_names();
OpPtr read_effect(OpText& text);
OpPtr read_gradient_view(OpText& text);
OpPtr read_inc_subtensor(OpText& text);
OpPtr read_log_softmax(OpText& text);
OpPtr read_logsumexp(OpText& text);
OpPtr read_nonzero(OpText& text);
OpPtr read_product_of_others(OpText& text);
OpPtr read_reduce(OpText& text);
OpPtr read_reshape(OpText& text);
OpPtr read_scan(OpText& text);
OpPtr read_slice_length(OpText& text);
OpPtr read_softmax(OpText& text);
OpPtr read_specify_shape(OpText& text);
OpPtr read_subgraph(OpText& text);
OpPtr read_subtensor(OpText& text);

/// What `axes_text` wrote: the axes, a bit for each, and whether they are kept.
std::pair<std::uint32_t, bool> read_axes(TextReader& text);

}  // namespace damo
