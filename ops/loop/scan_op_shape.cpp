#include <algorithm>
#include <map>

#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>
#include <damo/ops/shape/sizes.hpp>

// The shapes of a loop's outputs, without running it: sizes inside follow from the sizes of what
// enters.
namespace damo {
namespace {

constexpr int deepest = 1000;  // nodes between a size and the leaves it follows from

/// Sizes of variables of a body, by the body's inputs.
class SizesInside {
 public:
  /// Empty when the size depends on a shape that only a run knows.
  Var size(const Var& x, std::size_t axis, int depth = 0) {
    if (x.type().dims[axis] != unknown || is_leaf(x)) return size_at(x, axis);
    const auto key = std::pair(x.owner_ptr(), x.index() * max_rank + axis);
    if (const auto it = known_.find(key); it != known_.end()) return it->second;
    Var& result = known_[key];  // empty while it is looked for
    if (depth == deepest) return result;
    std::vector<Vars> shapes;
    for (const Var& in : x.inputs()) shapes.push_back(sizes(in));
    const auto rule = x.op().shape_rule(x.owner(), shapes)[x.index()];
    return result = rule ? by_leaves((*rule)[axis], depth) : Var{};
  }

 private:
  Var by_leaves(const Var& size_of_inputs, int depth) {
    VarMap found;
    for (const Apply* node : toposort(std::span(&size_of_inputs, 1))) {
      const auto* shape = as<ShapeOf>(node->op());
      if (shape == nullptr || is_leaf(node->input(0))) continue;
      const Var inner = size(node->input(0), shape->axis(), depth + 1);
      if (!inner.defined()) return {};
      found.emplace(node->output(), inner);
    }
    return replace(size_of_inputs, found);
  }

  std::map<std::pair<const Apply*, std::size_t>, Var> known_;
};

}  // namespace

Vars Scan::item_sizes(const Vars& inputs, const std::vector<Vars>& shapes,
                      std::size_t body_output) const {
  const Var& out = spec_.body.outputs[body_output];
  if (body_output < spec_.n_states) return shapes[state_input(body_output)];
  SizesInside inside;
  Vars result;
  for (std::size_t axis = 0; axis < out.ndim(); ++axis) {
    Var size = inside.size(out, axis);
    if (!size.defined()) {
      result.emplace_back();
      continue;
    }
    VarMap outside;
    for (const Apply* node : toposort(std::span(&size, 1))) {
      const auto* shape = as<ShapeOf>(node->op());
      if (shape == nullptr) continue;
      const auto at = std::find_if(spec_.body.inputs.begin(), spec_.body.inputs.end(),
                                   [&](const Var& v) { return same(v, node->input(0)); });
      if (at == spec_.body.inputs.end()) continue;
      const auto i = static_cast<std::size_t>(at - spec_.body.inputs.begin());
      outside[node->output()] = shapes[1 + i][shape->axis() + (i < spec_.n_sequences ? 1U : 0U)];
    }
    for (std::size_t i = 0; i < n_non_sequences(); ++i)
      outside.emplace(body_non_sequence(i), inputs[non_sequence_input(i)]);
    size = replace(size, outside);
    const Vars used = leaves(std::span(&size, 1));
    const bool inside_only = std::any_of(used.begin(), used.end(), [&](const Var& v) {
      return std::any_of(spec_.body.inputs.begin(), spec_.body.inputs.end(),
                         [&](const Var& in) { return same(in, v); });
    });
    result.push_back(inside_only ? Var{} : size);
  }
  return result;
}

std::vector<std::optional<Vars>> Scan::shape_rule(const Apply& node,
                                                  const std::vector<Vars>& shapes) const {
  std::vector<std::optional<Vars>> rules;
  for (std::size_t k = 0; k < spec_.outputs.size(); ++k) {
    const Output& o = spec_.outputs[k];
    Vars all;
    if (o.keep == Keep::trace || o.keep == Keep::history) {
      const Var rows = o.keep == Keep::history ? node.input(0) + 1 : node.input(0);
      all.push_back(spec_.has_until ? size_at(node.output(k), 0) : rows);
    }
    for (const Var& size : item_sizes(node.inputs(), shapes, o.body_output))
      all.push_back(size.defined() ? size : size_at(node.output(k), all.size()));
    rules.emplace_back(std::move(all));
  }
  return rules;
}

std::vector<Demand> Scan::demands(const Apply& node, const std::vector<Vars>& shapes) const {
  const Var& steps = node.input(0);
  std::vector<Demand> all{{Demand::Kind::at_least, steps, int_constant(0)}};
  for (std::size_t i = 0; i < spec_.n_sequences; ++i)
    all.push_back({Demand::Kind::at_least, shapes[sequence_input(i)][0], steps});
  for (const Output& o : spec_.outputs) {
    if (o.keep == Keep::last_strict)
      all.push_back({Demand::Kind::at_least, steps, int_constant(1)});
  }
  return all;
}

}  // namespace damo
