#include <fmt/format.h>

#include <ostream>

#include <algorithm>
#include <deque>
#include <unordered_map>

#include <damo/graph/function_graph.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>

namespace damo {
namespace {

std::string kind_of(const Var& v) {
  if (is_input(v)) return "an input";
  if (is_shared(v)) return "a shared variable";
  if (constant_value(v) != nullptr) return "a constant";
  return pprint(v, 3);
}

Printed leaf_text(const Var& v) {
  if (!v.name().empty()) return {v.name()};
  if (constant_value(v) != nullptr) return v.op().print(v.owner(), {});
  return {fmt::format("<{}>", to_string(v.type()))};
}

Printed render(const Var& v, int depth) {
  if (v.inputs().empty() && is_leaf(v)) return leaf_text(v);
  if (depth <= 0) return {v.name().empty() ? "..." : v.name()};
  std::vector<Printed> args;
  for (const Var& in : v.inputs()) args.push_back(render(in, depth - 1));
  Printed p = v.op().print(v.owner(), args);
  if (v.owner().n_outputs() > 1) p = {fmt::format("{}.{}", p.text, v.index())};
  return p;
}

/// "A", "B", ..., "Z", "AA", ...
std::string letters(std::size_t n) {
  std::string text;
  for (++n; n > 0; n = (n - 1) / 26)
    text.insert(text.begin(), static_cast<char>('A' + (n - 1) % 26));
  return text;
}

class TreePrinter {
 public:
  void print(const Var& root) {
    std::vector<Line> stack{{root, 0}};
    while (!stack.empty()) {
      const Line line = std::move(stack.back());
      stack.pop_back();
      if (!node_line(line)) continue;
      const auto& in = line.var.inputs();
      for (std::size_t i = in.size(); i-- > 0;) stack.push_back({in[i], line.depth + 1});
    }
  }

  std::string finish() {
    // NOLINTNEXTLINE(modernize-loop-convert): printing a body may find further ones
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      const Apply* loop = bodies_[i];
      text_ += fmt::format("\nbody of {} [{}]:\n", loop->op().name(), ids_.at(loop));
      for (const Var& out : loop->op().body()->outputs) print(out);
    }
    return std::move(text_);
  }

 private:
  struct Line {
    Var var;
    std::size_t depth;
  };

  /// Two spaces a level; far down, where nobody counts them, the level itself.
  static std::string indent(std::size_t depth) {
    constexpr std::size_t deepest = 50;
    if (depth <= deepest) return fmt::format("{:{}}", "", 2 * depth);
    return fmt::format("{:{}}({}) ", "", 2 * deepest, depth);
  }

  /// Writes the line; false when the node's inputs need not follow.
  bool node_line(const Line& line) {
    const Apply* node = line.var.owner_ptr();
    const auto [it, fresh] = ids_.try_emplace(node, letters(ids_.size()));
    const bool leaf = node->inputs().empty() && is_leaf(line.var);
    std::string head = leaf ? leaf_text(line.var).text : node->op().name();
    if (!leaf && !node->op().parameters().empty())
      head += fmt::format("{{{}}}", node->op().parameters());
    if (node->n_outputs() > 1) head += fmt::format(".{}", line.var.index());
    text_ += fmt::format("{}{} [{}] {}", indent(line.depth), head, it->second,
                         to_string(line.var.type()));
    if (!leaf && !line.var.name().empty()) text_ += fmt::format(" '{}'", line.var.name());
    if (!fresh && !leaf) text_ += " (above)";
    if (fresh && node->site().known() && !leaf)
      text_ += fmt::format("  {}", to_string(node->site()));
    text_ += '\n';
    if (fresh && node->op().body() != nullptr) bodies_.push_back(node);
    return fresh;
  }

  std::unordered_map<const Apply*, std::string> ids_;
  std::deque<const Apply*> bodies_;
  std::string text_;
};

std::string dot_escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string describe(const Var& v) {
  std::string text = to_string(v.type());
  if (!v.name().empty()) text += fmt::format(" '{}'", v.name());
  text += is_leaf(v) ? fmt::format(" ({})", kind_of(v)) : fmt::format(" {}", kind_of(v));
  if (v.site().known()) text += fmt::format(", made at {}", to_string(v.site()));
  return text;
}

std::string describe(const Apply& node) {
  const std::string& given = node.name(0);
  return fmt::format("{}{}, made at {}", node.op().name(),
                     given.empty() ? "" : fmt::format(" ({})", given), to_string(node.site()));
}

std::string pprint(const Var& v, int max_depth) { return render(v, max_depth).text; }

std::string debugprint(std::span<const Var> outputs) {
  TreePrinter printer;
  for (const Var& v : outputs) printer.print(v);
  return printer.finish();
}
std::string debugprint(const Var& v) { return debugprint(std::span(&v, 1)); }
std::ostream& operator<<(std::ostream& out, const Var& v) {
  return out << (v.defined() ? pprint(v) : "(no variable)");
}

std::string debugprint(const FunctionGraph& graph) { return debugprint(graph.roots()); }

std::string to_dot(std::span<const Var> outputs) {
  std::string text = "digraph damo {\n  rankdir=BT; node [shape=box, fontname=\"sans-serif\"];\n";
  std::unordered_map<const Apply*, std::size_t> ids;
  for (const Apply* node : toposort(outputs)) {
    const std::size_t id = ids.size();
    ids.emplace(node, id);
    const bool leaf = is_leaf(node->output());
    const std::string label =
        leaf ? leaf_text(node->output()).text : node->op().name() + " " + node->op().parameters();
    text += fmt::format("  n{} [label=\"{}\\n{}\"{}];\n", id, dot_escape(label),
                        to_string(node->types().front()), leaf ? ", style=rounded" : "");
    for (const Var& in : node->inputs())
      text += fmt::format("  n{} -> n{};\n", ids.at(in.owner_ptr()), id);
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    text += fmt::format("  out{} [label=\"output {}\", shape=plaintext]; n{} -> out{};\n", i, i,
                        ids.at(outputs[i].owner_ptr()), i);
  }
  return text + "}\n";
}
std::string to_dot(const FunctionGraph& graph) { return to_dot(graph.roots()); }

}  // namespace damo
