#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/control/subgraph_op.hpp>

namespace damo {
namespace {

/// What `outputs` use that does not depend on `inputs`: the last variables on each way that do not,
/// constants left out.
Vars captured_by(const Vars& outputs, const VarSet& inputs) {
  std::unordered_set<const Apply*> depends;
  Vars found;
  VarSet seen;
  const auto varies = [&](const Var& v) {
    return inputs.contains(v) || depends.contains(v.owner_ptr());
  };
  const auto capture = [&](const Var& v) {
    if (!varies(v) && constant_value(v) == nullptr && seen.insert(v).second) found.push_back(v);
  };
  for (const Apply* node : toposort(outputs, inputs)) {
    if (std::none_of(node->inputs().begin(), node->inputs().end(), varies)) continue;
    depends.insert(node);
    for (const Var& in : node->inputs()) capture(in);
  }
  for (const Var& v : outputs) capture(v);
  return found;
}

/// The same down to inputs and shared variables: what is computed from those belongs to the graph.
Vars leaves_of(const Vars& outputs, const VarSet& inputs) {
  Vars found;
  for (const Apply* node : toposort(outputs, inputs)) {
    const Var v = node->output();
    if (is_leaf(v) && constant_value(v) == nullptr) found.push_back(v);
  }
  return found;
}

}  // namespace

OpFromGraph::OpFromGraph(const VarList& inputs, const VarList& outputs, OpFromGraphOptions options,
                         Site site)
    : OpFromGraph(inputs.vars(), outputs.vars(), std::move(options), leaves_of, site) {}

OpFromGraph::OpFromGraph(const Vars& inputs, const Vars& outputs, OpFromGraphOptions options,
                         Vars (*capture)(const Vars&, const VarSet&), Site site) {
  const auto fail = [&](const std::string& what) {
    throw GraphError(fmt::format("op_from_graph '{}': {}, at {}", options.name, what,
                                 to_string(SiteScope::or_else(site))));
  };
  if (outputs.empty()) fail("it has no outputs");
  VarSet formal;
  for (const Var& v : inputs) {
    if (!v.defined()) fail("an empty Var among its inputs");
    if (!formal.insert(v).second) fail("an input is given twice: " + describe(v));
  }
  for (const Var& v : outputs) {
    if (!v.defined()) fail("an empty Var among its outputs");
  }
  captured_ = capture(outputs, formal);
  Vars all = inputs;
  all.insert(all.end(), captured_.begin(), captured_.end());
  FunctionGraph body{{}, {}, {}, options.name};
  VarMap inside;
  for (const Var& v : all) {
    body.inputs.push_back(input(v.type(), v.name(), v.site()));
    inside.emplace(v, body.inputs.back());
  }
  body.outputs = replace(outputs, inside);
  op_ = std::make_shared<SubGraph>(std::move(body), inputs.size(), captured_, std::move(options));
}

Vars OpFromGraph::operator()(const Vars& arguments, Site site) const {
  Vars all = arguments;
  all.insert(all.end(), captured_.begin(), captured_.end());
  return make_node(op_, std::move(all), site);
}

Vars OpFromGraph::apply(const std::vector<Arg>& arguments) const {
  Vars vars;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool typed = arguments[i].is_literal() && i < op_->n_arguments();
    vars.push_back(typed ? arguments[i].var(op_->body()->inputs[i].dtype()) : arguments[i].var());
  }
  return (*this)(vars, arguments.front().site());
}

Var with_gradient(
    const Vars& inputs, const Var& output,
    std::function<Vars(const Vars& inputs, const Var& output, const Var& output_gradient)> gradient,
    Site site) {
  OpFromGraphOptions options{.name = "with_gradient"};
  options.gradient = [gradient = std::move(gradient)](const Vars& in, const Vars& out,
                                                      const Vars& g) {
    return gradient(in, out[0], g[0]);
  };
  const OpFromGraph op(inputs, {output}, std::move(options), captured_by, site);
  return op(inputs, site).front();
}

}  // namespace damo
