#include <algorithm>
#include <unordered_set>

#include <damo/graph/variables.hpp>
#include <damo/optim/loops/scan_edit.hpp>

namespace damo::optim {

ScanEdit::ScanEdit(const Apply& node)
    : spec_(static_cast<const Scan&>(node.op()).spec()), site_(node.site()) {
  const auto& scan = static_cast<const Scan&>(node.op());
  n_steps = node.input(0);
  for (std::size_t i = 0; i < spec_.n_sequences; ++i)
    sequences.push_back({node.input(Scan::sequence_input(i)), scan.body_sequence(i)});
  for (std::size_t i = 0; i < spec_.n_states; ++i)
    states.push_back({node.input(scan.state_input(i)), scan.body_state(i), spec_.body.outputs[i]});
  for (std::size_t i = 0; i < scan.n_non_sequences(); ++i)
    non_sequences.push_back({node.input(scan.non_sequence_input(i)), scan.body_non_sequence(i)});
  for (std::size_t i = spec_.n_states; i < scan.n_body_outputs(); ++i)
    extras.push_back(spec_.body.outputs[i]);
  if (spec_.has_until) condition = spec_.body.outputs.back();
  for (const Scan::Output& o : spec_.outputs) {
    const bool of_state = o.body_output < spec_.n_states;
    outputs.push_back(
        {of_state, of_state ? o.body_output : o.body_output - spec_.n_states, o.keep});
  }
}

const Var& ScanEdit::body_output(const Output& output) const {
  return output.of_state ? states[output.index].next : extras[output.index];
}

Var ScanEdit::add_non_sequence(const Var& outer) {
  for (const Carried& c : non_sequences) {
    if (same(c.outer, outer)) return c.inner;
  }
  non_sequences.push_back({outer, input(outer.type(), outer.name(), outer.site())});
  return non_sequences.back().inner;
}

std::size_t ScanEdit::add_output(const Output& output) {
  const auto at = std::find(outputs.begin(), outputs.end(), output);
  if (at == outputs.end()) {
    outputs.push_back(output);
    return outputs.size() - 1;
  }
  return static_cast<std::size_t>(at - outputs.begin());
}

std::size_t ScanEdit::add_extra(const Var& body_variable) {
  for (std::size_t i = 0; i < extras.size(); ++i) {
    if (same(extras[i], body_variable)) return i;
  }
  extras.push_back(body_variable);
  return extras.size() - 1;
}

void ScanEdit::drop_unused() {
  std::vector<bool> extra_used(extras.size());
  std::vector<bool> state_used(states.size());
  Vars roots;
  if (condition) roots.push_back(condition);
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
  std::vector<std::size_t> state_place(states.size());
  std::vector<std::size_t> extra_place(extras.size());
  const auto keep = [](auto& list, const std::vector<bool>& used, std::vector<std::size_t>& place) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < used.size(); ++i) {
      place[i] = n;
      if (used[i]) list[n++] = list[i];
    }
    list.resize(n);
  };
  keep(states, state_used, state_place);
  keep(extras, extra_used, extra_place);
  for (Output& o : outputs) o.index = (o.of_state ? state_place : extra_place)[o.index];
  const auto unread = [&](const Carried& c) { return !read.contains(c.inner); };
  std::erase_if(sequences, unread);
  std::erase_if(non_sequences, unread);
}

void ScanEdit::replace_in_body(const VarMap& with) {
  if (with.empty()) return;
  Vars all;
  for (const State& s : states) all.push_back(s.next);
  all.insert(all.end(), extras.begin(), extras.end());
  if (condition) all.push_back(condition);
  all = replace(all, with);
  std::size_t k = 0;
  for (State& s : states) s.next = all[k++];
  for (Var& e : extras) e = all[k++];
  if (condition) condition = all[k];
}

Vars ScanEdit::build() const {
  Scan::Spec spec;
  Vars in{n_steps};
  for (const Carried& c : sequences) {
    in.push_back(c.outer);
    spec.body.inputs.push_back(c.inner);
  }
  for (const State& s : states) {
    in.push_back(s.initial);
    spec.body.inputs.push_back(s.inner);
    spec.body.outputs.push_back(s.next);
  }
  for (const Carried& c : non_sequences) {
    in.push_back(c.outer);
    spec.body.inputs.push_back(c.inner);
  }
  spec.body.outputs.insert(spec.body.outputs.end(), extras.begin(), extras.end());
  if (condition) spec.body.outputs.push_back(condition);
  spec.body.name = spec_.body.name;
  spec.n_sequences = sequences.size();
  spec.n_states = states.size();
  spec.has_until = static_cast<bool>(condition);
  spec.name = spec_.name;
  spec.mode = spec_.mode;
  spec.profile = spec_.profile;
  spec.roles = spec_.roles;
  spec.truncate_gradient = spec_.truncate_gradient;
  for (const Output& o : outputs)
    spec.outputs.push_back({o.of_state ? o.index : states.size() + o.index, o.keep});
  const SiteScope scope(site_);
  return make_node(std::make_shared<Scan>(std::move(spec)), std::move(in), site_);
}

void record(Trace* trace, const std::string& pass, const Var& before, const Var& after,
            const std::string& what) {
  if (trace != nullptr) trace->add({pass, pass, {"scan"}, "", before, after, what});
}

FunctionGraph edit_scans(const FunctionGraph& graph, const MakeEditScan& make, Trace* trace) {
  const auto order = graph.order();
  const auto is_loop = [](const Apply* node) { return node->op().body() != nullptr; };
  if (std::none_of(order.begin(), order.end(), is_loop)) return graph;
  const EditScan edit = make(graph);
  std::unordered_map<Var, Var, VarHash, VarSame> done;
  const auto mapped = [&](const Var& v) {
    const auto it = done.find(v);
    return it == done.end() ? v : it->second;
  };
  for (const Apply* node : order) {
    Vars inputs;
    bool changed = false;
    for (const Var& in : node->inputs()) {
      inputs.push_back(mapped(in));
      changed = changed || !same(inputs.back(), in);
    }
    Vars outputs = changed ? with_inputs(*node, std::move(inputs)) : node->outputs();
    const auto* scan = as<Scan>(node->op());
    const bool own_mode = scan != nullptr && !scan->spec().mode.empty();
    if (scan != nullptr && !own_mode) {
      Scan::Spec spec = scan->spec();
      spec.body = edit_scans(spec.body, make, trace);
      bool inside = false;
      for (std::size_t i = 0; i < spec.body.outputs.size(); ++i)
        inside = inside || !same(spec.body.outputs[i], scan->spec().body.outputs[i]);
      if (inside) {
        const SiteScope scope(node->site());
        outputs = make_node(std::make_shared<Scan>(std::move(spec)), outputs[0].inputs());
        changed = true;
      }
    }
    if (const auto result = own_mode ? std::nullopt : edit(outputs[0].owner(), *node, trace)) {
      outputs = *result;
      changed = true;
    }
    if (!changed) continue;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i]) continue;
      if (!node->name(i).empty() && outputs[i].name().empty())
        static_cast<void>(outputs[i].named(node->name(i)));
      done[node->output(i)] = outputs[i];
    }
  }
  Vars roots;
  for (const Var& root : graph.roots()) roots.push_back(mapped(root));
  return graph.with_roots(roots);
}

}  // namespace damo::optim
