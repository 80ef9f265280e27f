#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/map_graph.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>

namespace damo {
namespace {

struct Frame {
  const Apply* node;
  std::size_t next_input;
};

std::size_t combine(std::size_t seed, std::size_t value) {
  return seed ^ (value + 0x9e3779b97f4a7c15ULL + (seed << 6U) + (seed >> 2U));
}

std::size_t text_hash(std::string_view text) {  // FNV-1a: the same in every process and library
  std::size_t h = 1469598103934665603ULL;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return h;
}

/// A set of nodes by address, which spares looking at those that are in it.
class Seen {
 public:
  /// Whether `node` is new.
  bool insert(const Apply* node) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    const Apply*& slot = slots_[place(node)];
    if (slot == node) return false;
    slot = node;
    ++size_;
    return true;
  }

 private:
  std::size_t place(const Apply* node) const {
    const std::size_t last = slots_.size() - 1;
    std::size_t at = (reinterpret_cast<std::uintptr_t>(node) * 0x9e3779b97f4a7c15ULL) >> 32U & last;
    while (slots_[at] != nullptr && slots_[at] != node) at = (at + 1) & last;
    return at;
  }
  void grow() {
    std::vector<const Apply*> old(std::max<std::size_t>(64, 4 * slots_.size()));
    old.swap(slots_);
    for (const Apply* node : old) {
      if (node != nullptr) slots_[place(node)] = node;
    }
  }

  std::vector<const Apply*> slots_;
  std::size_t size_ = 0;
};

/// The order of a large graph: a function is compiled in many passes, of which most leave the graph
/// as it is. Nodes never change, and their numbers are never given twice.
struct LastOrder {
  static constexpr std::size_t least = 1000;
  std::vector<std::uint64_t> roots;
  std::vector<const Apply*> order;
};
thread_local LastOrder last_order;

bool is_last(std::span<const Var> outputs) {
  return std::equal(outputs.begin(), outputs.end(), last_order.roots.begin(),
                    last_order.roots.end(),
                    [](const Var& v, std::uint64_t id) { return v.owner().id() == id; });
}

void remember(std::span<const Var> outputs, const std::vector<const Apply*>& order) {
  last_order.order = order;
  last_order.roots.clear();
  for (const Var& v : outputs) last_order.roots.push_back(v.owner().id());
}

std::vector<const Apply*> depth_first(std::span<const Var> outputs, const VarSet& stop_at) {
  std::vector<const Apply*> order;
  Seen seen;
  std::vector<Frame> stack;
  const auto visit = [&](const Var& v) {
    if (!stop_at.empty() && stop_at.contains(v)) return;
    if (seen.insert(v.owner_ptr())) stack.push_back({v.owner_ptr(), 0});
  };
  for (const Var& root : outputs) {
    visit(root);
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next_input < top.node->inputs().size()) {
        visit(top.node->input(top.next_input++));
      } else {
        order.push_back(top.node);
        stack.pop_back();
      }
    }
  }
  return order;
}

}  // namespace

std::vector<const Apply*> toposort(std::span<const Var> outputs, const VarSet& stop_at) {
  if (stop_at.empty() && is_last(outputs)) return last_order.order;
  auto order = depth_first(outputs, stop_at);
  if (stop_at.empty() && order.size() >= LastOrder::least) remember(outputs, order);
  return order;
}

Vars leaves(std::span<const Var> outputs) {
  Vars found;
  for (const Apply* node : toposort(outputs)) {
    if (node->inputs().empty() && is_leaf(node->output())) found.push_back(node->output());
  }
  return found;
}

namespace {

Vars rebuilt(const Apply& node, std::shared_ptr<const Op> op, Vars inputs) {
  const SiteScope scope(node.site());
  const Vars result = make_node(std::move(op), std::move(inputs), node.site());
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (!node.name(i).empty()) static_cast<void>(result[i].named(node.name(i)));
  }
  return result;
}

}  // namespace

Vars with_inputs(const Apply& node, Vars inputs) {
  return rebuilt(node, node.op_ptr(), std::move(inputs));
}
Vars with_op(const Apply& node, std::shared_ptr<const Op> op) {
  return rebuilt(node, std::move(op), node.inputs());
}

Vars replace(std::span<const Var> outputs, const VarMap& with) {
  for (const auto& [from, to] : with) {
    if (!refines(to.type(), from.type())) {
      throw TypeError(fmt::format("replace: {} cannot stand for {}", describe(to), describe(from)));
    }
  }
  return map_graph(outputs, {}, with);
}

Var replace(const Var& output, const VarMap& with) {
  return replace(std::span(&output, 1), with).front();
}

Vars clone(const Vars& outputs, const std::vector<std::pair<Var, Var>>& with) {
  VarMap map;
  for (const auto& [from, to] : with) {
    if (!from.defined() || !to.defined())
      throw GraphError("clone: an empty Var among the replacements");
    if (!map.emplace(from, to).second) {
      throw GraphError(fmt::format("clone: two replacements for {}", describe(from)));
    }
  }
  return replace(outputs, map);
}
Vars clone(std::initializer_list<Var> outputs, const std::vector<std::pair<Var, Var>>& with) {
  return clone(Vars(outputs), with);
}
Var clone(const Var& output, const std::vector<std::pair<Var, Var>>& with) {
  return clone(Vars{output}, with).front();
}

bool same_graph(std::span<const Var> a, std::span<const Var> b, const VarMap& paired) {
  if (a.size() != b.size()) return false;
  std::unordered_map<const Apply*, const Apply*> matched;
  for (const auto& [x, y] : paired) matched.emplace(x.owner_ptr(), y.owner_ptr());
  std::vector<std::pair<const Apply*, const Apply*>> stack;
  const auto pair_up = [&](const Var& x, const Var& y) {
    if (x.index() != y.index()) return false;
    stack.emplace_back(x.owner_ptr(), y.owner_ptr());
    return true;
  };
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!pair_up(a[i], b[i])) return false;
  }
  while (!stack.empty()) {
    const auto [x, y] = stack.back();
    stack.pop_back();
    const auto known = matched.find(x);
    if (known != matched.end()) {
      if (known->second != y) return false;
      continue;
    }
    matched.emplace(x, y);
    if (x == y) continue;
    if (x->inputs().size() != y->inputs().size() || !x->op().equals(y->op())) return false;
    for (std::size_t i = 0; i < x->inputs().size(); ++i) {
      if (!pair_up(x->input(i), y->input(i))) return false;
    }
  }
  return true;
}

bool same_graph(const Var& a, const Var& b) {
  return same_graph(std::span(&a, 1), std::span(&b, 1), {});
}

std::size_t structural_hash(std::span<const Var> outputs) {
  std::unordered_map<const Apply*, std::size_t> hashes;
  std::size_t n_leaves = 0;
  for (const Apply* node : toposort(outputs)) {
    std::size_t h = text_hash(node->op().name());
    if (const Array* value = constant_value(node->output())) {
      h = combine(h, text_hash({reinterpret_cast<const char*>(value->raw()), value->bytes()}));
    } else if (node->inputs().empty()) {
      h = combine(h, n_leaves++);
    } else {
      h = combine(h, text_hash(node->op().parameters()));
    }
    h = combine(h, text_hash(to_string(node->types().front())));
    for (const Var& in : node->inputs())
      h = combine(h, hashes.at(in.owner_ptr()) * 31 + in.index());
    hashes.emplace(node, h);
  }
  std::size_t h = outputs.size();
  for (const Var& v : outputs) h = combine(h, hashes.at(v.owner_ptr()) * 31 + v.index());
  return h;
}

}  // namespace damo
