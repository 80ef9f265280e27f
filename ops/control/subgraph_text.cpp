#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/control/op_from_graph.hpp>
#include <damo/ops/control/subgraph_op.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// A function that builds what the text says: a graph of all inputs of the op, its outputs, and
/// what flows in. `captured` are the inputs that the function is not called with.
auto as_function(DerivativeText text, std::size_t size, const Vars& captured) {
  return
      [text = std::move(text), size, captured](const Vars& in, const Vars& out, const Vars& flows) {
        VarMap outside;
        std::size_t next = 0;
        for (const Vars& vars : {in, captured, out, flows}) {
          for (const Var& v : vars) {
            const Var& inside = text.graph.inputs[next++];
            const bool fits = refines(v.type(), inside.type());
            outside.emplace(inside, fits ? v : specify_shape(v, inside.type().dims));
          }
        }
        const Vars parts = replace(text.graph.outputs, outside);
        Vars result(size);
        for (std::size_t i = 0; i < parts.size(); ++i) result[text.parts[i]] = parts[i];
        return result;
      };
}

/// Throws where a derivative is not of `in`, `out` and `flows`, or has more parts than `size`.
void check_derivative(const DerivativeText& text, std::size_t size, const Vars& in, const Vars& out,
                      std::span<const Var> flows, const TextReader& at) {
  const FunctionGraph& graph = text.graph;
  Vars inputs = in;
  inputs.insert(inputs.end(), out.begin(), out.end());
  inputs.insert(inputs.end(), flows.begin(), flows.end());
  const bool fits =
      std::equal(inputs.begin(), inputs.end(), graph.inputs.begin(), graph.inputs.end(),
                 [](const Var& a, const Var& b) { return a.type() == b.type(); });
  if (!fits)
    at.fail("a derivative of the op's inputs and outputs and of what flows in, with their types");
  const bool numbered =
      text.parts.size() == graph.outputs.size() &&
      std::is_sorted(text.parts.begin(), text.parts.end()) &&
      std::adjacent_find(text.parts.begin(), text.parts.end()) == text.parts.end() &&
      (text.parts.empty() || text.parts.back() < size);
  if (!numbered || !graph.updates.empty())
    at.fail(fmt::format("a derivative with outputs numbered upwards, below {}", size));
}

OpPtr read_subgraph(OpText& text) {
  TextReader& in = text.parameters;
  OpFromGraphOptions options;
  if (in.next_is('\'')) {
    options.name = in.quoted();
    in.expect(",");
  }
  FunctionGraph body = std::move(text.body);
  body.name = options.name;
  const std::size_t n = in.number_below(text.operands.size() + 1, "a number of operands");
  in.expect("arguments");
  if (body.outputs.empty() || !body.updates.empty() || body.inputs.size() != text.operands.size())
    in.fail("a body with outputs, without updates, and with an input for each operand");
  const std::span<const Var> arguments(body.inputs.data(), n);
  Vars captured;
  for (std::size_t i = n; i < body.inputs.size(); ++i)
    captured.push_back(input(body.inputs[i].type(), body.inputs[i].name(), body.inputs[i].site()));
  if (auto given = std::exchange(text.gradient, {})) {
    check_derivative(*given, n, body.inputs, body.outputs, body.outputs, in);
    options.gradient = as_function(std::move(*given), n, captured);
  }
  if (auto given = std::exchange(text.push_forward, {})) {
    const std::size_t size = body.outputs.size();
    check_derivative(*given, size, body.inputs, body.outputs, arguments, in);
    options.push_forward = as_function(std::move(*given), size, captured);
  }
  return std::make_shared<SubGraph>(std::move(body), n, std::move(captured), std::move(options));
}

}  // namespace

DAMO_OPS(subgraph) {
  ops.reader({"op_from_graph", read_subgraph, 0, OpReader::any});
  ops.sample({.name = "op_from_graph", .inputs = {{"mn"}, {"mn"}}, .apply = [](const Vars& in) {
                const Var x = input(in[0].type());
                const Var y = input(in[1].type());
                return OpFromGraph({x, y}, {tanh(x * y) + x})(in)[0];
              }});
}

}  // namespace damo
