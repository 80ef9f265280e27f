#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_set>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/opaque.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/loop/backward_loop.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

// Backpropagation through time is a loop: the body's gradient, from the last step to the first.
namespace damo {
namespace {

Range reversed() { return {Var{}, Var{}, Arg(-1).var(DType::int64)}; }

/// What a state adds to itself, if its next value is this sum.
std::optional<Var> added_by(const OpenLoop::State& state) {
  const Apply& node = state.next.owner();
  if (node.op().name() != "add" || !same(node.input(0), state.inner)) return {};
  return node.input(1);
}

/// Whether all elements are a constant 0.
bool is_zero(const Var& v) {
  if (const Array* value = constant_value(v))
    return value->rank() == 0 && value->item<double>() == 0;
  const auto from = v.op().origin(v.owner(), 0);
  return from.moves() && from.end - from.first == 1 && is_zero(v.inputs()[from.first]);
}

/// Of the last value of a sum that a loop makes, from 0 on and for nothing else: the loop's input
/// with its initial value.
std::optional<std::size_t> input_of_sum(const Var& last) {
  const Scan* scan = as<Scan>(last);
  if (scan == nullptr) return {};
  const auto [state, keep] = scan->spec().outputs[last.index()];
  if (state >= scan->spec().n_states || keep != Scan::Keep::last) return {};
  if (!is_zero(last.owner().input(scan->state_input(state)))) return {};
  // The sum of a step's parts stands first in each of them.
  Var next = scan->spec().body.outputs[state];
  while (next.op().name() == "add" && !same(next, scan->body_state(state))) next = next.inputs()[0];
  if (!same(next, scan->body_state(state))) return {};
  return scan->state_input(state);
}

/// Whether a node is a matrix product of some depth.
bool is_deep_product(const Apply& node) {
  if (as<Dot>(node.op()) == nullptr) return false;
  const TensorType& left = node.input(0).type();
  return is_float(left.dtype) && left.rank() > 0 && !left.broadcastable(left.rank() - 1);
}

/// The nodes of a step that are such a product, or a sum with one in it.
std::unordered_set<const Apply*> sums_of_products(const FunctionGraph& body) {
  std::unordered_set<const Apply*> sums;
  for (const Apply* node : body.order()) {
    const bool sum =
        is_elementwise(node->output(0), "add") || is_elementwise(node->output(0), "sub");
    const auto has_one = [&](const Var& in) { return sums.contains(in.owner_ptr()); };
    if (is_deep_product(*node) ||
        (sum && std::any_of(node->inputs().begin(), node->inputs().end(), has_one)))
      sums.insert(node);
  }
  return sums;
}

/// The products of a step, with what is added to them, that `roots` read without going through
/// what is stored.
Vars products_read(const Vars& roots, const FunctionGraph& body, const VarMap& stored) {
  const std::unordered_set<const Apply*> sums = sums_of_products(body);
  std::unordered_set<const Apply*> seen;
  Vars products, stack = roots;
  while (!stack.empty()) {
    const Var v = stack.back();
    stack.pop_back();
    if (is_leaf(v) || stored.contains(v) || !seen.insert(v.owner_ptr()).second) continue;
    if (sums.contains(v.owner_ptr())) {
      products.push_back(v);
    } else {
      stack.insert(stack.end(), v.inputs().begin(), v.inputs().end());
    }
  }
  return products;
}

}  // namespace

FlowFound BackwardLoop::run() {
  const std::size_t n = node_.inputs().size();
  FlowFound result{Gradients(n), Vars(n)};
  if (wrt_.empty()) return result;
  build();
  std::vector<std::size_t> lasts;
  for (std::size_t i = first_result_; i < loop_.states.size(); ++i) lasts.push_back(i);
  take_results(loop_.build_whole(lasts), result);
  return result;
}

void BackwardLoop::take_results(const OpenLoop::Whole& built, FlowFound& result) const {
  std::size_t k = 0;
  std::size_t trace = 0;
  Vars carried(spec_.n_states);
  for (std::size_t i = 0; i < spec_.n_states; ++i) {
    for (std::size_t part = 0; part < carried_[i].parts.size(); ++part)
      carried[i] = add_or_either(carried[i], built.lasts[k++]);
  }
  for (std::size_t i = 0; i < spec_.n_states; ++i) {
    if (const Var g = initial_gradient(i, carried); g.defined())
      result.gradients[scan_.state_input(i)] = g;
  }
  for (const std::size_t i : accumulated_)
    result.gradients[scan_.non_sequence_input(i)] = built.lasts[k++];
  for (const std::size_t i : marked_inputs_) result.marked[i] = built.lasts[k++];
  for (std::size_t i = 0; i < spec_.n_states; ++i) {
    if (in_.initial[i].defined() || spec_.truncate_gradient >= 0)
      result.marked[scan_.state_input(i)] = {};
  }
  for (const std::size_t i : sequenced_)
    result.gradients[Scan::sequence_input(i)] = sequence_rows(i, built.traces[trace++]);
  for (const std::size_t i : marked_sequences_)
    result.marked[Scan::sequence_input(i)] = sequence_rows(i, built.traces[trace++]);
}

Var BackwardLoop::last_rows(const Var& outer) const {
  return outer[range(rows_ - steps_, rows_)][reversed()];
}

void BackwardLoop::add_backward_sequence(const Inflow& in) {
  if (in.outer.defined()) loop_.sequences.push_back({last_rows(in.outer), in.item});
  if (in.marked.defined()) loop_.sequences.push_back({last_rows(in.marked), in.marked_item});
}

void BackwardLoop::add_forward_values() {
  for (std::size_t i = 0; i < spec_.n_sequences; ++i) {
    loop_.sequences.push_back(
        {last_rows(node_.input(Scan::sequence_input(i))), scan_.body_sequence(i)});
  }
  for (std::size_t i = 0; i < spec_.n_states; ++i) {
    loop_.sequences.push_back({last_rows(history(i)), scan_.body_state(i)});
  }
  for (std::size_t i = 0; i < scan_.n_non_sequences(); ++i) {
    loop_.non_sequences.push_back(
        {node_.input(scan_.non_sequence_input(i)), scan_.body_non_sequence(i)});
  }
}

Var BackwardLoop::history(std::size_t state) const {
  const auto it = outputs_.find({state, Scan::Keep::history});
  if (it == outputs_.end()) {
    throw InternalError(
        fmt::format("scan '{}': the history of state {} is gone before its gradient was built",
                    spec_.name, state));
  }
  return it->second;
}

void BackwardLoop::build() {
  loop_.n_steps = steps_;
  loop_.name = spec_.name.empty() ? "gradient" : "gradient of " + spec_.name;
  loop_.mode = spec_.mode;
  loop_.profile = spec_.profile;
  loop_.site = node_.site();
  add_forward_values();
  for (const Inflow& in : in_.per_step) add_backward_sequence(in);
  add_last_step();
  add_results();
  reuse_forward_outputs();
}

void BackwardLoop::add_last_step() {
  for (std::size_t i = spec_.n_states; i < in_.last.size(); ++i) {
    const Inflow& last = in_.last[i];
    if (last.outer.defined())
      loop_.states.push_back({last.outer, last.item, zeros_like(last.item)});
  }
}

void BackwardLoop::add_results() {
  first_result_ = loop_.states.size();
  const auto flow = [&](const Var& body_input) {
    const Arrived* arrived = flow_to(body_input);
    return arrived == nullptr ? Vars{} : arrived->parts;
  };
  for (std::size_t i = 0; i < spec_.n_sequences; ++i) {
    if (const Vars parts = flow(scan_.body_sequence(i)); !parts.empty()) {
      sequenced_.push_back(i);
      loop_.extras.push_back(added_to({}, parts));
    }
  }
  for (std::size_t i = 0; i < spec_.n_states; ++i) carry(i, flow(scan_.body_state(i)));
  for (std::size_t i = 0; i < scan_.n_non_sequences(); ++i) {
    const Vars parts = flow(scan_.body_non_sequence(i));
    if (parts.empty()) continue;
    accumulated_.push_back(i);
    TensorType type = scan_.body_non_sequence(i).type();
    type.dtype = gradient_dtype(scan_.body_non_sequence(i));
    const Var sum = stand_in(type);
    loop_.states.push_back(
        {zero_gradient(node_.input(scan_.non_sequence_input(i))), sum, added_to(sum, parts)});
  }
  add_marks();
  if (spec_.in_pieces) continue_sums();
}

void BackwardLoop::continue_sums() {
  struct Piece {
    std::size_t state;
    Var part;
  };
  std::vector<Piece> pieces;
  std::vector<std::pair<const Apply*, Vars>> loops;
  for (OpenLoop::State& s : loop_.states) {
    const auto part = added_by(s);
    if (!part) continue;
    const Apply& inner = part->owner();
    const auto input = input_of_sum(*part);
    if (!input) continue;
    auto at = std::find_if(loops.begin(), loops.end(),
                           [&](const auto& loop) { return loop.first == &inner; });
    if (at == loops.end()) at = loops.insert(at, {&inner, inner.inputs()});
    at->second[*input] = of_sizes(s.inner, inner.input(*input).type());
    pieces.push_back({static_cast<std::size_t>(&s - loop_.states.data()), *part});
  }
  VarMap moved;
  for (const auto& [inner, inputs] : loops) {
    const Vars fresh = make_node(inner->op_ptr(), inputs, inner->site());
    const auto& scan = static_cast<const Scan&>(inner->op());
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      const std::size_t from = scan.spec().outputs[i].body_output;
      const bool sum = from < scan.spec().n_states &&
                       !same(inputs[scan.state_input(from)], inner->input(scan.state_input(from)));
      if (!sum) moved.emplace(inner->output(i), fresh[i]);
    }
    for (const Piece& p : pieces) {
      if (p.part.owner_ptr() == inner) loop_.states[p.state].next = fresh[p.part.index()];
    }
  }
  loop_.replace_in_body(moved);
}

