#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_set>

#include <damo/graph/function_graph.hpp>
#include <damo/graph/op.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/walk.hpp>
#include <damo/optim/engine/trace.hpp>
#include <damo/optim/explain/json_string.hpp>

namespace damo {
namespace {

constexpr int shown_depth = 5;
constexpr std::size_t most_counted = 200;

std::size_t count_nodes(const Var& v) {
  std::unordered_set<const Apply*> seen;
  std::vector<const Apply*> stack{v.owner_ptr()};
  while (!stack.empty() && seen.size() < most_counted) {
    const Apply* node = stack.back();
    stack.pop_back();
    if (!seen.insert(node).second) continue;
    for (const Var& in : node->inputs()) stack.push_back(in.owner_ptr());
  }
  return seen.size();
}

std::size_t count_all(std::span<const Var> roots) {
  std::size_t n = 0;
  for (const Apply* node : toposort(roots)) {
    ++n;
    if (node->op().body() != nullptr) n += count_all(node->op().body()->roots());
  }
  return n;
}

/// "digraph damo {...}" as "subgraph cluster_N {...}" with its node names made unique.
std::string cluster(const Var& v, std::size_t number, std::string_view label) {
  std::string text = fmt::format("subgraph cluster_{} {{ label={};\n", number, json_quoted(label));
  std::vector<const Apply*> stack{v.owner_ptr()};
  std::unordered_set<const Apply*> seen;
  while (!stack.empty() && seen.size() < 24) {
    const Apply* node = stack.back();
    stack.pop_back();
    if (!seen.insert(node).second) continue;
    const auto id = [&](const Apply* n) { return fmt::format("c{}_{}", number, n->id()); };
    text += fmt::format("  {} [label={}];\n", id(node), json_quoted(pprint(node->output(), 1)));
    for (const Var& in : node->inputs()) {
      text += fmt::format("  {} -> {};\n", id(in.owner_ptr()), id(node));
      stack.push_back(in.owner_ptr());
    }
  }
  return text + "}\n";
}

}  // namespace

std::size_t Trace::Applied::nodes_before() const { return count_nodes(before); }
std::size_t Trace::Applied::nodes_after() const { return count_nodes(after); }
std::size_t Trace::Pass::nodes() const { return count_all(roots); }

std::size_t Trace::count(std::string_view rule) const {
  return static_cast<std::size_t>(std::count_if(applied_.begin(), applied_.end(),
                                                [&](const Applied& a) { return a.rule == rule; }));
}

std::size_t Trace::visits() const {
  std::size_t total = 0;
  for (const Pass& p : passes_) total += p.visits;
  return total;
}

std::string Trace::text() const {
  std::string text =
      fmt::format("{:<24} {:>8} {:>8} {:>8}\n", "pass", "applied", "nodes", "visits");
  for (const Pass& p : passes_)
    text += fmt::format("{:<24} {:>8} {:>8} {:>8}\n", p.name, p.applied, p.nodes(), p.visits);
  for (const Applied& a : applied_) {
    text +=
        fmt::format("\n{}: {}{}  {}\n  {}\n  -> {}\n", a.pass, a.rule,
                    a.loop.empty() ? "" : fmt::format(" in {}", a.loop), to_string(a.before.site()),
                    pprint(a.before, shown_depth), pprint(a.after, shown_depth));
  }
  return text;
}

std::string Trace::json() const {
  std::string text = "{\"passes\": [";
  for (std::size_t i = 0; i < passes_.size(); ++i) {
    const Pass& p = passes_[i];
    text += fmt::format(R"({}{{"name": {}, "applied": {}, "nodes": {}, "visits": {}}})",
                        i > 0 ? ", " : "", json_quoted(p.name), p.applied, p.nodes(), p.visits);
  }
  text += "],\n";
  text += R"("applied": [)";
  for (std::size_t i = 0; i < applied_.size(); ++i) {
    const Applied& a = applied_[i];
    std::vector<std::string> tags;
    for (const std::string& t : a.tags) tags.push_back(json_quoted(t));
    text += fmt::format(
        R"({}{{"rule": {}, "pass": {}, "tags": [{}], "loop": {}, "equation": {}, )"
        R"("site": {}, "before": {}, "after": {}, "nodes_before": {}, "nodes_after": {}}})",
        i > 0 ? ",\n" : "\n", json_quoted(a.rule), json_quoted(a.pass), fmt::join(tags, ", "),
        json_quoted(a.loop), json_quoted(a.equation), json_quoted(to_string(a.before.site())),
        json_quoted(pprint(a.before, shown_depth)), json_quoted(pprint(a.after, shown_depth)),
        a.nodes_before(), a.nodes_after());
  }
  return text + "]}\n";
}

std::string Trace::dot() const {
  std::string text = "digraph trace {\n  rankdir=BT; node [shape=box];\n";
  for (std::size_t i = 0; i < applied_.size(); ++i) {
    const Applied& a = applied_[i];
    text += cluster(a.before, 2 * i, fmt::format("{}. {}: before", i + 1, a.rule));
    text += cluster(a.after, 2 * i + 1, fmt::format("{}. {}: after", i + 1, a.rule));
  }
  return text + "}\n";
}

}  // namespace damo
