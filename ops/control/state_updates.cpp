#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/control/state_updates.hpp>

namespace damo {

std::vector<std::pair<Var, Var>> state_updates(const Apply& node, const Guards& guards) {
  auto updates = node.op().state_updates(node);
  const std::vector<Guard>& needed = guards.of(node);
  for (auto& [state, next] : updates) {
    for (std::size_t i = needed.size(); i-- > 0;) {
      const auto& [condition, holds] = needed[i];
      next = holds ? ifelse(condition, next, state) : ifelse(condition, state, next);
    }
  }
  return updates;
}

}  // namespace damo
