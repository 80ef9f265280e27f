#pragma once
#include <optional>
#include <vector>

#include <damo/ops/scan_op.hpp>

namespace damo {

/// A logarithm of what a loop computed: log(1 - p[-1]) with p the trace of a sigmoid. Its
/// derivative 1 / p is only finite beside the derivative of the step, so it is built in there.
struct LogarithmOfLoop {
  const Apply* loop;
  Scan::Through through;
  /// From the logarithm to the loop's output: every variable, and the nodes that only move.
  Vars between;
  std::vector<const Apply*> movements;

  /// The gradient at the logarithm of every step's value, from that at the node's output.
  Var at_rows(const Var& g) const;
};

/// How `node` is such a logarithm, if it is one.
std::optional<LogarithmOfLoop> logarithm_of_loop(const Apply& node);

}  // namespace damo
