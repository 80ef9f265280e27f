#include <algorithm>

#include <damo/graph/function_graph.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

bool contains(const Vars& list, const Var& v) {
  return std::any_of(list.begin(), list.end(), [&](const Var& other) { return same(v, other); });
}

Vars intersection(const Vars& a, const Vars& b) {
  Vars both;
  for (const Var& v : a) {
    if (contains(b, v)) both.push_back(v);
  }
  return both;
}

Vars difference(const Vars& a, const Vars& b) {
  Vars rest;
  for (const Var& v : a) {
    if (!contains(b, v)) rest.push_back(v);
  }
  return rest;
}

void add_new(Vars& list, const Vars& more) {
  for (const Var& v : more) {
    if (!contains(list, v)) list.push_back(v);
  }
}

/// In what gradients of an output are: an op moves and adds bools no more than bytes.
DType flow_dtype(const Apply& node, std::size_t output) {
  const DType dtype = node.types()[output].dtype;
  return is_float(dtype) ? dtype : floatX();
}

bool is_not(const Var& v) {
  static const auto negates = not_(cast(Arg(0), DType::boolean)).owner().op_ptr();
  return v.op().equals(*negates);
}

}  // namespace

Vars Mask::all() const {
  Vars conditions = asked;
  add_new(conditions, compared);
  return conditions;
}

void Mask::add(const Mask& more) {
  add_new(asked, more.asked);
  add_new(compared, more.compared);
}

Var negation(const Var& condition) {
  return is_not(condition) ? Var(condition.inputs()[0]) : not_(condition);
}

Var conjunction(const Vars& conditions) {
  Var all;
  for (const Var& c : conditions) all = all.defined() ? and_(all, c) : c;
  return all;
}

Var selected(const Var& value, const Vars& conditions) {
  if (conditions.empty() || uniform_value(value) == 0.0) return value;
  const Var c = conjunction(conditions);
  return is_not(c) ? where(c.inputs()[0], 0.0, value) : where(c, value, 0.0);
}

bool constant_along(const Var& condition, std::size_t axis) {
  return condition.ndim() == 0 || condition.type().broadcastable(axis);
}

Vars before_stretching(const Vars& conditions, const std::vector<int>& axes, std::size_t rank) {
  Vars result;
  Var varying;
  for (const Var& c : conditions) {
    const bool varies = std::any_of(axes.begin(), axes.end(), [&](int axis) {
      return !constant_along(c, static_cast<std::size_t>(axis));
    });
    if (varies || (rank == 0 && c.ndim() > 0)) {
      varying = varying.defined() ? and_(varying, c) : c;
    } else {
      result.push_back(c);
    }
  }
  if (varying.defined() && varying.ndim() > 0)
    varying = rank == 0 ? any(varying) : any(varying, axes, {.keepdims = true});
  if (varying.defined()) result.push_back(varying);
  return result;
}

Mask common_mask(std::span<const Mask> masks) {
  Mask common = masks.front();
  for (const Mask& m : masks.subspan(1)) {
    common = {intersection(common.asked, m.asked), intersection(common.compared, m.compared)};
  }
  return common;
}

Mask rest_of(const Mask& mask, const Mask& known) {
  return {difference(mask.asked, known.asked), difference(mask.compared, known.compared)};
}

Mask united(std::span<const Mask> masks) {
  Vars either;
  bool asked = false;
  for (const Mask& m : masks) {
    if (m.empty()) return {};
    add_new(either, {conjunction(m.all())});
    asked = asked || !m.asked.empty();
  }
  Var some;
  for (const Var& c : either) {
    if (is_not(c) && contains(either, c.inputs()[0])) return {};
    some = some.defined() ? or_(some, c) : c;
  }
  return asked ? Mask{{some}, {}} : Mask{{}, {some}};
}

Slope ReadsElements::slope(const Apply&) const { return Slope::constant; }

// The gradient of an op that moves and adds up: what flows back from ones arrives where they were
// read.
Var ReadsElements::read_for(const Apply& node, std::size_t input, std::size_t output,
                            const Var& marked) const {
  if (marked.ndim() == 0) return marked;
  Vars g(node.n_outputs());
  g[output] = cast(broadcast_like(marked, node.output(output)), flow_dtype(node, output));
  const Var read = node.op().gradient(node, g)[input].value;
  return read.defined() ? neq(read, 0) : Var{};
}

Var ReadsElements::picked(const Apply&, std::size_t) const { return {}; }

Var ReadsElements::read_for_ones(const Apply& node, std::size_t input) {
  const Var ones = ones_like(node.output(), flow_dtype(node, 0));
  const Var read = node.op().gradient(node, {ones})[input].value;
  return read.defined() ? neq(read, 0) : Var{};
}

Gradients ReadsElements::gradient_of_marked(const Apply& node, const Vars& g, const Vars&) const {
  return node.op().gradient(node, g);
}

Slope slope_of(const Apply& node) {
  if (const auto* e = as<Elementwise>(node.op())) return e->slope(node);
  if (const auto* op = dynamic_cast<const ReadsElements*>(&node.op())) return op->slope(node);
  if (node.op().chooses() || node.inputs().empty()) return Slope::constant;
  const FunctionGraph* body = node.op().body();
  if (body == nullptr) return Slope::wild;
  Slope slope = Slope::constant;
  for (const Apply* inner : body->order()) slope = std::max(slope, slope_of(*inner));
  return slope;
}

}  // namespace damo
