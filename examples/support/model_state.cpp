#include "support/model_state.hpp"

#include <algorithm>

namespace damo::examples {
namespace {

constexpr const char* streams_name = "random_streams";

}  // namespace

ModelState::ModelState(const Updates& updates, const RandomStream& rng) : rng_(rng) {
  const auto is_stream = [&](const Var& v) {
    const std::vector<SharedVar>& streams = rng.streams();
    return std::any_of(streams.begin(), streams.end(), [&](const Var& s) { return same(s, v); });
  };
  const auto is_taken = [&](const std::string& name) {
    return name.empty() || name == streams_name ||
           std::any_of(variables_.begin(), variables_.end(),
                       [&](const auto& entry) { return entry.first == name; });
  };
  for (const auto& [target, value] : updates) {
    if (is_stream(target)) continue;
    const SharedVar variable(target);
    std::string name = variable.cell().name;
    for (int i = 2; is_taken(name); ++i) name = variable.cell().name + "_" + std::to_string(i);
    variables_.emplace_back(name, variable);
  }
}

void ModelState::save(io::Checkpoint& checkpoint) const {
  for (const auto& [name, variable] : variables_) {
    checkpoint.arrays.insert_or_assign(name, variable.value());
  }
  checkpoint.arrays.insert_or_assign(streams_name, rng_.state());
}

void ModelState::load(const io::Checkpoint& checkpoint) const {
  for (const auto& [name, variable] : variables_) {
    checkpoint.at(name, variable.dtype(), variable.value().shape());
  }
  const Array streams = rng_.state();
  const Array& saved = checkpoint.at(streams_name, streams.dtype(), streams.shape());
  for (const auto& [name, variable] : variables_) variable.set_array(checkpoint.at(name));
  rng_.set_state(saved);
}

}  // namespace damo::examples
