#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include <damo/graph/branch_guards.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>

namespace damo {
namespace {

constexpr std::size_t max_ways = 8;
constexpr int max_attempts = 8;

/// A condition by its number, and its wanted value.
using Key = std::pair<std::uint32_t, bool>;
using Keys = std::vector<Key>;                      ///< sorted: all hold
using KeyWays = std::vector<Keys>;                  ///< sorted: one of them does
using Ban = std::pair<std::size_t, std::uint32_t>;  ///< a node's place and a condition

bool within(const Keys& few, const Keys& many) {
  return std::includes(many.begin(), many.end(), few.begin(), few.end());
}

/// What two ways have in common that differ in nothing but the value of one condition.
std::optional<Keys> joined(const Keys& a, const Keys& b) {
  if (a.size() != b.size()) return std::nullopt;
  std::optional<std::size_t> at;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    if (at || a[i].first != b[i].first) return std::nullopt;
    at = i;
  }
  if (!at) return std::nullopt;
  Keys rest = a;
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(*at));
  return rest;
}

/// What all ways ask for.
Keys common(const KeyWays& ways) {
  Keys all = ways.front();
  for (const Keys& w : ways)
    std::erase_if(all, [&](const Key& k) { return !std::binary_search(w.begin(), w.end(), k); });
  return all;
}

/// Adds a way as far as it says anything new.
void add_way(KeyWays& ways, Keys fresh) {
  for (bool again = true; again;) {
    again = false;
    if (std::any_of(ways.begin(), ways.end(), [&](const Keys& w) { return within(w, fresh); }))
      return;
    std::erase_if(ways, [&](const Keys& w) { return within(fresh, w); });
    for (const Keys& w : ways) {
      if (auto both = joined(w, fresh)) {
        fresh = std::move(*both);
        again = true;
        break;
      }
    }
  }
  ways.insert(std::lower_bound(ways.begin(), ways.end(), fresh), std::move(fresh));
  if (ways.size() > max_ways) ways = {common(ways)};
}

class Search {
 public:
  Search(std::vector<const Apply*> order, const VarSet& known)
      : order_(std::move(order)), known_(known) {
    for (std::size_t i = 0; i < order_.size(); ++i) place_.emplace(order_[i], i);
  }

  std::unordered_map<const Apply*, std::vector<Way>> run(std::span<const Var> roots) {
    for (int attempt = 0;; ++attempt) {
      // Where that does not come to an end: what all ways have in common always has an order.
      common_only_ = attempt == max_attempts;
      if (common_only_) bans_.clear();
      find_ways(roots);
      const std::size_t banned = bans_.size();
      ban_what_comes_too_late();
      auto guards = arranged();
      if (bans_.size() == banned || common_only_) return guards;
    }
  }

 private:
  void find_ways(std::span<const Var> roots) {
    ways_.assign(order_.size(), {});
    for (const Var& root : roots) meet(root, {{}});
    for (std::size_t i = order_.size(); i-- > 0;) {
      const Apply& node = *order_[i];
      if (ways_[i].empty()) ways_[i] = {{}};
      for (std::size_t k = 0; k < node.inputs().size(); ++k) {
        const bool branch = node.op().chooses() && k > 0;
        meet(node.input(k), branch ? with(ways_[i], {number(node.input(0)), k == 1}) : ways_[i]);
      }
    }
  }

  std::uint32_t number(const Var& condition) {
    const auto [it, fresh] =
        numbers_.try_emplace(condition, static_cast<std::uint32_t>(conditions_.size()));
    if (fresh) conditions_.push_back(condition);
    return it->second;
  }

  /// The ways on which `key` holds besides.
  static KeyWays with(const KeyWays& ways, const Key& key) {
    KeyWays all;
    for (Keys w : ways) {
      const auto at = std::lower_bound(w.begin(), w.end(), key);
      if (at == w.end() || *at != key) w.insert(at, key);
      add_way(all, std::move(w));
    }
    return all;
  }

  void meet(const Var& v, const KeyWays& ways) {
    if (known_.contains(v)) return;
    const std::size_t at = place_.at(v.owner_ptr());
    for (Keys w : ways) {
      std::erase_if(w, [&](const Key& k) { return bans_.contains({at, k.first}); });
      add_way(ways_[at], std::move(w));
    }
    if (common_only_) ways_[at] = {common(ways_[at])};
  }

