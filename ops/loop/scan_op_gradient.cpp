#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/loop/backward_loop.hpp>

namespace damo {

Gradients Scan::gradient(const Apply& node, const Vars& g) const {
  FlowAsked asked{g, Vars(g.size()), {}, {}};
  for (const Var& v : node.inputs()) {
    asked.wanted.push_back(is_float(v.dtype()));
    asked.behind.push_back(Slope::constant);
  }
  return flow_back(node, asked).gradients;
}

FlowFound Scan::flow_back(const Apply& node, const FlowAsked& asked) const {
  const std::size_t n = node.inputs().size();
  try {
    return BackwardLoop(*this, node, asked).run();
  } catch (const GradError& e) {
    // Some path inside has no derivative. It is an error only for a variable that is asked for and
    // lies on it.
    FlowFound none{Gradients(n), Vars(n)};
    for (std::size_t i = 1; i < n; ++i) {
      if (asked.wanted[i])
        none.gradients[i] =
            Gradient::undefined(fmt::format("in scan '{}': {}", spec_.name, e.what()));
    }
    return none;
  }
}

}  // namespace damo
