#include <fmt/format.h>

#include <unordered_map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/control/subgraph_op.hpp>
#include <damo/ops/text/graph_text.hpp>

namespace damo {
namespace {

class Printer {
 public:
  explicit Printer(const PrintOptions& options) : options_(options) {}

  std::string run(const FunctionGraph& graph) {
    text_ = "damo graph 1 ";
    if (!graph.name.empty()) text_ += quoted(graph.name) + " ";
    whole(graph);
    return std::move(text_) + "\n";
  }

 private:
  /// A block whose effects have an order of their own.
  void whole(const FunctionGraph& graph) {
    EffectPlaces outside = std::exchange(places_, effect_places(graph));
    block(graph);
    places_ = std::move(outside);
  }

  /// "{ ... }", its lines indented by one more level.
  void block(const FunctionGraph& graph) {
    // A body says all that it needs, be it also outside.
    std::unordered_map<const Apply*, std::size_t> outside;
    std::swap(ids_, outside);
    text_ += "{\n";
    ++depth_;
    for (const Var& v : graph.inputs) {
      if (!is_input(v))
        throw GraphError(fmt::format("print: not an input of a graph: {}", describe(v)));
      node(v.owner());
    }
    for (const Apply* a : toposort(graph.roots())) node(*a);
    for (const auto& update : graph.updates) node(update.first.owner());
    begin_line();
    text_ += "outputs";
    for (std::size_t i = 0; i < graph.outputs.size(); ++i)
      text_ += (i > 0 ? ", " : " ") + reference(graph.outputs[i]);
    text_ += '\n';
    for (const auto& [target, value] : graph.updates) {
      begin_line();
      text_ += fmt::format("update {} = {}\n", reference(target), reference(value));
    }
    for (const Var& check : graph.checks) {
      begin_line();
      text_ += fmt::format("check {}\n", reference(check));
    }
    --depth_;
    begin_line();
    text_ += '}';
    std::swap(ids_, outside);
  }

  void begin_line() { text_.append(2 * depth_, ' '); }

  std::string reference(const Var& v) const {
    const std::size_t id = ids_.at(v.owner_ptr());
    return v.owner().n_outputs() == 1 ? fmt::format("%{}", id)
                                      : fmt::format("%{}.{}", id, v.index());
  }

  /// Writes the node's line unless it is written already.
  void node(const Apply& a) {
    if (ids_.contains(&a)) return;
    const std::size_t id = next_id_++;
    ids_.emplace(&a, id);
    begin_line();
    fmt::format_to(std::back_inserter(text_), "%{} = {}", id, a.op().name());
    const std::size_t name_end = text_.size();
    text_ += '{';
    parameters(a);
    text_ += '}';
    if (text_.size() == name_end + 2) text_.resize(name_end);
    operands(a);
    results(a);
    if (a.site().known()) text_ += " at " + site_text(a.site());
    if (a.op().body() != nullptr) {
      text_ += ' ';
      block(*a.op().body());
    }
    if (const auto* op = dynamic_cast<const SubGraph*>(&a.op())) {
      derivative(a, "gradient", op->gradient_graph());
      derivative(a, "push_forward", op->push_forward_graph());
    }
    text_ += '\n';
  }

  void derivative(const Apply& a, std::string_view kind, const std::optional<GivenDerivative>& d) {
    if (!d) return;
    const VarSet known(d->graph.inputs.begin(), d->graph.inputs.end());
    for (const Var& v : leaves(d->graph.outputs)) {
      if (!is_input(v) || known.contains(v)) continue;
      throw GraphError(
          fmt::format("print: {} has no text form: the {} given to '{}' reads an input that is "
                      "none of its own\n"
                      "  read  {}\n  hint  list it among the inputs of the op",
                      describe(a), kind, a.op().body()->name, describe(v)));
    }
    fmt::format_to(std::back_inserter(text_), " {}", kind);
    for (std::size_t i = 0; i < d->parts.size(); ++i)
      fmt::format_to(std::back_inserter(text_), "{} {}", i > 0 ? "," : "", d->parts[i]);
    text_ += ' ';
    whole(d->graph);
  }

