#pragma once
#include <memory>

#include <damo/graph/function_graph.hpp>
#include <damo/runtime/program.hpp>

namespace damo {

struct LowerOptions {
  /// Groups elementwise nodes into single loops.
  bool fuse = true;
};

/// Turns a graph into a program that computes its roots. `name` is for errors: "function 'train'".
std::unique_ptr<Program> lower(const FunctionGraph& graph, std::string name,
                               const LowerOptions& options = {});

}  // namespace damo
