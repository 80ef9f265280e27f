#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/control/state_updates.hpp>

namespace damo {

std::vector<std::pair<Var, Var>> state_updates(const Apply& node, const Guards& guards) {
  auto updates = node.op().state_updates(node);
  for (auto& [state, next] : updates) {
    Var moved = state;
    for (const Way& way : guards.ways(node)) {
      Var here = next;
      for (std::size_t i = way.size(); i-- > 0;) {
        const auto& [condition, holds] = way[i];
        here = holds ? ifelse(condition, here, moved) : ifelse(condition, moved, here);
      }
      moved = here;
    }
    next = moved;
  }
  return updates;
}

}  // namespace damo
