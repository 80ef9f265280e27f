#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/facts.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/dense.hpp>
#include <damo/ops/common/text_reader.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/control/state_updates.hpp>
#include <damo/ops/control/subgraph_op.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/backward_sweep.hpp>
#include <damo/ops/gradient/forward_mode.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/text/graph_text.hpp>

namespace damo {
namespace {

/// An input of the body's world for each of `outside`, an empty Var for an empty one.
Vars stand_ins(const Vars& outside) {
  Vars inside;
  for (const Var& v : outside)
    inside.push_back(v.defined() ? input(v.type(), v.name(), v.site()) : Var{});
  return inside;
}

bool same_derivative(const std::optional<GivenDerivative>& a,
                     const std::optional<GivenDerivative>& b) {
  if (!a || !b) return !a && !b;
  return a->size == b->size && a->parts == b->parts && a->graph == b->graph;
}

}  // namespace

std::string SubGraph::parameters() const {
  std::string text = fmt::format("{} arguments", n_arguments_);
  return options_->name.empty() ? text : quoted(options_->name) + ", " + text;
}

Printed SubGraph::print(const Apply&, std::span<const Printed> inputs) const {
  std::string text = (options_->name.empty() ? name() : options_->name) + "(";
  for (std::size_t i = 0; i < n_arguments_; ++i) text += (i > 0 ? ", " : "") + inputs[i].text;
  return {text + ")"};
}

std::vector<TensorType> SubGraph::infer(std::span<const TensorType> in) const {
  if (in.size() != body_.inputs.size()) {
    throw TypeError(fmt::format("takes {} operands, got {}", n_arguments_,
                                n_arguments_ + in.size() - body_.inputs.size()));
  }
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (refines(in[i], body_.inputs[i].type())) continue;
    throw TypeError(fmt::format("operand {} must be {}, got {}", i, describe(body_.inputs[i]),
                                to_string(in[i])));
  }
  std::vector<TensorType> out;
  for (const Var& v : body_.outputs) out.push_back(v.type());
  return out;
}

Vars SubGraph::in_place(const Vars& inside, const Apply& node) const {
  VarMap map;
  for (std::size_t i = 0; i < body_.inputs.size(); ++i) map.emplace(body_.inputs[i], node.input(i));
  return replace(inside, map);
}

std::vector<std::optional<Vars>> SubGraph::shape_rule(const Apply& node,
                                                      const std::vector<Vars>&) const {
  std::vector<std::optional<Vars>> rules;
  for (const Var& v : inlined(node)) rules.emplace_back(sizes(v));
  return rules;
}

Gradients SubGraph::gradient(const Apply& node, const Vars& g) const {
  const std::size_t n = node.inputs().size();
  return flow_back(node, {g, Vars(g.size()), std::vector<bool>(n, true),
                          std::vector<Slope>(n, Slope::constant)})
      .gradients;
}

namespace {

/// Whether anything of the outputs counts, of which a given gradient knows no more: an empty Var
/// where all of one does.
Var some_marked(const FlowAsked& asked) {
  Var some;
  for (std::size_t k = 0; k < asked.g.size(); ++k) {
    if (!asked.g[k].defined()) continue;
    const Var& marked = asked.marked[k];
    if (!marked.defined()) return {};
    const Var here = marked.ndim() == 0 ? marked : any(marked);
    some = some.defined() ? or_(some, here) : here;
  }
  return some;
}

}  // namespace

// Within the body, where no input depends on another.
FlowFound SubGraph::flow_back(const Apply& node, const FlowAsked& asked) const {
  FlowFound found{{}, Vars(node.inputs().size())};
  if (options_->gradient) {
    found.gradients = given_gradient(node, asked.g);
    found.marked = Vars(node.inputs().size(), some_marked(asked));
    return found;
  }
  VarMap outside;
  const auto brought_in = [&](const Var& v) {
    const Var inside = stand_ins({v}).front();
    if (v.defined()) outside.emplace(inside, v);
    return inside;
  };
  BackwardSweep sweep(body_.outputs, body_.inputs, {}, asked.behind);
  for (std::size_t k = 0; k < asked.g.size(); ++k) {
    if (!asked.g[k].defined()) continue;
    const Var marked = brought_in(asked.marked[k]);
    sweep.seed(body_.outputs[k], brought_in(asked.g[k]),
               marked.defined() ? Mask{{marked}, {}} : Mask{});
  }
  sweep.run();
  const auto taken_out = [&](const Var& v) {
    return replace(in_place({v}, node).front(), outside);
  };
  for (std::size_t i = 0; i < body_.inputs.size(); ++i) {
    const Arrived arrived = sweep.arrived(body_.inputs[i]);
    if (arrived.marked.defined()) found.marked[i] = taken_out(arrived.marked);
    Var sum;
    for (const Var& part : arrived.parts) sum = sum.defined() ? sum + part : part;
    found.gradients.emplace_back(sum.defined() ? taken_out(sum) : Var{});
  }
  return found;
}

