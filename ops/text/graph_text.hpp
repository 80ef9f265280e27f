#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <damo/graph/function_graph.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/control/debug.hpp>

namespace damo {

struct PrintOptions {
  /// Write what shared variables hold, too.
  bool shared_values = false;
};

/// The graph as text that `parse` reads back: a node a line, each after its operands, with op,
/// parameters, operands, types, names and the line that made it; constants with every bit; bodies
/// of loops indented below their node. Ids count from %0, so equal graphs give equal text. A
/// derivative that was given to a graph (`OpFromGraph`, `with_gradient`) is written as the graph
/// that its function builds. Throws GraphError, naming the node and its line, for one that reads an
/// input which is none of its node's, and for an op that only stands in rules.
std::string print(const FunctionGraph& graph, const PrintOptions& options = {});
/// The graph that computes these from the inputs they depend on, in order of first use.
std::string print(const Vars& outputs, const PrintOptions& options = {});
std::string print(const Var& output, const PrintOptions& options = {});

struct ParseOptions {
  /// Variables to take for the shared variables of the text, matched by name: of several of one
  /// name, the first of the text is the first given. For others new ones are made, holding what
  /// the text says, or nothing (size 0 along each axis).
  std::vector<SharedVar> shared{};
  /// Called with each line of the text's Prints; std::cerr when empty.
  std::function<void(const std::string&)> print_line{};
  /// What the text's Breakpoints call, by their names; one whose name is missing is an error.
  std::map<std::string, Breakpoint::Callback> breakpoints{};
};

/// The graph of a text, such that `parse(print(g)) == g`. Throws GraphError with line, column and
/// what was expected there; a text never makes it allocate more than a small multiple of its own
/// length. Texts come with no promise of what the graph computes: run those you trust.
FunctionGraph parse(std::string_view text, const ParseOptions& options = {});

/// Whether two graphs compute the same by structure: inputs match by position, shared variables by
/// order of use, name and type; names of other variables, lines, where Prints write and what
/// Breakpoints call do not matter.
bool operator==(const FunctionGraph& a, const FunctionGraph& b);

}  // namespace damo
