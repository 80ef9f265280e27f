#pragma once
#include <memory>
#include <optional>

#include <damo/graph/function_graph.hpp>
#include <damo/runtime/program.hpp>

namespace damo {

struct LowerOptions {
  /// Groups elementwise nodes into single loops.
  bool fuse = true;
  /// Lets instructions write over inputs that nobody else needs. Otherwise an instruction's inputs
  /// are still there after it.
  bool inplace = true;
  /// For the body of a loop: inputs from this one on are the same at every step.
  std::optional<std::size_t> first_invariant{};
};

/// Turns a graph into a program that computes its roots. `name` is for errors: "function 'train'".
std::unique_ptr<Program> lower(const FunctionGraph& graph, std::string name,
                               const LowerOptions& options = {});

}  // namespace damo
