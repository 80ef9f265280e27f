#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/backward_loop.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

// Backpropagation through time is a loop: the body's gradient, from the last step to the first.
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