Vars SubGraph::arguments(const Vars& inputs) const {
  return {inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(n_arguments_)};
}

GivenDerivative SubGraph::as_graph(const Given& given, const Vars& inputs, const Vars& outputs,
                                   const Vars& flows) const {
  const Vars in = stand_ins(inputs), out = stand_ins(outputs), flow = stand_ins(flows);
  const Vars made = given(arguments(in), out, flow);
  GivenDerivative result{made.size(), {}, {in, {}, {}, ""}};
  for (const Vars* more : {&out, &flow})
    result.graph.inputs.insert(result.graph.inputs.end(), more->begin(), more->end());
  Vars parts;
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (!made[i].defined()) continue;
    result.parts.push_back(i);
    parts.push_back(made[i]);
  }
  VarMap inside;
  for (std::size_t i = 0; i < captured_.size(); ++i)
    inside.emplace(captured_[i], in[n_arguments_ + i]);
  result.graph.outputs = replace(parts, inside);
  return result;
}

Vars SubGraph::derivative(const Given& given, const Apply& node, const Vars& flows) const {
  const Vars& inputs = node.inputs();
  const bool in_place = std::equal(captured_.begin(), captured_.end(),
                                   inputs.begin() + static_cast<std::ptrdiff_t>(n_arguments_),
                                   [](const Var& a, const Var& b) { return same(a, b); });
  if (in_place) return given(arguments(inputs), node.outputs(), flows);
  const GivenDerivative built = as_graph(given, inputs, node.outputs(), flows);
  VarMap outside;
  std::size_t next = 0;
  for (const Vars& vars : {inputs, node.outputs(), flows}) {
    for (const Var& v : vars) outside.emplace(built.graph.inputs[next++], v);
  }
  const Vars parts = replace(built.graph.outputs, outside);
  Vars result(built.size);
  for (std::size_t i = 0; i < parts.size(); ++i) result[built.parts[i]] = parts[i];
  return result;
}

std::optional<GivenDerivative> SubGraph::gradient_graph() const {
  if (!options_->gradient) return std::nullopt;
  return as_graph(options_->gradient, body_.inputs, body_.outputs, body_.outputs);
}

std::optional<GivenDerivative> SubGraph::push_forward_graph() const {
  if (!options_->push_forward) return std::nullopt;
  return as_graph(options_->push_forward, body_.inputs, body_.outputs, arguments(body_.inputs));
}

Gradients SubGraph::given_gradient(const Apply& node, Vars g) const {
  for (std::size_t k = 0; k < g.size(); ++k) {
    if (!g[k].defined()) g[k] = zeros_like(node.output(k));
  }
  const Vars given = derivative(options_->gradient, node, g);
  const auto fail = [&](const std::string& what) {
    throw GradError(fmt::format("the gradient given for {}: {}", describe(node), what));
  };
  if (given.size() != n_arguments_)
    fail(fmt::format("has {} parts for {} inputs", given.size(), n_arguments_));
  Gradients result;
  for (std::size_t i = 0; i < n_arguments_; ++i) {
    const bool fits =
        !given[i].defined() ||
        (given[i].ndim() == node.input(i).ndim() &&
         (given[i].dtype() == node.input(i).dtype() || !is_float(node.input(i).dtype())));
    if (!fits) {
      fail(
          fmt::format("the part for input {} has another dtype or number of dimensions\n"
                      "  input    {}\n  gradient {}",
                      i, describe(node.input(i)), describe(given[i])));
    }
    result.emplace_back(given[i]);
  }
  while (result.size() < node.inputs().size()) {
    result.push_back(Gradient::undefined(
        "the gradient given for it is one with respect to its inputs, and this is none of them: "
        "list it there"));
  }
  return result;
}