  /// The place of the node that computes a condition; of none where it is there from the start.
  std::optional<std::size_t> place_of(std::uint32_t condition) const {
    const Var& v = conditions_[condition];
    if (known_.contains(v) || is_leaf(v)) return std::nullopt;
    return place_.at(v.owner_ptr());
  }

  /// What a node has to come after, and by which condition if by one.
  struct Edge {
    std::size_t to;
    std::optional<std::uint32_t> condition{};
  };
  std::vector<Edge> edges(std::size_t i) const {
    std::vector<Edge> all;
    if (is_leaf(order_[i]->output())) return all;
    for (const Keys& w : ways_[i]) {
      for (const Key& k : w) {
        if (const auto at = place_of(k.first)) all.push_back({*at, k.first});
      }
    }
    for (const Var& in : order_[i]->inputs()) {
      if (!known_.contains(in)) all.push_back({place_.at(in.owner_ptr())});
    }
    return all;
  }

  /// Bans conditions until nodes have an order in which they come after what they wait for.
  void ban_what_comes_too_late() {
    // Single ways as they are found pass all their conditions on the way.
    const auto single = [](const KeyWays& w) { return w.size() == 1; };
    if (bans_.empty() && std::all_of(ways_.begin(), ways_.end(), single)) return;
    struct Frame {
      std::size_t node;
      std::vector<Edge> edges;
      std::size_t next = 0;
    };
    enum class State : std::uint8_t { fresh, open, done };
    std::vector<State> states(order_.size(), State::fresh);
    std::vector<Frame> stack;
    const auto enter = [&](std::size_t i) {
      if (states[i] != State::fresh) return;
      states[i] = State::open;
      stack.push_back({i, edges(i)});
    };
    for (std::size_t root = order_.size(); root-- > 0;) {
      enter(root);
      while (!stack.empty()) {
        Frame& top = stack.back();
        if (top.next == top.edges.size()) {
          states[top.node] = State::done;
          stack.pop_back();
          continue;
        }
        const std::size_t to = top.edges[top.next++].to;
        if (states[to] != State::open) {
          enter(to);
          continue;
        }
        for (std::size_t k = stack.size(); k-- > 0;) {
          const Frame& f = stack[k];
          if (const auto c = f.edges[f.next - 1].condition) {
            bans_.emplace(f.node, *c);
            break;
          }
        }
      }
    }
  }

  /// Whether a condition has been computed where all of `held` hold.
  bool computed(std::uint32_t condition, const Keys& held) const {
    const auto at = place_of(condition);
    return !at || std::any_of(ways_[*at].begin(), ways_[*at].end(),
                              [&](const Keys& w) { return within(w, held); });
  }

  /// The way with each condition after those under which it is computed; what cannot stand so is
  /// banned.
  Way in_order(std::size_t node, Keys rest) {
    Way way;
    Keys held;
    while (!rest.empty()) {
      auto next = std::find_if(rest.begin(), rest.end(),
                               [&](const Key& k) { return computed(k.first, held); });
      if (next == rest.end()) {
        next = rest.begin();
        bans_.emplace(node, next->first);
      }
      way.push_back({conditions_[next->first], next->second});
      held.insert(std::lower_bound(held.begin(), held.end(), *next), *next);
      rest.erase(next);
    }
    return way;
  }

  std::unordered_map<const Apply*, std::vector<Way>> arranged() {
    std::unordered_map<const Apply*, std::vector<Way>> guards;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      if (ways_[i].front().empty() || is_leaf(order_[i]->output())) continue;
      std::vector<Way>& list = guards[order_[i]];
      for (const Keys& w : ways_[i]) list.push_back(in_order(i, w));
    }
    return guards;
  }

  std::vector<const Apply*> order_;
  const VarSet& known_;
  bool common_only_ = false;
  std::vector<KeyWays> ways_;  ///< by place in the order
  std::set<Ban> bans_;
  std::unordered_map<const Apply*, std::size_t> place_;
  Vars conditions_;
  std::unordered_map<Var, std::uint32_t, VarHash, VarSame> numbers_;
};

}  // namespace

Guards::Guards(std::span<const Var> roots, const VarSet& known) {
  std::vector<const Apply*> order = toposort(roots, known);
  const bool any = std::any_of(order.begin(), order.end(),
                               [](const Apply* node) { return node->op().chooses(); });
  if (any) ways_ = Search(std::move(order), known).run(roots);
}

const std::vector<Way>& Guards::ways(const Apply& node) const {
  static const std::vector<Way> always{{}};
  const auto it = ways_.find(&node);
  return it == ways_.end() ? always : it->second;
}

}  // namespace damo
