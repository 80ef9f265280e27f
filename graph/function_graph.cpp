#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/function_graph.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>

namespace damo {

Vars FunctionGraph::roots() const {
  Vars all = outputs;
  for (const auto& [target, value] : updates) all.push_back(value);
  all.insert(all.end(), checks.begin(), checks.end());
  return all;
}

FunctionGraph FunctionGraph::with_roots(const Vars& roots) const {
  FunctionGraph result{inputs, {}, updates, name};
  result.checks.assign(roots.end() - static_cast<std::ptrdiff_t>(checks.size()), roots.end());
  const auto n = static_cast<std::ptrdiff_t>(outputs.size());
  result.outputs.assign(roots.begin(), roots.begin() + n);
  for (std::size_t i = 0; i < updates.size(); ++i)
    result.updates[i].second = roots[outputs.size() + i];
  return result;
}

void FunctionGraph::check() const {
  const VarSet known(inputs.begin(), inputs.end());
  for (const Apply* node : order()) {
    if (is_input(node->output()) && !known.contains(node->output())) {
      throw InternalError(
          fmt::format("function graph '{}': stray input {}", name, describe(node->output())));
    }
    std::vector<TensorType> types;
    for (const Var& in : node->inputs()) types.push_back(in.type());
    const auto inferred = node->op().infer(types);
    for (std::size_t i = 0; i < inferred.size(); ++i) {
      if (!(inferred[i] == node->types()[i])) {
        throw InternalError(fmt::format("function graph '{}': {} is typed {}, its op infers {}",
                                        name, describe(*node), to_string(node->types()[i]),
                                        to_string(inferred[i])));
      }
    }
  }
}

}  // namespace damo
