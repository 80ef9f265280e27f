#include <algorithm>
#include <optional>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/models/energy/derivation/dependence.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/shape/shape_of.hpp>

namespace damo::energy {
namespace {

constexpr int deepest = 3;
// Derivatives of loops are loops, and each is larger than the one before.
constexpr int deepest_loop = 1;

// An op applied to fresh operands (constants stay), and how it moves with some of them.
struct Sample {
  Vars operands;
  Var output;
  Gradients gradients;  // of the operands, from one at the output

  explicit Sample(const Var& v) {
    const Apply& node = v.owner();
    for (const Var& in : node.inputs())
      operands.push_back(constant_value(in) != nullptr ? in : input(in.type()));
    const Vars outputs = make_node(node.op_ptr(), operands, node.site());
    output = outputs[v.index()];
    Vars seeds(outputs.size());
    seeds[v.index()] = input(output.type());
    gradients = node.op().gradient(output.owner(), seeds);
  }
  // Whether the op is the linear map that its derivative in these operands is.
  bool homogeneous(const std::vector<std::size_t>& in) const {
    Vars tangents(operands.size());
    for (const std::size_t i : in) tangents[i] = operands[i];
    const Vars moved = output.op().push_forward(output.owner(), tangents);
    const Var& m = moved[output.index()];
    if (!m.defined() || same_graph(m, output)) return m.defined();
    if (!output.op().commutative() || operands.size() != 2) return false;
    return same_graph(m, make_var(output.owner().op_ptr(), {operands[1], operands[0]}));
  }
};

}  // namespace

Dependence Dependences::of(const Var& v) {
  if (const auto it = known_.find(v); it != known_.end()) return it->second;
  for (const Apply* node : toposort(std::span(&v, 1))) {
    for (std::size_t i = 0; i < node->n_outputs(); ++i) {
      const Var output = node->output(i);
      if (!known_.contains(output)) known_[output] = infer(output);
    }
  }
  return known_.at(v);
}

Dependence Dependences::infer(const Var& v) {
  if (same(v, x_)) return {1, true, true};
  if (as<ShapeOf>(v) != nullptr) return {};
  std::vector<std::size_t> dependent;
  bool elementwise = as<Elementwise>(v) != nullptr;
  for (std::size_t i = 0; i < v.inputs().size(); ++i) {
    const Dependence d = known_.at(v.inputs()[i]);
    if (d.degree == 0) continue;
    dependent.push_back(i);
    elementwise = elementwise && d.elementwise && !stretches(v.inputs()[i], v);
  }
  if (dependent.empty()) return {};
  Dependence result{unknown_degree};
  if (is_movement(v.owner()) && dependent == std::vector<std::size_t>{0}) {
    result = known_.at(v.inputs()[0]);
  } else if (is_float(v.dtype()) && depth_ < (v.op().body() ? deepest_loop : deepest)) {
    result = of_known_op(v, dependent);
  }
  result.degree = std::min(result.degree, unknown_degree);
  result.elementwise = elementwise;
  return result;
}

Dependence Dependences::of_known_op(const Var& v, const std::vector<std::size_t>& dependent) {
  std::optional<Sample> sample;
  try {
    sample.emplace(v);
  } catch (const Error&) {  // no derivative
    return {unknown_degree};
  }
  const Sample& op = *sample;
  int most = 0, together = 0;
  bool joint = true, all_vanish = true, any_vanishes = false;
  for (const std::size_t i : dependent) {
    const Dependence d = known_.at(v.inputs()[i]);
    const Var& g = op.gradients[i].value;
    // A derivative that is zero everywhere is that of a step: nothing to go by.
    if (!g.defined() || uniform_value(g) == 0.0) return {unknown_degree};
    most = std::max(most, d.degree);
    together += d.degree;
    all_vanish = all_vanish && d.vanishes;
    for (const std::size_t j : dependent) {
      const int deg = Dependences(op.operands[j], depth_ + 1).of(g).degree;
      if (deg == 0) continue;
      joint = false;
      if (i != j) continue;
      if (dependent.size() > 1 || deg >= unknown_degree) return {unknown_degree};
      return {(1 + deg) * d.degree};
    }
    any_vanishes = any_vanishes || (d.vanishes && op.homogeneous({i}));
  }
  if (!joint) return {together, false, any_vanishes};
  return {most, false, any_vanishes || (all_vanish && op.homogeneous(dependent))};
}

VarSet readers(std::span<const Var> outputs, const Var& x) {
  VarSet found{x};
  for (const Apply* node : toposort(outputs)) {
    if (node->n_outputs() == 1 && as<ShapeOf>(node->op()) != nullptr) continue;
    const bool reads = std::any_of(node->inputs().begin(), node->inputs().end(),
                                   [&](const Var& in) { return found.contains(in); });
    for (std::size_t i = 0; reads && i < node->n_outputs(); ++i) found.insert(node->output(i));
  }
  return found;
}

bool reads(const Var& v, const Var& x) { return readers(std::span(&v, 1), x).contains(v); }

bool stretches(const Var& part, const Var& whole) {
  return part.ndim() != whole.ndim() || !stretched_axes(part.type(), whole.type()).empty();
}

Var at(const Var& v, const Var& x, const Var& value) { return clone(v, {{x, value}}); }

}  // namespace damo::energy
