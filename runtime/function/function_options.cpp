#include <algorithm>

#include <damo/ops/common/dense.hpp>
#include <damo/runtime/function/function_options.hpp>

namespace damo {

std::shared_ptr<const Argument> StoredArgument::owned(const Argument& argument) {
  if (argument.kind() != Argument::Kind::tensor) {
    return std::make_shared<const Argument>(argument.view());
  }
  return std::make_shared<const Argument>(Argument::owning(dense(argument.tensor())));
}

bool NoDefaultUpdates::contains(const Var& v) const {
  return all_ || std::any_of(some_.begin(), some_.end(), [&](const Var& s) { return same(s, v); });
}

}  // namespace damo
