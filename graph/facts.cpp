#include <damo/graph/facts.hpp>
#include <damo/graph/function_graph.hpp>

namespace damo {

void Facts::assume(const Var& v, const Fact& fact) { known_[v] = fact; }

Fact Facts::of(const Var& v) {
  if (const Fact* known = known_.find(v)) return *known;
  std::vector<std::pair<const Apply*, std::size_t>> stack{{v.owner_ptr(), 0}};
  while (!stack.empty()) {
    auto& [node, next] = stack.back();
    if (next < node->inputs().size()) {
      const Var& in = node->input(next++);
      if (!known_.contains(in)) stack.emplace_back(in.owner_ptr(), 0);
      continue;
    }
    const Apply* done = node;
    stack.pop_back();
    if (!known_.find(*done, done->n_outputs() - 1)) infer(*done);
  }
  return known_.at(v);
}

std::vector<Fact> Facts::of_inputs(const Apply& node) const {
  std::vector<Fact> in;
  in.reserve(node.inputs().size());
  for (const Var& v : node.inputs()) in.push_back(known_.at(v));
  return in;
}

void Facts::infer(const Apply& node) {
  std::vector<Fact> out(node.n_outputs());
  node.op().facts(node, of_inputs(node), out);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const DType dtype = node.types()[i].dtype;
    if (dtype == DType::boolean) out[i] = zero_or_one;
    if (!is_float(dtype)) out[i].integer = true;
    if (dtype == DType::uint8) out[i].nonnegative = true;
    if (!is_float(dtype)) out[i].finite = true;
    known_.insert(node, i, out[i]);
  }
}

std::vector<std::pair<Var, Fact>> Facts::inside(const Apply& node) {
  for (const Var& v : node.inputs()) of(v);
  const std::vector<Fact> facts = node.op().facts_inside(node, of_inputs(node));
  std::vector<std::pair<Var, Fact>> inputs;
  for (std::size_t i = 0; i < facts.size(); ++i)
    inputs.emplace_back(node.op().body()->inputs[i], facts[i]);
  return inputs;
}

}  // namespace damo
