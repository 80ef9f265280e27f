#include <algorithm>
#include <iterator>
#include <optional>
#include <tuple>

#include <damo/graph/branch_guards.hpp>
#include <damo/graph/walk.hpp>

namespace damo {
namespace {

/// The place of a condition's node in the order of the graph, its number, and its wanted value:
/// guards of an inner choice sort behind those its condition is needed under.
using Key = std::tuple<std::size_t, std::size_t, bool>;
using Keys = std::vector<Key>;

Keys with(Keys keys, const Key& key) {
  const auto at = std::lower_bound(keys.begin(), keys.end(), key);
  if (at == keys.end() || *at != key) keys.insert(at, key);
  return keys;
}

class Search {
 public:
  Search(std::vector<const Apply*> order, const VarSet& known)
      : order_(std::move(order)), known_(known), keys_(order_.size()) {
    for (std::size_t i = 0; i < order_.size(); ++i) place_.emplace(order_[i], i);
  }

  std::unordered_map<const Apply*, std::vector<Guard>> run(std::span<const Var> roots) {
    for (const Var& root : roots) meet(root, {});
    for (std::size_t i = order_.size(); i-- > 0;) {
      const Apply& node = *order_[i];
      const Keys own = keys_[i].value_or(Keys{});
      for (std::size_t k = 0; k < node.inputs().size(); ++k) {
        const bool branch = node.op().chooses() && k > 0;
        meet(node.input(k), branch ? with(own, key(node.input(0), k == 1)) : own);
      }
    }
    std::unordered_map<const Apply*, std::vector<Guard>> guards;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      if (!keys_[i] || keys_[i]->empty()) continue;
      std::vector<Guard>& list = guards[order_[i]];
      for (const auto& [place, number, holds] : *keys_[i])
        list.push_back({conditions_[number], holds});
    }
    return guards;
  }

 private:
  Key key(const Var& condition, bool holds) {
    const auto [it, fresh] = numbers_.try_emplace(condition, conditions_.size());
    if (fresh) conditions_.push_back(condition);
    const auto place = place_.find(condition.owner_ptr());
    return {place == place_.end() ? 0 : place->second, it->second, holds};
  }

  void meet(const Var& v, const Keys& keys) {
    if (known_.contains(v)) return;
    std::optional<Keys>& so_far = keys_[place_.at(v.owner_ptr())];
    if (!so_far) {
      so_far = keys;
    } else if (!so_far->empty()) {
      Keys common;
      std::set_intersection(so_far->begin(), so_far->end(), keys.begin(), keys.end(),
                            std::back_inserter(common));
      so_far = std::move(common);
    }
  }

  std::vector<const Apply*> order_;
  const VarSet& known_;
  std::vector<std::optional<Keys>> keys_;
  std::unordered_map<const Apply*, std::size_t> place_;
  Vars conditions_;
  std::unordered_map<Var, std::size_t, VarHash, VarSame> numbers_;
};

}  // namespace

Guards::Guards(std::span<const Var> roots, const VarSet& known) {
  std::vector<const Apply*> order = toposort(roots, known);
  const bool any = std::any_of(order.begin(), order.end(),
                               [](const Apply* node) { return node->op().chooses(); });
  if (any) guards_ = Search(std::move(order), known).run(roots);
}

const std::vector<Guard>& Guards::of(const Apply& node) const {
  static const std::vector<Guard> none;
  const auto it = guards_.find(&node);
  return it == guards_.end() ? none : it->second;
}

}  // namespace damo
