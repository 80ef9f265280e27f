#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <unordered_set>

#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/optim/explain/explain_page.hpp>
#include <damo/optim/explain/json_string.hpp>

namespace damo {
namespace {

constexpr std::size_t cone_nodes = 60;  // of what a rule matched and made, so many are kept
constexpr std::size_t compared_nodes = 300;
constexpr int text_depth = 5;

using Nodes = std::unordered_set<const Apply*>;

/// The nodes that `v` needs, nearest first, at most so many.
Nodes cone(const Var& v, std::size_t most) {
  Nodes seen{v.owner_ptr()};
  std::deque<const Apply*> queue{v.owner_ptr()};
  while (!queue.empty()) {
    const Apply* node = queue.front();
    queue.pop_front();
    for (const Var& in : node->inputs()) {
      if (seen.size() < most && seen.insert(in.owner_ptr()).second) queue.push_back(in.owner_ptr());
    }
  }
  return seen;
}

/// The data of the page as JSON. Nodes are numbered in order of creation, so after what they need;
/// texts are numbered too, as most stand there many times.
class PageData {
 public:
  void add_graph(const Vars& roots) {
    for (const Apply* node : toposort(roots)) add_node(node);
  }
  void add_cone(const Var& v) {
    for (const Apply* node : cone(v, cone_nodes)) add_node(node);
  }
  /// After all nodes are added.
  void number() {
    std::sort(nodes_.begin(), nodes_.end(),
              [](const Apply* a, const Apply* b) { return a->id() < b->id(); });
    for (std::size_t i = 0; i < nodes_.size(); ++i) numbers_.emplace(nodes_[i], i);
  }

  std::size_t text(const std::string& t) {
    const auto [it, fresh] = text_numbers_.try_emplace(t, texts_.size());
    if (fresh) texts_.push_back(json_quoted(t));
    return it->second;
  }
  /// A number, [number, output], or -1 for a node that is not there.
  std::string reference(const Var& v) const {
    const auto it = numbers_.find(v.owner_ptr());
    if (it == numbers_.end()) return "-1";
    return v.index() == 0 ? std::to_string(it->second)
                          : fmt::format("[{},{}]", it->second, v.index());
  }
  std::string references(const Vars& vars) const {
    std::vector<std::string> list;
    for (const Var& v : vars) list.push_back(reference(v));
    return fmt::format("[{}]", fmt::join(list, ","));
  }

  std::string graph(const FunctionGraph& g) const {
    std::vector<std::string> updates;
    for (const auto& [target, value] : g.updates)
      updates.push_back(fmt::format("[{},{}]", reference(target), reference(value)));
    return fmt::format(R"({{"in":{},"out":{},"updates":[{}]}})", references(g.inputs),
                       references(g.outputs), fmt::join(updates, ","));
  }
  std::string nodes() {
    std::vector<std::string> list;
    for (const Apply* n : nodes_) list.push_back(node(*n));
    return fmt::format("[\n{}]", fmt::join(list, ",\n"));
  }
  std::string texts() const { return fmt::format("[{}]", fmt::join(texts_, ",\n")); }

 private:
  void add_node(const Apply* node) {
    if (!known_.insert(node).second) return;
    nodes_.push_back(node);
    if (const FunctionGraph* body = node->op().body()) {
      for (const Var& v : body->inputs) add_node(v.owner_ptr());
      add_graph(body->outputs);
    }
  }

  /// {op or leaf's text, parameters, types, name, line, inputs, kind, body}
  std::string node(const Apply& n) {
    const Var v = n.output();
    const bool leaf = n.inputs().empty() && is_leaf(v);
    std::vector<std::size_t> types;
    for (const TensorType& t : n.types()) types.push_back(text(to_string(t)));
    const std::string kind = !leaf ? "" : is_input(v) ? "input" : is_shared(v) ? "shared" : "const";
    std::string json = fmt::format(
        R"({{"o":{},"p":{},"t":[{}],"n":{},"l":{},"i":{},"k":{})",
        text(leaf ? pprint(v, 1) : n.op().name()), text(leaf ? "" : n.op().parameters()),
        fmt::join(types, ","), text(n.name(0)), text(n.site().known() ? to_string(n.site()) : ""),
        references(n.inputs()), text(kind));
    if (const FunctionGraph* body = n.op().body()) json += ",\"b\":" + graph(*body);
    return json + "}";
  }

