#include <algorithm>

#include <damo/graph/variables.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/loop/open_loop.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// Keeps the elements that are used; `place` says where each of those now is.
template <class T>
void keep(std::vector<T>& list, const std::vector<bool>& used, std::vector<std::size_t>& place) {
  std::size_t n = 0;
  place.resize(list.size());
  for (std::size_t i = 0; i < used.size(); ++i) {
    place[i] = n;
    if (used[i]) list[n++] = list[i];
  }
  list.resize(n);
}

}  // namespace

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

Var of_sizes(const Var& v, const TensorType& type) {
  if (refines(v.type(), type) || !compatible(v.type(), type)) return v;
  std::vector<Arg> sizes;
  for (const std::int64_t size : type.dims) sizes.emplace_back(size == unknown ? -1 : size);
  return specify_shape(v, Sizes(sizes));
}

Var item_of(const Var& sequence, std::string name, Site site) {
  return input(item_type(sequence.type()), std::move(name), site);
}

void drop_effects(OpenLoop& loop) { loop.set_body_outputs(without_effects(loop.body_outputs())); }

OpenLoop OpenLoop::of(const Apply& node) {
  const auto& scan = static_cast<const Scan&>(node.op());
  const Scan::Spec& spec = scan.spec();
  OpenLoop loop{.n_steps = node.input(0),
                .name = spec.name,
                .mode = spec.mode,
                .profile = spec.profile,
                .truncate_gradient = spec.truncate_gradient,
                .in_pieces = spec.in_pieces,
                .roles = spec.roles,
                .site = node.site()};
  for (std::size_t i = 0; i < spec.n_sequences; ++i)
    loop.sequences.push_back({node.input(Scan::sequence_input(i)), scan.body_sequence(i)});
  for (std::size_t i = 0; i < spec.n_states; ++i) {
    loop.states.push_back(
        {node.input(scan.state_input(i)), scan.body_state(i), spec.body.outputs[i]});
  }
  for (std::size_t i = 0; i < scan.n_non_sequences(); ++i) {
    loop.non_sequences.push_back(
        {node.input(scan.non_sequence_input(i)), scan.body_non_sequence(i)});
  }
  for (std::size_t i = spec.n_states; i < scan.n_body_outputs(); ++i)
    loop.extras.push_back(spec.body.outputs[i]);
  if (spec.has_until) loop.condition = spec.body.outputs.back();
  for (const Scan::Output& o : spec.outputs) {
    const bool of_state = o.body_output < spec.n_states;
    loop.outputs.push_back(
        {of_state, of_state ? o.body_output : o.body_output - spec.n_states, o.keep});
  }
  for (const auto& [state, output] : spec.carried) loop.carried.push_back(state);
  return loop;
}

const Var& OpenLoop::body_output(const Output& output) const {
  return output.of_state ? states[output.index].next : extras[output.index];
}

Vars OpenLoop::body_outputs() const {
  Vars all;
  for (const State& s : states) all.push_back(s.next);
  all.insert(all.end(), extras.begin(), extras.end());
  if (condition.defined()) all.push_back(condition);
  return all;
}

void OpenLoop::set_body_outputs(const Vars& outputs_inside) {
  std::size_t k = 0;
  for (State& s : states) s.next = outputs_inside[k++];
  for (Var& e : extras) e = outputs_inside[k++];
  if (condition.defined()) condition = outputs_inside[k];
}

void OpenLoop::replace_in_body(const VarMap& with) {
  if (!with.empty()) set_body_outputs(replace(body_outputs(), with));
}

Var OpenLoop::add_non_sequence(const Var& outer) {
  for (const Entry& e : non_sequences) {
    if (same(e.outer, outer)) return e.inner;
  }
  non_sequences.push_back({outer, input(outer.type(), outer.name(), outer.site())});
  return non_sequences.back().inner;
}

std::size_t OpenLoop::add_output(const Output& output) {
  const auto at = std::find(outputs.begin(), outputs.end(), output);
  if (at == outputs.end()) {
    outputs.push_back(output);
    return outputs.size() - 1;
  }
  return static_cast<std::size_t>(at - outputs.begin());
}