Var BackwardLoop::added_to(Var sum, const Vars& parts) {
  for (const Var& part : parts) sum = add_or_either(sum, part);
  return sum;
}

void BackwardLoop::carry(std::size_t state, const Vars& parts) {
  const Var zero = zero_gradient(node_.input(scan_.state_input(state)));
  const Vars& inners = carried_[state].parts;
  const Var& last = in_.last[state].outer;
  for (std::size_t k = 0; k < inners.size(); ++k) {
    const bool all_in_one = inners.size() == 1 && !parts.empty();
    const Var next = parts.empty() ? zeros_like(inners[k])
                     : all_in_one  ? added_to({}, parts)
                                   : parts.at(k);
    loop_.states.push_back({k == 0 && last.defined() ? last : zero, inners[k], next});
  }
}

void BackwardLoop::add_mark_state(const Var& inner, const Var& outer_like, bool initially,
                                  const Var& given, const Var& next) {
  std::vector<Arg> sizes;
  for (std::size_t axis = 0; axis < inner.ndim(); ++axis) {
    const bool one = inner.type().broadcastable(axis);
    sizes.push_back(one ? Arg(1) : Arg(outer_like.shape(static_cast<int>(axis))));
  }
  const Var initial = given.defined() ? given : cast(Arg(initially ? 1 : 0), DType::boolean);
  loop_.states.push_back(
      {broadcast_to(initial, Sizes(sizes)), inner,
       broadcast_like(next.defined() ? next : cast(Arg(0), DType::boolean), inner)});
}