  std::vector<const Apply*> nodes_;
  Nodes known_;
  std::unordered_map<const Apply*, std::size_t> numbers_;
  std::vector<std::string> texts_;
  std::unordered_map<std::string, std::size_t> text_numbers_;
};

/// The ops of `of`'s nodes that `other` does not share, each with its count: "log, 2 mul".
std::string own_ops(const Var& of, const Var& other) {
  const Nodes shared = cone(other, compared_nodes);
  std::vector<std::string> names;
  for (const Apply* node : cone(of, compared_nodes)) {
    if (!shared.contains(node) && !is_leaf(node->output())) names.push_back(node->op().name());
  }
  std::sort(names.begin(), names.end());
  std::vector<std::string> counted;
  for (auto it = names.begin(); it != names.end();) {
    const auto next = std::upper_bound(it, names.end(), *it);
    counted.push_back(next - it > 1 ? fmt::format("{} {}", next - it, *it) : *it);
    it = next;
  }
  return fmt::format("{}", fmt::join(counted, ", "));
}

std::string step_json(PageData& data, const Trace::Applied& a) {
  std::vector<std::size_t> tags;
  for (const std::string& tag : a.tags) tags.push_back(data.text(tag));
  const auto text = [&](const std::string& t) { return data.text(t); };
  return fmt::format(
      R"({{"rule":{},"pass":{},"tags":[{}],"loop":{},"equation":{},"site":{},"before":{},"after":{},)"
      R"("matched":{},"replaced":{},"gone":{},"new":{}}})",
      text(a.rule), text(a.pass), fmt::join(tags, ","), text(a.loop), text(a.equation),
      text(to_string(a.before.site())), data.reference(a.before), data.reference(a.after),
      text(pprint(a.before, text_depth)), text(pprint(a.after, text_depth)),
      text(own_ops(a.before, a.after)), text(own_ops(a.after, a.before)));
}

/// The graph after a pass; only its roots are recorded.
std::string pass_json(PageData& data, const Trace::Pass& pass, const FunctionGraph& asked) {
  const bool whole = pass.roots.size() == asked.outputs.size() + asked.updates.size();
  return fmt::format(R"({{"name":{},"applied":{},"nodes":{},"graph":{}}})", data.text(pass.name),
                     pass.applied, pass.nodes(),
                     whole ? data.graph(asked.with_roots(pass.roots)) : "null");
}

/// JSON that ends no script element: '<' only occurs in its strings.
std::string inside_script(const std::string& json) {
  std::string safe;
  safe.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

}  // namespace

std::string explain_page(const FunctionGraph& asked, const FunctionGraph& result,
                         const Trace& trace) {
  PageData data;
  for (const FunctionGraph* graph : {&asked, &result}) {
    data.add_graph(graph->inputs);
    data.add_graph(graph->roots());
    for (const auto& update : graph->updates) data.add_graph({update.first});
  }
  for (const Trace::Pass& pass : trace.passes()) data.add_graph(pass.roots);
  for (const Trace::Applied& a : trace.applied()) {
    data.add_cone(a.before);
    data.add_cone(a.after);
  }
  data.number();
  std::vector<std::string> steps;
  for (const Trace::Applied& a : trace.applied()) steps.push_back(step_json(data, a));
  std::vector<std::string> passes;
  for (const Trace::Pass& pass : trace.passes()) passes.push_back(pass_json(data, pass, asked));
  const std::string nodes = data.nodes();
  const std::string graphs =
      fmt::format(R"("asked":{},"result":{})", data.graph(asked), data.graph(result));
  const std::string json = fmt::format(
      "{{\"name\":{},{},\n\"passes\":[{}],\n\"steps\":[{}],\n\"nodes\":{},\n\"texts\":{}}}\n",
      json_quoted(asked.name), graphs, fmt::join(passes, ",\n"), fmt::join(steps, ",\n"), nodes,
      data.texts());
  return optim::explain_page_head + inside_script(json) + optim::explain_page_tail;
}

}  // namespace damo
