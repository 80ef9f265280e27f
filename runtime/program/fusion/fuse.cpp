#include <algorithm>
#include <numeric>
#include <queue>

#include <damo/graph/node_table.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/runtime/program/fusion/fuse.hpp>

namespace damo {
namespace {

constexpr std::uint32_t alone = ~std::uint32_t{0};
constexpr std::size_t max_members = 48;
constexpr std::size_t max_arity = 4;
constexpr std::size_t max_search = 64;

/// A draw that is made tile by tile.
bool is_draw(const Apply& node) {
  const auto* draw = as<Draw>(node.op());
  if (draw == nullptr) return false;
  if (draw->fillable()) return true;
  return draw->fillable_from_parameter() && node.inputs().back().ndim() == draw->rank() &&
         node.inputs().back().dtype() == DType::float32;
}

/// A draw reads its stream's state and sizes before the loop begins.
bool reads_before(const Apply& node, const Var& v) {
  const auto* draw = as<Draw>(node.op());
  if (draw == nullptr) return false;
  const auto first = node.inputs().begin();
  return std::any_of(first, first + static_cast<std::ptrdiff_t>(1 + draw->rank()),
                     [&](const Var& in) { return same(in, v); });
}

bool is_drawn_from_parameter(const Apply& node) {
  return is_draw(node) && !as<Draw>(node.op())->fillable();
}

bool is_loop(const Apply& node) {
  const auto* op = as<Elementwise>(node.op());
  return op != nullptr && node.inputs().size() <= max_arity &&
         op->loops(Elementwise::compute_dtype(node));
}

/// Whether the two run over the same index space, as far as types tell.
bool same_pattern(const TensorType& a, const TensorType& b) {
  if (a.rank() != b.rank()) return false;
  for (std::size_t axis = 0; axis < a.rank(); ++axis) {
    if (a.broadcastable(axis) != b.broadcastable(axis)) return false;
  }
  return true;
}

class Grouping {
 public:
  Grouping(const Vars& roots, const Guards& guards)
      : roots_(roots), guards_(guards), order_(toposort(roots)) {
    index_.reserve(order_.size());
    for (std::uint32_t i = 0; i < order_.size(); ++i) index_.set(*order_[i], 0, i);
    group_.resize(order_.size(), alone);
    seen_.resize(order_.size(), 0);
    find_conditions();
    find_clients();
  }

  void form_groups() {
    for (auto i = static_cast<std::uint32_t>(order_.size()); i-- > 0;) {
      if (group_[i] == alone && (is_loop(*order_[i]) || is_drawn_from_parameter(*order_[i]))) {
        grow_from(i);
      }
    }
  }

  std::vector<Unit> units() {
    for (const std::uint32_t effect : effects()) {
      visit(effect);
    }
    // Depth first over units from the roots, so that a unit stands close to what uses it.
    for (const Var& root : roots_) visit(at(root));
    return std::move(units_);
  }

 private:
  struct Frame {
    std::uint32_t node;  ///< any member
    std::size_t member;
    std::size_t input;  ///< of the member: its conditions come first
  };

  /// Nodes that print, check or call back, in the order in which they were made.
  std::vector<std::uint32_t> effects() const {
    std::vector<std::uint32_t> found;
    for (std::uint32_t i = 0; i < order_.size(); ++i) {
      if (!order_[i]->op().pure()) found.push_back(i);
    }
    std::stable_sort(found.begin(), found.end(), [this](std::uint32_t a, std::uint32_t b) {
      return order_[a]->op().effect() < order_[b]->op().effect();
    });
    return found;
  }

  std::uint32_t at(const Var& v) const { return *index_.find(v.owner()); }

  void find_conditions() {
    if (guards_.empty()) return;
    conditions_.resize(order_.size());
    for (std::uint32_t i = 0; i < order_.size(); ++i) {
      for (const Way& way : guards_.ways(*order_[i])) {
        for (const Guard& g : way) conditions_[i].push_back(at(g.condition));
      }
    }
  }
  /// What decides whether `node` runs, the outermost choices first.
  std::span<const std::uint32_t> conditions(std::uint32_t node) const {
    if (conditions_.empty()) return {};
    return conditions_[node];
  }

  template <class See>
  void see_clients(const See& see) const {
    for (std::uint32_t i = 0; i < order_.size(); ++i) {
      for (const std::uint32_t c : conditions(i)) see(c, i);
      for (const Var& in : order_[i]->inputs()) see(at(in), i);
    }
  }
  void find_clients() {
    first_client_.resize(order_.size() + 1, 0);
    see_clients([this](std::uint32_t of, std::uint32_t) { ++first_client_[of + 1]; });
    std::partial_sum(first_client_.begin(), first_client_.end(), first_client_.begin());
    client_.resize(first_client_.back());
    std::vector<std::uint32_t> next = first_client_;
    see_clients([&](std::uint32_t of, std::uint32_t client) { client_[next[of]++] = client; });
  }

  /// Those that read `node` or wait for it, once for each input.
  std::span<const std::uint32_t> clients(std::uint32_t node) const {
    return std::span(client_).subspan(first_client_[node],
                                      first_client_[node + 1] - first_client_[node]);
  }

  std::span<const std::uint32_t> members(const std::uint32_t& node) const {
    if (group_[node] == alone) return {&node, 1};
    return members_[group_[node]];
  }

