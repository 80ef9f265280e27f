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
    VarSet seen;
    Vars stack{size_of_inputs};
    while (!stack.empty()) {
      const Var v = stack.back();
      stack.pop_back();
      if (is_leaf(v) || !seen.insert(v).second) continue;
      const auto* shape = as<ShapeOf>(v);
      if (shape == nullptr) {
        stack.insert(stack.end(), v.inputs().begin(), v.inputs().end());
      } else if (!is_leaf(v.inputs()[0])) {  // what it is the size of is not gone through
        const Var inner = size(v.inputs()[0], shape->axis(), depth + 1);
        if (!inner.defined()) return {};
        found.emplace(v, inner);
      }
    }
    return replace(size_of_inputs, found);
  }

  std::map<std::pair<const Apply*, std::size_t>, Var> known_;
};

/// Sizes of what the steps of a loop make, by what enters it; what several outputs ask for is found
/// once.
class ItemSizes {
 public:
  ItemSizes(const Scan& scan, const Vars& inputs, const std::vector<Vars>& shapes)
      : scan_(scan), inputs_(inputs), shapes_(shapes) {}

  /// Of an output of the body; empty Vars for those that only a run knows.
  Vars of(std::size_t body_output) {
    const Scan::Spec& spec = scan_.spec();
    if (body_output < spec.n_states) return shapes_[scan_.state_input(body_output)];
    const Var& out = spec.body.outputs[body_output];
    Vars result;
    for (std::size_t axis = 0; axis < out.ndim(); ++axis) {
      const Var size = inside_.size(out, axis);
      result.push_back(size.defined() ? outside(size) : Var{});
    }
    return result;
  }

 private:
  Var outside(const Var& size) {
    const Vars& inner = scan_.spec().body.inputs;
    const auto place = [&](const Var& v) {
      return std::find_if(inner.begin(), inner.end(), [&](const Var& in) { return same(v, in); });
    };
    VarMap with;
    for (const Apply* node : toposort(std::span(&size, 1))) {
      const auto* shape = as<ShapeOf>(node->op());
      if (shape == nullptr) continue;
      const auto at = place(node->input(0));
      if (at == inner.end()) continue;
      const auto i = static_cast<std::size_t>(at - inner.begin());
      const std::size_t first_axis = i < scan_.spec().n_sequences ? 1 : 0;
      with[node->output()] = shapes_[1 + i][shape->axis() + first_axis];
    }
    for (std::size_t i = 0; i < scan_.n_non_sequences(); ++i)
      with.emplace(scan_.body_non_sequence(i), inputs_[scan_.non_sequence_input(i)]);
    const Var found = replace(size, with);
    const Vars used = leaves(std::span(&found, 1));
    const bool inside_only = std::any_of(used.begin(), used.end(),
                                         [&](const Var& v) { return place(v) != inner.end(); });
    return inside_only ? Var{} : found;
  }

  const Scan& scan_;
  const Vars& inputs_;
  const std::vector<Vars>& shapes_;
  SizesInside inside_{};
};

}  // namespace

Vars Scan::item_sizes(const Vars& inputs, const std::vector<Vars>& shapes,
                      std::size_t body_output) const {
  return ItemSizes(*this, inputs, shapes).of(body_output);
}

std::vector<std::optional<Vars>> Scan::shape_rule(const Apply& node,
                                                  const std::vector<Vars>& shapes) const {
  std::vector<std::optional<Vars>> rules;
  ItemSizes items(*this, node.inputs(), shapes);
  for (std::size_t k = 0; k < spec_.outputs.size(); ++k) {
    const Output& o = spec_.outputs[k];
    Vars all;
    if (o.keep == Keep::trace || o.keep == Keep::history) {
      const Var rows = o.keep == Keep::history ? node.input(0) + 1 : node.input(0);
      all.push_back(spec_.has_until ? size_at(node.output(k), 0) : rows);
    }
    for (const Var& size : items.of(o.body_output))
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
