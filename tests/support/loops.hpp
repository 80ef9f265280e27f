#pragma once
#include <functional>
#include <string>
#include <vector>

#include <damo/graph/var.hpp>

namespace damo::test {

/// One step: (items of the sequences, previous states, oldest first, non-sequences) to the states.
using Step = std::function<Vars(const Vars&, const Vars&, const Vars&)>;

/// A loop that can be made as a scan or unrolled.
struct Loop {
  std::string name;
  Step step;
  std::vector<Shape> items, states, constants;
  std::vector<std::vector<int>> taps{};  ///< of each state; {-1} where not given
  std::vector<int> sequence_taps{0};
};

/// One of each kind.
const std::vector<Loop>& small_loops();
/// Networks that are in use, and what has once been rounded differently.
const std::vector<Loop>& more_loops();

}  // namespace damo::test
