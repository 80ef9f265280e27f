#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/walk.hpp>
#include <damo/runtime/function/state.hpp>

namespace damo {

void State::add(const Var& variable) {
  const SharedVar shared(variable);
  const auto any = [&](auto&& holds) {
    return std::any_of(variables_.begin(), variables_.end(), holds);
  };
  if (any([&](const auto& entry) { return &entry.second.cell() == &shared.cell(); })) return;
  const std::string own = shared.cell().name.empty() ? "unnamed" : shared.cell().name;
  std::string name = own;
  for (int i = 2; any([&](const auto& entry) { return entry.first == name; }); ++i)
    name = fmt::format("{}_{}", own, i);
  variables_.emplace_back(std::move(name), shared);
}

State::State(std::initializer_list<SharedVar> variables) {
  for (const SharedVar& v : variables) add(v);
}

State::State(const std::vector<SharedVar>& variables) {
  for (const SharedVar& v : variables) add(v);
}

State::State(const Updates& updates) {
  for (const auto& update : updates) add(update.first);
}

State::State(const Function& f) : State(updated_by(f)) {
  for (const Var& v : leaves(f.asked().roots())) {
    if (is_shared(v)) add(v);
  }
}

State State::updated_by(const Function& f) {
  State state;
  for (const auto& update : f.asked().updates) state.add(update.first);
  return state;
}

State& State::operator+=(const State& other) {
  for (const auto& [name, variable] : other.variables_) add(variable);
  return *this;
}

std::map<std::string, Array> State::values() const {
  std::map<std::string, Array> values;
  for (const auto& [name, variable] : variables_) values.emplace(name, variable.value());
  return values;
}

void State::set_values(const std::map<std::string, Array>& values, std::string_view where) const {
  for (const auto& [name, variable] : variables_) {
    const auto found = values.find(name);
    if (found == values.end()) {
      throw IoError(
          fmt::format("{}: there is no array '{}' for {}", where, name, describe(variable)));
    }
    const Array& now = variable.value();
    const bool widens = now.dtype() == DType::int64 && is_for_storage(found->second.dtype());
    if ((widens || found->second.dtype() == now.dtype()) && found->second.shape() == now.shape())
      continue;
    throw IoError(fmt::format("{}: '{}' is {} {}, but its variable holds {} {}: {}", where, name,
                              damo::name(found->second.dtype()), to_string(found->second.shape()),
                              damo::name(now.dtype()), to_string(now.shape()), describe(variable)));
  }
  for (const auto& [name, variable] : variables_) variable.set_array(values.at(name));
}

}  // namespace damo