// The marks of states go back beside their gradients. Where somebody outside wants to know, those
// of non-sequences are joined from step to step, and those of sequences kept for each.
void BackwardLoop::add_marks() {
  for (std::size_t i = 0; i < spec_.n_states; ++i) {
    const Carried& carried = carried_[i];
    if (carried.parts.empty() || !carried.marked.defined()) continue;
    const Inflow& last = in_.last[i];
    add_mark_state(carried.marked, node_.input(scan_.state_input(i)), last.outer.defined(),
                   last.marked, flow_to(scan_.body_state(i))->marked);
    marked_inputs_.push_back(scan_.state_input(i));
  }
  for (const std::size_t i : accumulated_) {
    const Var& next = flow_to(scan_.body_non_sequence(i))->marked;
    if (!next.defined()) continue;
    const Var sum = stand_in(carried_type(next.type()));
    add_mark_state(sum, node_.input(scan_.non_sequence_input(i)), false, {}, or_(sum, next));
    marked_inputs_.push_back(scan_.non_sequence_input(i));
  }
  for (const std::size_t i : sequenced_) {
    const Var& item = scan_.body_sequence(i);
    const Var& marked = flow_to(item)->marked;
    if (!marked.defined()) continue;
    marked_sequences_.push_back(i);
    loop_.extras.push_back(broadcast_like(marked, item));
  }
}

