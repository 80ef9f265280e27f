#include <algorithm>
#include <utility>

#include <damo/graph/map_graph.hpp>
#include <damo/optim/engine/rewriter.hpp>

// The graph as a whole: sweeps over it until nothing is left to do.
namespace damo::optim {
namespace {

constexpr int most_sweeps = 40;

/// How many inputs and roots each variable is.
Table<std::size_t> count_uses(const FunctionGraph& graph, const std::vector<const Apply*>& order) {
  Table<std::size_t> counts;
  counts.reserve(order.size());
  for (const Apply* node : order) {
    for (const Var& in : node->inputs()) ++counts[in];
  }
  for (const Var& root : graph.roots()) ++counts[root];
  return counts;
}

}  // namespace

FunctionGraph Rewriter::run(const FunctionGraph& graph) {
  facts_ = Facts{};
  for (const auto& [v, fact] : assumed_) facts_.assume(v, fact);
  if (!settings_.for_grad) return sweeps(graph);
  kept_ = given_by_effects(graph.roots());
  const FunctionGraph result = sweeps(graph);
  if (applied_ == 0) return result;
  return result.with_roots(made_anew(*order_of(result), result.roots(), {}));
}

FunctionGraph Rewriter::sweeps(const FunctionGraph& graph) {
  FunctionGraph result = graph;
  for (int i = 0; i < most_sweeps; ++i) {
    const std::size_t before = applied_;
    recent_.clear();
    const auto order = order_of(result);
    uses_ = count_uses(result, *order);
    if (learned_.is_merged(result) && at_rest(*order)) return result;
    result = sweep(result, *order);
    learned_.note_merged(result);
    if (applied_ == before) return result;
  }
  report_loop();
}

/// Whether a sweep would leave the graph as it is: that is known of most graphs at most nodes, and
/// found in less time than a graph is rebuilt in.
bool Rewriter::at_rest(const Order& order) {
  settled_.clear();
  nodes_.clear();
  looking_ = true;
  Vars made;
  for (const Apply* node : order) {
    const bool body_rests = node->op().body() == nullptr || !with_rewritten_body(*node).defined();
    if (!body_rests || first_to_apply(*node, made) != nullptr) looking_ = false;
    if (!looking_) return false;
  }
  looking_ = false;
  visits_ += order.size();
  return true;
}

std::shared_ptr<const Rewriter::Order> Rewriter::order_of(const FunctionGraph& graph) {
  const bool whole = !settings_.for_grad && kept_.empty();
  if (whole && settings_.depth == 0) return learned_.order_of(graph);  // a body's is soon another's
  if (whole) return std::make_shared<const Order>(graph.order());
  Order order = toposort(graph.roots(), kept_);
  return std::make_shared<const Order>(settings_.for_grad ? aged(std::move(order))
                                                          : std::move(order));
}

Rewriter::Order Rewriter::aged(Order order) const {
  const auto age = [&](const Apply* node) {
    const std::uint64_t* known = ages_.find(*node);
    return known == nullptr ? node->id() : *known;
  };
  std::sort(order.begin(), order.end(), [&](const Apply* a, const Apply* b) {
    return std::pair(age(a), a->id()) < std::pair(age(b), b->id());
  });
  return order;
}

FunctionGraph Rewriter::sweep(const FunctionGraph& graph, const Order& order) {
  settled_.clear();
  sizes_.clear();
  nodes_.clear();
  stable_logs_.clear();
  const Vars old_roots = graph.roots();
  budget_ = applied_ + 60 * order.size() + 1000;
  settled_.reserve(order.size());
  nodes_.reserve(order.size());
  const Table<std::size_t> counts = std::exchange(uses_, {});
  // A loop's inputs stay, whether or not anything is left to read them.
  for (const Var& in : graph.inputs) visit(in.owner());
  for (const Var& v : kept_) settled_.set(v.owner(), v.index(), v);
  for (const Apply* node : order) {
    if (settings_.for_grad) age_ = *ages_.insert(*node, 0, node->id()).first;
    visit(*node);
    for (std::size_t i = 0; i < node->n_outputs(); ++i) {
      if (const std::size_t* count = counts.find(*node, i))
        uses_[*settled_.find(*node, i)] += *count;
    }
  }
  return graph.with_roots(settled(old_roots));
}

VarSet given_by_effects(const Vars& roots) {
  VarSet given;
  for (const Apply* node : toposort(roots)) {
    const bool loop = node->op().body() != nullptr;
    if (loop || (node->op().pure() && node->op().state_updates(*node).empty())) continue;
    for (const Var& out : node->outputs()) given.insert(out);
  }
  return given;
}

}  // namespace damo::optim
