#include <damo/ops/common/one_variable.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/common/shared_rules.hpp>

namespace damo {

std::optional<std::size_t> only_variable(const Apply& node) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < node.inputs().size(); ++i) {
    if (uniform_value(node.input(i))) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

Var applied(const Apply& node, std::size_t variable, const Var& x) {
  Vars inputs;
  for (std::size_t i = 0; i < node.inputs().size(); ++i) {
    const Var& in = node.input(i);
    inputs.push_back(i == variable ? x : number(*uniform_value(in), in.dtype()));
  }
  return make_var(node.op_ptr(), std::move(inputs), node.site());
}

}  // namespace damo
