#include <fmt/format.h>

#include <mutex>
#include <set>
#include <unordered_map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/text/graph_text.hpp>

namespace damo {
namespace {

constexpr int deepest = 100;  // bodies in bodies
constexpr const char* format_version = "1";

/// Files of creation lines are kept as long as the process: a Site only points to its file's name.
const char* kept(const std::string& file) {
  static std::mutex mutex;
  static std::set<std::string> files;
  const std::lock_guard lock(mutex);
  return files.insert(file).first->c_str();
}

class Parser {
 public:
  Parser(std::string_view text, const ParseOptions& options)
      : in_(text), options_(options), most_effects_(text.size()) {}

  FunctionGraph run() {
    in_.skip_lines();
    in_.expect("damo graph");
    in_.expect(format_version);
    std::string name;
    if (in_.next_is('\'')) name = in_.quoted();
    FunctionGraph graph = whole(0);
    graph.name = name;
    in_.skip_lines();
    if (!in_.at_end()) in_.fail("nothing more");
    return graph;
  }

 private:
  using Nodes = std::unordered_map<std::int64_t, Vars>;

  struct Line {
    std::string_view name;
    TextReader parameters{""};
    bool has_parameters = false;
    Vars operands{};
    std::vector<TensorType> types{};
    std::vector<std::string> names{};
    Site site{};
    FunctionGraph body{};
    bool has_body = false;
    std::optional<DerivativeText> gradient{}, push_forward{};
  };

  /// A block whose effects have an order of their own.
  FunctionGraph whole(int depth) {
    const std::uint64_t outside = std::exchange(first_effect_, Effect::reserve(most_effects_));
    FunctionGraph graph = block(depth);
    first_effect_ = outside;
    return graph;
  }

  FunctionGraph block(int depth) {
    if (depth > deepest) in_.fail(fmt::format("no more than {} bodies in each other", deepest));
    in_.expect("{");
    FunctionGraph graph;
    Nodes nodes;  // a body sees its own nodes only
    for (in_.skip_lines(); !in_.accept_word("outputs"); in_.skip_lines()) {
      if (!in_.next_is('%')) in_.fail("a node, '%', or 'outputs'");
      node(graph, nodes, depth);
    }
    while (in_.next_is('%')) {
      graph.outputs.push_back(reference(nodes));
      if (!in_.accept(",")) break;
    }
    for (in_.skip_lines(); in_.accept_word("update"); in_.skip_lines()) {
      const Var target = reference(nodes);
      if (!is_shared(target)) in_.fail("a shared variable before this, to be updated");
      in_.expect("=");
      graph.updates.emplace_back(target, reference(nodes));
    }
    for (; in_.accept_word("check"); in_.skip_lines()) graph.checks.push_back(reference(nodes));
    in_.expect("}");
    return graph;
  }

  void node(FunctionGraph& graph, Nodes& nodes, int depth) {
    in_.expect("%");
    const std::int64_t id = in_.integer();
    if (nodes.contains(id)) in_.fail(fmt::format("a new id, not %{} again", id));
    in_.expect("=");
    const TextReader start = in_;
    Line line = read_line(nodes, depth);
    Vars made = make(line, start);
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (!line.names[i].empty() && made[i].name() != line.names[i])
        static_cast<void>(made[i].named(line.names[i]));
    }
    if (line.name == "input") graph.inputs.push_back(made[0]);
    if (line.name == "shared") shared_.emplace(id, made[0]);
    nodes.emplace(id, std::move(made));
  }

  Line read_line(const Nodes& nodes, int depth) {
    Line line;
    line.name = in_.word("the name of an op");
    line.has_parameters = in_.accept("{");
    line.parameters = in_;
    if (line.has_parameters) in_.skip_braces();
    if (in_.accept("(")) {
      while (!in_.accept(")")) {
        line.operands.push_back(reference(nodes));
        if (!in_.accept(",") && !in_.next_is(')')) in_.fail("',' or ')'");
      }
    }
    in_.expect(":");
    do {
      line.types.push_back(in_.type());
      line.names.push_back(in_.next_is('\'') ? in_.quoted() : "");
    } while (in_.accept(","));
    if (in_.accept_word("at")) line.site = site();
    line.has_body = in_.next_is('{');
    if (line.has_body) line.body = block(depth + 1);
    if (in_.accept_word("gradient")) line.gradient = derivative(depth + 1);
    if (in_.accept_word("push_forward")) line.push_forward = derivative(depth + 1);
    in_.expect_line_end();
    return line;
  }

  /// "0, 2 { ... }"
  DerivativeText derivative(int depth) {
    DerivativeText text;
    while (!in_.next_is('{')) {
      text.parts.push_back(in_.number_below(most_effects_, "a number"));
      if (!in_.accept(",") && !in_.next_is('{')) in_.fail("',' or '{'");
    }
    text.graph = whole(depth);
    return text;
  }

  Site site() {
    const std::string file =
        in_.next_is('\'') ? in_.quoted() : std::string(in_.word("a file", "-+."));
    in_.expect(":");
    constexpr std::size_t most_lines = 0xffffffff;
    return {kept(file), static_cast<unsigned>(in_.number_below(most_lines, "a line"))};
  }

