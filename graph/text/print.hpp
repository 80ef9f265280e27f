#pragma once
#include <span>
#include <string>

#include <damo/graph/op.hpp>

namespace damo {

struct FunctionGraph;

/// One line for messages: "float32 (?, 784) 'v' (an input), made at rbm.cpp:41".
std::string describe(const Var& v);
/// The same for a node: its op and line.
std::string describe(const Apply& node);

/// The expression as mathematics on one line; sub-expressions beyond `max_depth` print as "...".
std::string pprint(const Var& v, int max_depth = 12);

/// The graph as a tree, one node a line, with types, names and lines; a node printed before is
/// referred to by its letter. Loop bodies follow below the tree.
std::string debugprint(const Var& v);
std::string debugprint(std::span<const Var> outputs);
std::string debugprint(const FunctionGraph& graph);

/// Graphviz text.
std::string to_dot(std::span<const Var> outputs);
inline std::string to_dot(const Var& output) { return to_dot(std::span(&output, 1)); }
std::string to_dot(const FunctionGraph& graph);

}  // namespace damo
