#include <damo/graph/variables.hpp>
#include <damo/ops/loop/loop_builder.hpp>

namespace damo {

TensorType item_type(const TensorType& sequence) {
  TensorType item{sequence.dtype, {}};
  for (std::size_t i = 1; i < sequence.rank(); ++i) item.dims.push_back(sequence.dims[i]);
  return item;
}

TensorType carried_type(TensorType type) {
  for (std::size_t axis = 0; axis < type.rank(); ++axis) {
    if (type.dims[axis] != 1) type.dims[axis] = unknown;
  }
  return type;
}

TensorType sequence_type(const TensorType& item) {
  TensorType type{item.dtype, {unknown}};
  for (const std::int64_t dim : item.dims) type.dims.push_back(dim);
  return type;
}

Var item_of(const Var& sequence, std::string name, Site site) {
  return input(item_type(sequence.type()), std::move(name), site);
}

LoopBuilder::Built LoopBuilder::build(Site site) const {
  Scan::Spec spec;
  Vars outer{n_steps};
  Vars& inner = spec.body.inputs;
  for (const auto& [outside, inside] : sequences) {
    outer.push_back(outside);
    inner.push_back(inside);
  }
  for (const State& s : states) {
    outer.push_back(s.initial);
    inner.push_back(s.inner);
    spec.body.outputs.push_back(s.next);
  }
  for (const auto& [outside, inside] : non_sequences) {
    outer.push_back(outside);
    inner.push_back(inside);
  }
  spec.body.outputs.insert(spec.body.outputs.end(), extras.begin(), extras.end());
  spec.has_until = static_cast<bool>(condition);
  if (condition) spec.body.outputs.push_back(condition);
  spec.body.name = name;
  spec.n_sequences = sequences.size();
  spec.n_states = states.size();
  spec.name = name;
  spec.mode = mode;
  spec.profile = profile;
  spec.truncate_gradient = truncate_gradient;
  spec.roles = roles;
  for (std::size_t i = 0; i < states.size(); ++i) spec.outputs.push_back({i, Scan::Keep::history});
  for (std::size_t i = 0; i < extras.size(); ++i)
    spec.outputs.push_back({states.size() + i, Scan::Keep::trace});
  const std::size_t first_last = spec.outputs.size();
  for (const std::size_t state : carried) {
    spec.carried.emplace_back(state, spec.outputs.size());
    spec.outputs.push_back({state, Scan::Keep::last});
  }
  for (const std::size_t state : lasts) spec.outputs.push_back({state, Scan::Keep::last});

  Built built;
  const std::vector<Scan::Output> kept = spec.outputs;
  if (kept.empty()) return built;
  const Vars results = make_node(std::make_shared<Scan>(std::move(spec)), std::move(outer), site);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (i >= first_last) {
      built.lasts.emplace_back(kept[i].body_output, results[i]);
    } else {
      (i < states.size() ? built.histories : built.traces).push_back(results[i]);
    }
  }
  return built;
}

}  // namespace damo
