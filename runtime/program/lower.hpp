#pragma once
#include <memory>
#include <optional>
#include <vector>

#include <damo/graph/function_graph.hpp>
#include <damo/runtime/program/program.hpp>

namespace damo {

struct LowerOptions {
  /// Groups elementwise nodes into single loops.
  bool fuse = true;
  /// Lets instructions write over inputs that nobody else needs, and reduce what they compute.
  /// Otherwise an instruction's inputs are still there after it.
  bool inplace = true;
  /// By input: whether its memory may be the program's own. The program then has a storage for it,
  /// and may be called with memory from elsewhere all the same.
  std::vector<bool> mutable_inputs{};
  /// Lets updates be written over the shared variables they are of. The program's `finish` does it.
  bool overwrite_shared = false;
  /// For the body of a loop: inputs from this one on are the same at every step.
  std::optional<std::size_t> first_invariant{};
};

/// Turns a graph into a program that computes its roots. `name` is for errors: "function 'train'".
std::unique_ptr<Program> lower(const FunctionGraph& graph, std::string name,
                               const LowerOptions& options = {});

}  // namespace damo