// A loop like the forward one that keeps them too: optimising makes one of the two.
void BackwardLoop::store_products(VarMap& stored, std::vector<OpenLoop::Entry>& added) const {
  if (!scan_.pure() || !spec_.mode.empty()) return;
  const Vars products = products_read(loop_.body_outputs(), spec_.body, stored);
  if (products.empty()) return;
  OpenLoop forward = OpenLoop::of(node_);
  forward.carried.clear();  // the forward loop itself knows the next values of shared variables
  std::vector<std::size_t> places;
  for (const Var& p : products)
    places.push_back(forward.add_output({false, forward.add_extra(p), Scan::Keep::trace}));
  const Vars outputs = forward.build();
  for (std::size_t i = 0; i < products.size(); ++i) {
    const Var inner = input(products[i].type(), "", node_.site());
    stored.emplace(products[i], opaque(inner));
    added.push_back({last_rows(of_sizes(outputs[places[i]], sequence_type(inner.type()))), inner});
  }
}

void BackwardLoop::reuse_forward_outputs() {
  VarMap stored;
  std::vector<OpenLoop::Entry> added;
  for (std::size_t i = 0; i < scan_.n_body_outputs(); ++i) {
    const Var& out = spec_.body.outputs[i];
    const bool state = i < spec_.n_states;
    const auto it = outputs_.find({i, state ? Scan::Keep::history : Scan::Keep::trace});
    if (it == outputs_.end() || is_leaf(out) || stored.contains(out)) continue;
    const Var inner = input(out.type(), "", node_.site());
    stored.emplace(out, inner);
    if (const Var same_value = without_after(out); !is_leaf(same_value))
      stored.emplace(same_value, inner);
    // A body output may be known more closely than the history it is stored in.
    const Var rows = of_sizes(state ? it->second[from(1)] : it->second, sequence_type(out.type()));
    added.push_back({last_rows(rows), inner});
  }
  store_products(stored, added);
  Vars inside = replace(loop_.body_outputs(), stored);
  if (!scan_.pure()) inside = without_effects(inside);
  loop_.set_body_outputs(inside);
  const std::vector<Var> used = leaves(inside);
  for (const auto& entry : added) {
    if (std::any_of(used.begin(), used.end(), [&](const Var& v) { return same(v, entry.inner); })) {
      loop_.sequences.push_back(entry);
    }
  }
}

Var BackwardLoop::initial_gradient(std::size_t state, const Vars& carried) const {
  Var g = carried[state];
  if (g.defined() && spec_.truncate_gradient >= 0) {
    g = where(eq(rows_, steps_), g, 0.0);
    std::int64_t left = 1;
    for (std::size_t tap = state + 1; tap < spec_.n_states && carried[tap].defined();
         ++tap, ++left) {
      if (!same(spec_.body.outputs[tap], scan_.body_state(tap - 1))) break;
      g = where(eq(rows_ - steps_, left), carried[tap], g);
    }
  }
  return add_or_either(g, in_.initial[state]);
}

Var BackwardLoop::sequence_rows(std::size_t i, const Var& trace) const {
  const Var& x = node_.input(Scan::sequence_input(i));
  return set_subtensor(zeros_like(x, trace.dtype())[range(rows_ - steps_, rows_)],
                       trace[reversed()]);
}

}  // namespace damo
