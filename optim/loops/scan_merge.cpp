#include <algorithm>

#include <damo/graph/branch_guards.hpp>
#include <damo/graph/map_graph.hpp>
#include <damo/graph/walk.hpp>
#include <damo/optim/engine/merge_table.hpp>
#include <damo/optim/loops/edit_loops.hpp>

namespace damo::optim {
namespace {

/// Whether the steps of two loops with the same body inputs carry the same states and stop alike.
bool carry_the_same(const Scan::Spec& x, const Scan::Spec& y) {
  for (std::size_t s = 0; s < x.n_states; ++s) {
    if (!same_graph(x.body.outputs[s], y.body.outputs[s])) return false;
  }
  return !x.has_until || same_graph(x.body.outputs.back(), y.body.outputs.back());
}

/// Whether two loops run over the same things, so that they differ only in what they compute on the
/// way: with the same body inputs, as those of which one was made from the other, or without
/// states, as two maps over the same sequences.
bool twins(const Apply& a, const Apply& b) {
  const auto& x = static_cast<const Scan&>(a.op()).spec();
  const auto& y = static_cast<const Scan&>(b.op()).spec();
  if (x.n_sequences != y.n_sequences || x.n_states != y.n_states || x.has_until != y.has_until ||
      x.body.inputs.size() != y.body.inputs.size() ||
      !std::equal(a.inputs().begin(), a.inputs().end(), b.inputs().begin(), VarSame{}))
    return false;
  const auto equal = [&](auto same) {
    return std::equal(x.body.inputs.begin(), x.body.inputs.end(), y.body.inputs.begin(), same);
  };
  if (equal(VarSame{})) return carry_the_same(x, y);
  return x.n_states == 0 && !x.has_until && x.name == y.name &&
         equal([](const Var& v, const Var& w) { return v.type() == w.type(); });
}

/// Parts of the body of one twin, of the inputs of the other's.
Vars with_inputs_of(const Vars& parts, const Apply& from, const Apply& to) {
  const Vars& old = static_cast<const Scan&>(from.op()).spec().body.inputs;
  const Vars& now = static_cast<const Scan&>(to.op()).spec().body.inputs;
  VarMap with;
  for (std::size_t i = 0; i < old.size(); ++i) {
    if (!same(old[i], now[i])) with.emplace(old[i], now[i]);
  }
  return with.empty() ? parts : replace(parts, with);
}

/// Joins the twins among the loops of a graph.
class MergeTwins {
 public:
  explicit MergeTwins(const FunctionGraph& graph) {
    const Guards guards(graph.roots());
    for (const Apply* node : graph.order()) {
      const auto* scan = as<Scan>(node->op());
      if (scan == nullptr || !scan->spec().mode.empty()) continue;
      const auto group = std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) {
        const Apply& other = g.members[0].owner();
        return twins(other, *node) && guards.ways(other) == guards.ways(*node);
      });
      if (group == groups_.end()) {
        groups_.push_back({{node->output()}, {}});
      } else {
        group->members.push_back(node->output());
      }
    }
  }

  std::optional<Vars> operator()(const Apply& node, const Apply& before, Trace* trace) {
    if (as<Scan>(before.op()) == nullptr) return std::nullopt;
    for (Group& group : groups_) {
      const auto at = std::find_if(group.members.begin(), group.members.end(),
                                   [&](const Var& v) { return v.owner_ptr() == &before; });
      if (at == group.members.end() || group.members.size() == 1) continue;
      if (group.results.empty()) join(group, node, trace);
      return group.results[static_cast<std::size_t>(at - group.members.begin())];
    }
    return std::nullopt;
  }

 private:
  struct Group {
    Vars members;
    std::vector<Vars> results;
  };

  // The members have the same inputs, so the first one's place in the order serves for all.
  static void join(Group& group, const Apply& node, Trace* trace) {
    OpenLoop all = OpenLoop::of(node);
    MergeTable nodes;
    all.extras = merged(all.extras, nodes);
    std::vector<std::vector<std::size_t>> places;
    for (const Var& member : group.members) {
      const OpenLoop part = OpenLoop::of(member.owner());
      const Vars extras = merged(with_inputs_of(part.extras, member.owner(), node), nodes);
      std::vector<std::size_t> place;
      for (const OpenLoop::Output& o : part.outputs) {
        OpenLoop::Output mapped = o;
        if (!o.of_state) mapped.index = all.add_extra(extras[o.index]);
        place.push_back(all.add_output(mapped));
      }
      places.push_back(std::move(place));
    }
    const Vars fresh = all.build();
    for (const auto& place : places) {
      Vars outputs;
      for (const std::size_t k : place) outputs.push_back(fresh[k]);
      group.results.push_back(std::move(outputs));
    }
    record(trace, "scan_merge", node.output(), fresh[0], "loops over the same things are one");
  }

  /// `values` by the nodes met first: those that compute the same are then the same.
  static Vars merged(const Vars& values, MergeTable& nodes) {
    return map_graph(values, [&](const Apply& node, const Apply&) -> std::optional<Vars> {
      const Apply& first = nodes.insert(node);
      return &first == &node ? std::nullopt : std::optional(first.outputs());
    });
  }

  std::vector<Group> groups_;
};

}  // namespace

/// Makes one loop of loops over the same things.
FunctionGraph scan_merge(const FunctionGraph& graph, const Pass::Setting& setting) {
  return edit_scans(
      graph,
      [](const FunctionGraph& g) -> EditScan {
        auto pass = std::make_shared<MergeTwins>(g);
        return [pass](const Apply& node, const Apply& before, Trace* trace) {
          return (*pass)(node, before, trace);
        };
      },
      setting.trace);
}

}  // namespace damo::optim