  void parameters(const Apply& a) {
    if (const Array* value = constant_value(a.output())) {
      append_values(text_, *value);
    } else if (is_shared(a.output())) {
      const SharedCell& cell = SharedVar(a.output()).cell();
      const auto [known, fresh] = shared_.try_emplace(&cell, ids_.at(&a));
      if (!fresh) {
        fmt::format_to(std::back_inserter(text_), "%{}", known->second);
        return;
      }
      if (cell.name != a.name(0)) text_ += quoted(cell.name);
      if (!options_.shared_values) return;
      text_ += (text_.back() == '{' ? "" : " ") + to_string(cell.value.shape()) + ": ";
      append_values(text_, cell.value);
    } else if (!is_input(a.output())) {
      check_readable(a);
      if (dynamic_cast<const Effect*>(&a.op()) != nullptr)
        text_ += fmt::format("order={}, ", places_.at(a.op().effect()));
      text_ += a.op().parameters();
    }
  }

  static void check_readable(const Apply& a) {
    const OpReader* reader = op_reader(a.op().name());
    if (reader != nullptr && reader->read != nullptr) return;
    throw GraphError(fmt::format("print: {} has no text form: {}", describe(a),
                                 reader != nullptr ? reader->refusal : "nothing reads it back"));
  }

  void operands(const Apply& a) {
    if (a.inputs().empty() && is_leaf(a.output())) return;
    text_ += '(';
    for (std::size_t i = 0; i < a.inputs().size(); ++i)
      text_ += (i > 0 ? ", " : "") + reference(a.input(i));
    text_ += ')';
  }

  void results(const Apply& a) {
    for (std::size_t i = 0; i < a.n_outputs(); ++i) {
      text_ += (i > 0 ? ", " : " : ") + to_string(a.types()[i]);
      if (!a.name(i).empty()) text_ += " " + quoted(a.name(i));
    }
  }

  static std::string site_text(const Site& site) {
    const std::string text = to_string(site);
    const std::size_t colon = text.rfind(':');
    const std::string file = text.substr(0, colon);
    const bool simple = file.find_first_not_of(
                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "0123456789_-+.") == std::string::npos;
    return (simple ? file : quoted(file)) + text.substr(colon);
  }

  const PrintOptions& options_;
  std::string text_;
  std::size_t depth_ = 0;
  std::size_t next_id_ = 0;
  std::unordered_map<const Apply*, std::size_t> ids_;  // of the present block
  std::unordered_map<const SharedCell*, std::size_t> shared_;
  EffectPlaces places_;
};

/// Inputs, and what is shared, in the order in which they match those of another graph.
Vars leaves_to_pair(const FunctionGraph& graph) {
  Vars result = graph.inputs;
  VarSet seen(result.begin(), result.end());
  const auto add = [&](const Var& v) {
    if ((is_input(v) || is_shared(v)) && seen.insert(v).second) result.push_back(v);
  };
  for (const Var& v : leaves(graph.roots())) add(v);
  for (const auto& update : graph.updates) add(update.first);
  return result;
}

}  // namespace

std::string print(const FunctionGraph& graph, const PrintOptions& options) {
  return Printer(options).run(graph);
}

std::string print(const Vars& outputs, const PrintOptions& options) {
  FunctionGraph graph;
  graph.outputs = outputs;
  for (const Var& v : leaves(outputs)) {
    if (is_input(v)) graph.inputs.push_back(v);
  }
  return print(graph, options);
}

std::string print(const Var& output, const PrintOptions& options) {
  return print(Vars{output}, options);
}

bool operator==(const FunctionGraph& a, const FunctionGraph& b) {
  const Vars x = leaves_to_pair(a);
  const Vars y = leaves_to_pair(b);
  if (a.inputs.size() != b.inputs.size() || a.outputs.size() != b.outputs.size() ||
      a.updates.size() != b.updates.size() || a.checks.size() != b.checks.size() ||
      x.size() != y.size())
    return false;
  VarMap paired;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!(x[i].type() == y[i].type()) || is_shared(x[i]) != is_shared(y[i])) return false;
    if (is_shared(x[i]) && SharedVar(x[i]).cell().name != SharedVar(y[i]).cell().name) return false;
    paired.emplace(x[i], y[i]);
  }
  Vars roots_a = a.roots(), roots_b = b.roots();
  for (const auto& update : a.updates) roots_a.push_back(update.first);
  for (const auto& update : b.updates) roots_b.push_back(update.first);
  const GraphComparison comparison(a, b);
  if (!comparison.as_many_effects()) return false;
  return same_graph(roots_a, roots_b, paired);
}

}  // namespace damo