  /// Takes in producers, latest first, so that all of a producer's users have been settled before.
  void grow_from(std::uint32_t root) {
    const auto id = static_cast<std::uint32_t>(members_.size());
    members_.push_back({root});
    group_[root] = id;
    std::priority_queue<std::uint32_t> candidates;
    const auto offer_inputs = [&](std::uint32_t node) {
      for (const Var& in : order_[node]->inputs()) {
        if (!reads_before(*order_[node], in)) candidates.push(at(in));
      }
    };
    offer_inputs(root);
    while (!candidates.empty() && members_[id].size() < max_members) {
      const std::uint32_t p = candidates.top();
      candidates.pop();
      if (group_[p] != alone || !(is_loop(*order_[p]) || is_draw(*order_[p]))) continue;
      if (!same_pattern(order_[p]->types()[0], order_[root]->types()[0])) continue;
      if (!guards_.empty() && guards_.ways(*order_[p]) != guards_.ways(*order_[root])) continue;
      if (!may_join(p, id)) continue;
      group_[p] = id;
      members_[id].push_back(p);
      offer_inputs(p);
    }
    std::sort(members_[id].begin(), members_[id].end());
    if (members_[id].size() == 1) {
      group_[root] = alone;
      members_.pop_back();
    } else {
      exits_.push_back(exits_of(id));
    }
  }

  /// What reads a group that takes in no more: of each unit one node.
  std::vector<std::uint32_t> exits_of(std::uint32_t id) {
    std::vector<std::uint32_t> exits;
    for (const std::uint32_t member : members_[id]) {
      for (const std::uint32_t c : clients(member)) {
        if (group_[c] != id) exits.push_back(first_of_unit(c));
      }
    }
    std::sort(exits.begin(), exits.end());
    exits.erase(std::unique(exits.begin(), exits.end()), exits.end());
    return exits;
  }
  /// What reads the unit that holds `node`.
  std::span<const std::uint32_t> readers(std::uint32_t node) const {
    if (group_[node] == alone) return clients(node);
    return exits_[group_[node]];
  }
  std::uint32_t first_of_unit(std::uint32_t node) const {
    return group_[node] == alone ? node : members_[group_[node]].front();
  }

  /// A producer that only the group uses may always join; one that others use, too, only when none
  /// of those leads back into the group.
  bool may_join(std::uint32_t p, std::uint32_t group) {
    std::vector<std::uint32_t> outside;
    for (const std::uint32_t c : clients(p)) {
      if (group_[c] != group) outside.push_back(c);
      if (group_[c] == group && reads_before(*order_[c], order_[p]->output())) return false;
    }
    if (outside.empty()) return true;
    ++search_;
    std::size_t visited = 0;
    while (!outside.empty()) {
      const std::uint32_t node = outside.back();
      outside.pop_back();
      std::uint32_t& seen = seen_[first_of_unit(node)];
      if (seen == search_) continue;
      if (++visited > max_search) return false;
      seen = search_;
      for (const std::uint32_t c : readers(node)) {
        if (group_[c] == group) return false;
        outside.push_back(c);
      }
    }
    return true;
  }

  void visit(std::uint32_t root) {
    if (done_.empty()) done_.resize(order_.size(), false);
    const auto enter = [&](std::uint32_t node) {
      if (done_[node]) return;
      for (const std::uint32_t m : members(node)) done_[m] = true;
      stack_.push_back({node, 0, 0});
    };
    enter(root);
    while (!stack_.empty()) {
      Frame& top = stack_.back();
      const auto unit = members(top.node);
      if (top.member == unit.size()) {
        Unit nodes;
        for (const std::uint32_t m : unit) nodes.push_back(order_[m]);
        units_.push_back(std::move(nodes));
        stack_.pop_back();
        continue;
      }
      const Vars& inputs = order_[unit[top.member]]->inputs();
      const auto first = conditions(unit[top.member]);
      if (top.input == first.size() + inputs.size()) {
        ++top.member;
        top.input = 0;
        continue;
      }
      const std::size_t k = top.input++;
      enter(k < first.size() ? first[k] : at(inputs[k - first.size()]));
    }
  }

  const Vars& roots_;
  const Guards& guards_;
  std::vector<const Apply*> order_;
  Table<std::uint32_t> index_;
  std::vector<std::vector<std::uint32_t>> conditions_;  ///< by node; empty without choices
  std::vector<std::uint32_t> client_;        ///< clients of all nodes, one after the other
  std::vector<std::uint32_t> first_client_;  ///< where in it those of a node begin
  std::vector<std::uint32_t> group_;
  std::vector<std::vector<std::uint32_t>> members_;  ///< by group
  std::vector<std::vector<std::uint32_t>> exits_;    ///< by group
  std::vector<std::uint32_t> seen_;  ///< by first node of a unit: the search that came by last
  std::uint32_t search_ = 0;
  std::vector<bool> done_;
  std::vector<Frame> stack_;
  std::vector<Unit> units_;
};

}  // namespace

std::vector<Unit> group_nodes(const Vars& roots, const Guards& guards, bool fuse) {
  Grouping grouping(roots, guards);
  if (fuse) grouping.form_groups();
  return grouping.units();
}

}  // namespace damo