std::size_t OpenLoop::add_extra(const Var& body_variable) {
  for (std::size_t i = 0; i < extras.size(); ++i) {
    if (same(extras[i], body_variable)) return i;
  }
  extras.push_back(body_variable);
  return extras.size() - 1;
}

void OpenLoop::drop_unused() {
  std::vector<bool> extra_used(extras.size());
  std::vector<bool> state_used(states.size());
  Vars roots;
  if (condition.defined()) roots.push_back(condition);
  for (const Output& o : outputs) {
    (o.of_state ? state_used : extra_used)[o.index] = true;
    roots.push_back(body_output(o));
  }
  // A state that a needed variable reads is needed, and so is what its next value reads.
  VarSet read;
  for (bool changed = true; changed;) {
    const Vars found = leaves(roots);
    read = VarSet(found.begin(), found.end());
    changed = false;
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (state_used[i] || !read.contains(states[i].inner)) continue;
      state_used[i] = changed = true;
      roots.push_back(states[i].next);
    }
  }
  std::vector<std::size_t> state_place;
  std::vector<std::size_t> extra_place;
  keep(states, state_used, state_place);
  keep(extras, extra_used, extra_place);
  for (Output& o : outputs) o.index = (o.of_state ? state_place : extra_place)[o.index];
  std::erase_if(carried, [&](std::size_t s) { return !state_used[s]; });
  for (std::size_t& s : carried) s = state_place[s];
  const auto unread = [&](const Entry& e) { return !read.contains(e.inner); };
  std::erase_if(sequences, unread);
  std::erase_if(non_sequences, unread);
}

Vars OpenLoop::build() const {
  Scan::Spec spec;
  Vars outer{n_steps};
  const auto enter = [&](const Var& outside, const Var& inside) {
    outer.push_back(outside);
    spec.body.inputs.push_back(inside);
  };
  for (const Entry& e : sequences) enter(of_sizes(e.outer, sequence_type(e.inner.type())), e.inner);
  for (const State& s : states) enter(of_sizes(s.initial, s.inner.type()), s.inner);
  for (const Entry& e : non_sequences) enter(of_sizes(e.outer, e.inner.type()), e.inner);
  spec.body.outputs = body_outputs();
  for (std::size_t i = 0; i < states.size(); ++i)
    spec.body.outputs[i] = of_sizes(states[i].next, states[i].inner.type());
  spec.body.name = name;
  spec.n_sequences = sequences.size();
  spec.n_states = states.size();
  spec.has_until = condition.defined();
  spec.name = name;
  spec.mode = mode;
  spec.profile = profile;
  spec.truncate_gradient = truncate_gradient;
  spec.in_pieces = in_pieces;
  spec.roles = roles;
  for (const Output& o : outputs)
    spec.outputs.push_back({o.of_state ? o.index : states.size() + o.index, o.keep});
  for (const std::size_t state : carried) {
    const auto last =
        std::find(outputs.begin(), outputs.end(), Output{true, state, Scan::Keep::last});
    if (last != outputs.end())
      spec.carried.emplace_back(state, static_cast<std::size_t>(last - outputs.begin()));
  }
  const SiteScope scope(site);
  return make_node(std::make_shared<Scan>(std::move(spec)), std::move(outer), site);
}

OpenLoop::Whole OpenLoop::build_whole(const std::vector<std::size_t>& lasts) {
  outputs.clear();
  for (std::size_t i = 0; i < states.size(); ++i) outputs.push_back({true, i, Scan::Keep::history});
  for (std::size_t i = 0; i < extras.size(); ++i) outputs.push_back({false, i, Scan::Keep::trace});
  for (const std::vector<std::size_t>* list : {&std::as_const(carried), &lasts}) {
    for (const std::size_t state : *list) outputs.push_back({true, state, Scan::Keep::last});
  }
  if (outputs.empty()) return {};
  const Vars results = build();
  auto next = results.begin();
  const auto take = [&](std::size_t n) {
    const auto first = std::exchange(next, next + static_cast<std::ptrdiff_t>(n));
    return Vars(first, next);
  };
  Whole whole;
  whole.histories = take(states.size());
  whole.traces = take(extras.size());
  whole.carried = take(carried.size());
  whole.lasts = take(lasts.size());
  return whole;
}

}  // namespace damo
