#include <unordered_map>

#include <damo/graph/map_graph.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/optim/engine/pipeline.hpp>

// The two logarithms of a cross-entropy, softplus(z) and softplus(-z), are maximum(z, 0) and
// maximum(-z, 0) plus the same log(1 + exp(-|z|)): it is computed once, with the bits it has in
// both.
namespace damo::optim {
namespace {

/// Whose softplus a graph takes with either sign.
VarSet taken_both_ways(const FunctionGraph& graph) {
  VarSet arguments, both;
  const auto order = graph.order();
  for (const Apply* node : order) {
    if (is_elementwise(node->output(), "softplus")) arguments.insert(node->input(0));
  }
  for (const Var& z : arguments) {
    if (is_elementwise(z, "neg") && arguments.contains(z.inputs()[0])) both.insert(z.inputs()[0]);
  }
  return both;
}

class Sharing {
 public:
  Sharing(VarSet both, Trace* trace) : both_(std::move(both)), trace_(trace) {}

  std::optional<Vars> edited(const Apply& node, const Apply& before) {
    if (!is_elementwise(before.output(), "softplus")) return std::nullopt;
    const Var& argument = before.input(0);
    const bool turned = !both_.contains(argument);
    if (turned && !(is_elementwise(argument, "neg") && both_.contains(argument.inputs()[0])))
      return std::nullopt;
    const SiteScope scope(node.site());
    const Var& z = node.input(0);
    Var& tail = tails_[turned ? argument.inputs()[0] : argument];
    if (!tail.defined()) tail = softplus(-abs(turned ? z.inputs()[0] : z));
    const Var sum = maximum(z, 0) + tail;
    if (trace_ != nullptr) {
      trace_->add({"share_softplus",
                   "share_softplus",
                   {"specialize"},
                   "",
                   before.output(),
                   sum,
                   "softplus(z) and softplus(-z) share a logarithm"});
    }
    return Vars{sum};
  }

 private:
  VarSet both_;
  Trace* trace_;
  std::unordered_map<Var, Var, VarHash, VarSame> tails_;
};

}  // namespace

FunctionGraph share_softplus(const FunctionGraph& graph, const Pass::Setting& setting) {
  Sharing sharing(taken_both_ways(graph), setting.trace);
  return map_graph(graph, [&](const Apply& node, const Apply& before) -> std::optional<Vars> {
    if (node.op().body() != nullptr && !node.op().keeps_body()) {
      return with_changed_body(
          node, [&](const FunctionGraph& body) { return share_softplus(body, setting); });
    }
    return sharing.edited(node, before);
  });
}

}  // namespace damo::optim