Vars SubGraph::push_forward(const Apply& node, const Vars& tangents) const {
  if (std::none_of(tangents.begin(), tangents.end(), [](const Var& t) { return t.defined(); }))
    return Vars(node.n_outputs());
  if (options_->push_forward) {
    Vars all;
    for (std::size_t i = 0; i < n_arguments_; ++i)
      all.push_back(tangents[i].defined() ? tangents[i] : zeros_like(node.input(i)));
    const Vars given = derivative(options_->push_forward, node, all);
    if (given.size() == node.n_outputs()) return given;
    throw GradError(fmt::format("the tangents given for {}: {} for {} outputs", describe(node),
                                given.size(), node.n_outputs()));
  }
  Vars moving;
  Vars along;
  VarMap outside;
  const Vars inside = stand_ins(tangents);
  for (std::size_t i = 0; i < tangents.size(); ++i) {
    if (!tangents[i].defined()) continue;
    moving.push_back(body_.inputs[i]);
    along.push_back(inside[i]);
    outside.emplace(inside[i], tangents[i]);
  }
  Tangents t = tangents_of(body_.outputs, moving, along);
  for (std::size_t k = 0; k < t.values.size(); ++k) {
    if (!t.reasons[k].empty()) t.values[k] = {};
    if (t.values[k].defined())
      t.values[k] = replace(in_place({t.values[k]}, node).front(), outside);
  }
  if (t.incomplete()) throw SomeUndefined(std::move(t));
  return std::move(t.values);
}

std::vector<Array> SubGraph::compute(const Apply&, TensorsIn in) const {
  std::vector<std::pair<Var, Array>> at;
  for (std::size_t i = 0; i < in.size(); ++i) at.emplace_back(body_.inputs[i], dense(*in[i]));
  return evaluate_inside(body_.outputs, at);
}

void SubGraph::run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const {
  const QuietEffects quiet;  // `perform` computes it again
  const std::vector<Array> results = compute(node, in);
  for (std::size_t k = 0; k < results.size(); ++k) out[k] = results[k].shape();
}

void SubGraph::perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace&) const {
  const std::vector<Array> results = compute(node, in);
  for (std::size_t k = 0; k < results.size(); ++k) copy(results[k].view(), *out[k]);
}

std::shared_ptr<const Op> SubGraph::with_body(FunctionGraph body) const {
  auto op = std::make_shared<SubGraph>(*this);
  op->body_ = std::move(body);
  return op;
}

void SubGraph::facts(const Apply&, std::span<const Fact> in, std::span<Fact> out) const {
  Facts inside;
  for (std::size_t i = 0; i < in.size(); ++i) inside.assume(body_.inputs[i], in[i]);
  for (std::size_t k = 0; k < out.size(); ++k) out[k] = inside.of(body_.outputs[k]);
}

void SubGraph::perform_wide(const Apply&, WidesIn in, WidesOut out) const {
  WideEvaluation::Bindings bindings;
  for (std::size_t i = 0; i < in.size(); ++i) bindings.emplace_back(body_.inputs[i], *in[i]);
  WideEvaluation inside(std::move(bindings));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = inside.value(body_.outputs[i]);
}

std::vector<std::pair<Var, Var>> SubGraph::state_updates(const Apply& node) const {
  std::vector<std::pair<Var, Var>> updates;
  const Guards guards(body_.outputs);
  for (const Apply* inner : body_.order()) {
    for (const auto& [state, next] : damo::state_updates(*inner, guards)) {
      const Vars outside = in_place({state, next}, node);
      updates.emplace_back(outside[0], outside[1]);
    }
  }
  return updates;
}

bool operator==(const SubGraph& a, const SubGraph& b) {
  if (&a == &b) return true;
  const bool plain = !a.options_->gradient && !a.options_->push_forward && !b.options_->gradient &&
                     !b.options_->push_forward;
  if (a.n_arguments_ != b.n_arguments_ || a.body_.inputs.size() != b.body_.inputs.size())
    return false;
  if (!plain && a.options_ != b.options_ &&
      (GraphComparison::current() == nullptr ||
       !same_derivative(a.gradient_graph(), b.gradient_graph()) ||
       !same_derivative(a.push_forward_graph(), b.push_forward_graph())))
    return false;
  VarMap paired;
  for (std::size_t i = 0; i < a.body_.inputs.size(); ++i) {
    if (!(a.body_.inputs[i].type() == b.body_.inputs[i].type())) return false;
    paired.emplace(a.body_.inputs[i], b.body_.inputs[i]);
  }
  return same_graph(a.body_.outputs, b.body_.outputs, paired);
}

std::size_t SubGraph::hash() const { return structural_hash(body_.outputs) * 31 + n_arguments_; }

}  // namespace damo
