#pragma once
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
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

/// Reads an op without parameters.
template <class T>
OpPtr read_plain(OpText&) {
  return std::make_shared<T>();
}

}  // namespace damo
