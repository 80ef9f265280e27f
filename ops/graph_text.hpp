#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <damo/graph/function_graph.hpp>
#include <damo/graph/leaves.hpp>

namespace damo {

struct PrintOptions {
  /// Write what shared variables hold, too.
  bool shared_values = false;
};

/// The graph as text that `parse` reads back: a node a line, each after its operands, with op,
/// parameters, operands, types, names and the line that made it; constants with every bit; bodies
/// of loops indented below their node. Ids count from %0, so equal graphs give equal text. Throws
/// GraphError for an op that has no text form, such as one that calls a function of the program.
std::string print(const FunctionGraph& graph, const PrintOptions& options = {});
/// The graph that computes these from the inputs they depend on, in order of first use.
std::string print(const Vars& outputs, const PrintOptions& options = {});
std::string print(const Var& output, const PrintOptions& options = {});

struct ParseOptions {
  /// Variables to take for the shared variables of the text, matched by name: of several of one
  /// name, the first of the text is the first given. For others new ones are made, holding what
  /// the text says, or nothing (size 0 along each axis).
  std::vector<SharedVar> shared{};
};

/// The graph of a text, such that `parse(print(g)) == g`. Throws GraphError with line, column and
/// what was expected there; a text never makes it allocate more than a small multiple of its own
/// length. Texts come with no promise of what the graph computes: run those you trust.
FunctionGraph parse(std::string_view text, const ParseOptions& options = {});

/// Whether two graphs compute the same by structure: inputs match by position, shared variables by
/// order of use, name and type; names of other variables and lines do not matter.
bool operator==(const FunctionGraph& a, const FunctionGraph& b);

}  // namespace damo
