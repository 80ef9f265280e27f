#include <damo/optim/engine/learned.hpp>

namespace damo::optim {

Learned::Key Learned::key(const FunctionGraph& graph) {
  Key numbers;
  for (const Var& v : graph.roots()) numbers.insert(numbers.end(), {v.owner().id(), v.index()});
  return numbers;
}

std::shared_ptr<const Learned::Order> Learned::order_of(const FunctionGraph& graph) {
  Key now = key(graph);
  if (order_ == nullptr || ordered_ != now) {
    order_ = std::make_shared<const Order>(graph.order());
    ordered_ = std::move(now);
  }
  return order_;
}

bool Learned::is_done(const std::vector<std::string>& tags, const FunctionGraph& graph) const {
  const auto at = done_.find(tags);
  return at != done_.end() && at->second == key(graph);
}

}  // namespace damo::optim