  Var reference(const Nodes& nodes) {
    in_.expect("%");
    const auto found = nodes.find(in_.integer());
    if (found == nodes.end()) in_.fail("before this the id of a node above, in the same graph");
    if (!in_.accept(".")) {
      if (found->second.size() > 1) in_.fail("'.' and which output of the node");
      return found->second[0];
    }
    return found->second[in_.number_below(found->second.size(), "an output")];
  }

  /// The node of a line; errors of its op gain the place.
  Vars make(Line& line, const TextReader& start) {
    try {
      Vars made = line.name == "shared" ? Vars{shared_leaf(line, start)}
                                        : make_node(op(line, start), line.operands, line.site);
      if (made.size() != line.types.size()) {
        start.fail(
            fmt::format("a node with {} results instead of {}", made.size(), line.types.size()));
      }
      for (std::size_t i = 0; i < made.size(); ++i) {
        if (made[i].type() == line.types[i]) continue;
        start.fail(fmt::format("a result of type {} instead of {}", to_string(made[i].type()),
                               to_string(line.types[i])));
      }
      return made;
    } catch (const ShapeError& e) {
      throw GraphError(fmt::format("graph text: {}: {}", start.where(), e.what()));
    } catch (const TypeError& e) {
      throw GraphError(fmt::format("graph text: {}: {}", start.where(), e.what()));
    }
  }

  static OpPtr leaf(Line& line, const TextReader& start) {
    const TensorType& type = line.types[0];
    if (!line.operands.empty() || line.has_body) start.fail("a leaf without operands");
    if (line.gradient || line.push_forward) start.fail("a leaf without derivatives");
    if (line.name == "input") {
      if (line.has_parameters) start.fail("an input without parameters");
      return std::make_shared<Input>(type);
    }
    if (line.has_parameters)
      return std::make_shared<Constant>(line.parameters.values(type.dtype, type.dims, "}"));
    if (type.dims.elements() != 0) start.fail("a constant with its elements in {}");
    return std::make_shared<Constant>(Array(type.dtype, type.dims));
  }

  OpPtr op(Line& line, const TextReader& start) {
    if (line.name == "input" || line.name == "constant") return leaf(line, start);
    const OpReader* reader = op_reader(line.name);
    if (reader == nullptr) start.fail("the name of an op");
    if (reader->read == nullptr)
      start.fail(fmt::format("an op with a text form, not one of which {}", reader->refusal));
    if (line.operands.size() < reader->least_operands ||
        line.operands.size() > reader->most_operands)
      start.fail(fmt::format("an op with {} operands", line.operands.size()));
    std::vector<TensorType> operands;
    for (const Var& v : line.operands) operands.push_back(v.type());
    OpText text{line.name,
                line.parameters,
                operands,
                line.types,
                std::move(line.body),
                std::move(line.gradient),
                std::move(line.push_forward),
                first_effect_,
                most_effects_,
                &options_};
    const OpPtr made = reader->read(text);
    if (text.gradient || text.push_forward) start.fail("an op without derivatives of its own");
    if (line.has_parameters) line.parameters.expect("}");
    if (line.has_body != (made->body() != nullptr))
      start.fail(line.has_body ? "an op with a body" : "an op without a body");
    return made;
  }

  Var shared_leaf(Line& line, const TextReader& start) {
    if (!line.operands.empty() || line.has_body) start.fail("a leaf without operands");
    if (line.gradient || line.push_forward) start.fail("a leaf without derivatives");
    TextReader& parameters = line.parameters;
    const TensorType& type = line.types[0];
    std::string name = line.names[0];
    Shape empty;
    empty.resize(type.rank());
    Array value(type.dtype, empty);
    if (line.has_parameters) {
      if (parameters.accept("%")) return same_shared(parameters);
      if (parameters.next_is('\'')) name = parameters.quoted();
      if (parameters.next_is('(')) {
        const Shape shape = parameters.dims();
        if (shape.rank() != type.rank()) parameters.fail("a value of the rank of its variable");
        parameters.expect(":");
        value = parameters.values(type.dtype, shape, "}");
      } else {
        parameters.expect("}");
      }
    }
    if (const auto given = given_shared(name)) return *given;
    auto cell = std::make_shared<SharedCell>(SharedCell{std::move(value), name, 0});
    return make_var(std::make_shared<Shared>(std::move(cell), type), {}, line.site);
  }

  /// A shared variable met before, outside the present body.
  Var same_shared(TextReader& parameters) const {
    const auto found = shared_.find(parameters.integer());
    if (found == shared_.end()) parameters.fail("before this the id of a shared variable above");
    parameters.expect("}");
    return found->second;
  }

  std::optional<SharedVar> given_shared(const std::string& name) {
    std::size_t skip = used_[name]++;
    for (const SharedVar& s : options_.shared) {
      if (s.cell().name == name && skip-- == 0) return s;
    }
    return std::nullopt;
  }

  TextReader in_;
  const ParseOptions& options_;
  std::uint64_t first_effect_ = 0;
  std::uint64_t most_effects_;                         // more than a text of this length can have
  std::unordered_map<std::string, std::size_t> used_;  // how often a name was met
  std::unordered_map<std::int64_t, Var> shared_;       // by id
};

}  // namespace

FunctionGraph parse(std::string_view text, const ParseOptions& options) {
  return Parser(text, options).run();
}

}  // namespace damo
