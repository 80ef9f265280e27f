#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/updates.hpp>

namespace damo {

Updates::Slot& Updates::Slot::operator=(const Arg& value) {
  const Var next = value.is_literal() ? value.var(target_.dtype()) : value.var();
  updates_.set(target_, next);
  Var::operator=(next);
  return *this;
}

void Updates::set(const Var& target, const Var& value) {
  if (!target.defined() || !is_shared(target)) {
    throw TypeError(fmt::format("updates: only shared variables have updates, got {}",
                                target.defined() ? describe(target) : "an empty Var"));
  }
  for (auto& [known, next] : pairs_) {
    if (same(known, target)) {
      next = value;
      return;
    }
  }
  pairs_.emplace_back(target, value);
}

Var Updates::find(const Var& target) const {
  for (const auto& [known, next] : pairs_) {
    if (same(known, target)) return next;
  }
  return {};
}

void Updates::add(const Var& target, const Var& value) {
  const Var known = target.defined() ? find(target) : Var{};
  if (known.defined() && !same_graph(known, value)) {
    throw GraphError(fmt::format("updates: two updates for {}\n  first   {}\n  second  {}",
                                 describe(target), describe(known), describe(value)));
  }
  set(target, value);
}

Updates& Updates::operator+=(const Updates& other) {
  for (const auto& [target, value] : other.pairs_) add(target, value);
  return *this;
}

}  // namespace damo
