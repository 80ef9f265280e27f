#include <algorithm>

#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/opaque.hpp>
#include <damo/ops/loop/loop_reads.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/ops/shape/broadcast.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/reshape.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>

// Changes of layout: they merge with each other, move out of elementwise functions (which then
// meet each other, and work on less), and sizes are taken from where they come from.
namespace damo::optim {
namespace {

bool moves_outward(const Apply& node) {
  return as<DimShuffle>(node.op()) != nullptr || as<BroadcastTo>(node.op()) != nullptr ||
         as<Reshape>(node.op()) != nullptr;
}

bool same_but_first(const Apply& a, const Apply& b) {
  if (!a.op().equals(b.op()) || a.inputs().size() != b.inputs().size()) return false;
  for (std::size_t i = 1; i < a.inputs().size(); ++i) {
    if (!same(a.input(i), b.input(i))) return false;
  }
  return true;
}

/// The one movement that every input is, other than constants.
const Apply* common_movement(const Apply& node) {
  const Apply* movement = nullptr;
  for (const Var& in : node.inputs()) {
    if (uniform_value(in)) continue;
    if (!moves_outward(in.owner())) return nullptr;
    if (movement != nullptr && (!same_but_first(*movement, in.owner()) ||
                                !(movement->input(0).type().dims == in.inputs()[0].type().dims)))
      return nullptr;
    movement = in.owner_ptr();
  }
  return movement;
}

/// Whether operands that a reshape makes equal in shape are known to be so before it: 2 x 3 and
/// 3 x 2 have as many elements, too.
bool alike_before(const Apply& reshape, const Apply& node, Context& context) {
  const Var& x = reshape.input(0);
  if (x.ndim() < 2) return true;  // as many elements in a vector are the same size
  for (const Var& in : node.inputs()) {
    if (uniform_value(in) || same(in.inputs()[0], x)) continue;
    for (std::size_t axis = 0; axis < x.ndim(); ++axis) {
      if (x.type().dims[axis] != unknown) continue;
      const Var a = size_at(x, axis), b = size_at(in.inputs()[0], axis);
      if (!same_graph(context.simplified(a), context.simplified(b))) return false;
    }
  }
  return true;
}

/// f(M(x), c, M(y)) = M(f(x, c, y)) for one movement M and constants c.
std::optional<Vars> move_outward(const Apply& node, Context& context) {
  const Apply* movement = common_movement(node);
  if (movement == nullptr) return std::nullopt;
  if (as<Reshape>(movement->op()) != nullptr && !alike_before(*movement, node, context))
    return std::nullopt;
  Vars inputs = movement->inputs();
  Vars inner;
  for (const Var& in : node.inputs()) {
    if (const auto c = uniform_value(in)) {
      inner.push_back(number(*c, in.dtype()));
    } else {
      inner.push_back(in.inputs()[0]);
    }
  }
  inputs[0] = make_var(node.op_ptr(), std::move(inner), node.site());
  return Vars{fit(make_var(movement->op_ptr(), std::move(inputs), node.site()), node.output())};
}

/// x with the sizes of 1 promised that its stretched form is known to have: along these, too, an
/// operand beside it is stretched only where that is known.
Var with_known_ones(const Var& x, const TensorType& stretched) {
  Shape sizes(std::vector<std::int64_t>(x.ndim(), SpecifyShape::free));
  bool any = false;
  for (std::size_t axis = 0; axis < x.ndim(); ++axis) {
    if (stretched.dims[axis] != 1 || x.type().dims[axis] == 1) continue;
    sizes[axis] = 1;
    any = true;
  }
  return any ? make_var(std::make_shared<SpecifyShape>(sizes), {x}, x.site()) : x;
}

/// A stretched operand beside one of full size need not be stretched.
std::optional<Vars> drop_broadcast(const Apply& node, Context&) {
  const TensorType& out = node.types()[0];
  for (std::size_t i = 0; i < node.inputs().size(); ++i) {
    const auto* broadcast = as<BroadcastTo>(node.input(i));
    if (broadcast == nullptr) continue;
    bool covered = true;
    for (const int axis : broadcast->stretched(node.input(i).owner())) {
      bool elsewhere = false;
      for (std::size_t k = 0; k < node.inputs().size(); ++k) {
        const TensorType& t = node.input(k).type();
        if (k != i && t.rank() > 0 && t.dims[static_cast<std::size_t>(axis)] != 1) elsewhere = true;
      }
      covered = covered && elsewhere;
    }
    if (!covered) continue;
    Vars inputs = node.inputs();
    inputs[i] = with_known_ones(node.input(i).inputs()[0], node.input(i).type());
    const Var result = make_var(node.op_ptr(), std::move(inputs), node.site());
    if (refines(result.type(), out)) return Vars{result};
  }
  return std::nullopt;
}

std::optional<Vars> dimshuffle_of(const Apply& node, Context&) {
  const auto& outer = static_cast<const DimShuffle&>(node.op());
  const Var& x = node.input(0);
  bool identity = outer.pattern().size() == x.ndim();
  for (std::size_t i = 0; identity && i < outer.pattern().size(); ++i)
    identity = outer.pattern()[i] == static_cast<int>(i);
  if (identity) return Vars{x};
  const auto* inner = as<DimShuffle>(x);
  if (inner == nullptr) return std::nullopt;
  std::vector<int> pattern;
  for (const int axis : outer.pattern())
    pattern.push_back(axis < 0 ? axis : inner->pattern()[static_cast<std::size_t>(axis)]);
  return Vars{fit(shuffle_axes(x.inputs()[0], pattern, node.site()), node.output())};
}

/// Whether two tensors with the same elements are known to have the same sizes.
bool same_sizes(const Vars& a, const Vars& b, Context& context) {
  if (a.size() != b.size()) return false;
  if (a.size() == 1) return true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_graph(context.simplified(a[i]), context.simplified(b[i]))) return false;
  }
  return true;
}

std::optional<Vars> reshape_of(const Apply& node, Context& context) {
  Var x = node.input(0);
  const auto& dims = node.output().type().dims;
  const bool counts = std::find(dims.begin(), dims.end(), unknown) == dims.end();
  const auto merges = [&](const Var& v) {
    // The length that a vector was promised to have is what a reshape to known sizes checks.
    if (counts && v.ndim() == 1 && as<SpecifyShape>(v) != nullptr) return true;
    const auto* shuffle = as<DimShuffle>(v);
    return as<Reshape>(v) != nullptr || (shuffle != nullptr && shuffle->keeps_order());
  };
  while (merges(x)) x = Var(x.inputs()[0]);
  if (same_sizes(sizes_of(node.output()), sizes(x), context)) return Vars{fit(x, node.output())};
  if (same(x, node.input(0))) return std::nullopt;
  Vars inputs = node.inputs();
  inputs[0] = x;
  return Vars{fit(make_var(node.op_ptr(), std::move(inputs), node.site()), node.output())};
}

/// Axes of size 1 that come or go beside a reshape are part of it.
std::optional<Vars> shuffle_of_reshape(const Apply& node, Context&) {
  const Var& x = node.input(0);
  if (as<Reshape>(x) == nullptr || !static_cast<const DimShuffle&>(node.op()).keeps_order())
    return std::nullopt;
  return Vars{fit(reshape(x.inputs()[0], sizes_of(node.output())), node.output())};
}

std::optional<Vars> broadcast_of(const Apply& node, Context&) {
  const Var& x = node.input(0);
  const auto& op = static_cast<const BroadcastTo&>(node.op());
  if (op.stretched(node).empty() && refines(x.type(), node.types()[0])) return Vars{x};
  if (as<BroadcastTo>(x) == nullptr) return std::nullopt;
  Vars inputs = node.inputs();
  inputs[0] = x.inputs()[0];
  return Vars{make_var(node.op_ptr(), std::move(inputs), node.site())};
}

/// The number of steps of the loop whose state's history `v` is, or an empty Var.
Var steps_of_history(const Var& v) {
  const auto* scan = as<Scan>(v);
  if (scan == nullptr || scan->spec().has_until ||
      scan->spec().outputs[v.index()].keep != Scan::Keep::history)
    return {};
  return v.inputs()[0];
}

/// The size of `x` along `axis` as known now, or computed without `x`; an empty Var for neither.
Var size_without(const Var& x, std::size_t axis) {
  Var size = x.type().dims[axis] != unknown ? size_at(x, axis) : sizes_of(x)[axis];
  if (axis == 0 && drops_first(x.owner())) {
    if (const Var steps = steps_of_history(x.inputs()[0]); steps.defined()) size = steps;
  }
  const bool same_again = as<ShapeOf>(size) != nullptr && same(size.inputs()[0], x);
  return same_again ? Var{} : size;
}

/// Through a whole chain of nodes at once: each layer of a deep network has the batch's size. What
/// is found holds for all that were passed.
std::optional<Vars> shape_of(const Apply& node, Context& context) {
  Var size = node.output();
  Vars passed;
  while (const auto* shape = as<ShapeOf>(size)) {
    const Var x = size.inputs()[0];
    Var next = context.found_size(x, shape->axis());
    if (!next.defined()) {
      next = size_without(x, shape->axis());
      if (!next.defined()) break;
      passed.push_back(size);
    }
    const Var known = context.known(next);
    size = known.defined() ? known : next;
  }
  for (const Var& v : passed)
    context.found_size(v.inputs()[0], static_cast<const ShapeOf&>(v.op()).axis()) = size;
  if (same(size, node.output())) return std::nullopt;
  return Vars{size};
}

std::optional<Vars> specify_known(const Apply& node, Context&) {
  const Var& x = node.input(0);
  const auto& dims = static_cast<const SpecifyShape&>(node.op()).dims();
  for (std::size_t i = 0; i < dims.rank(); ++i) {
    if (dims[i] != SpecifyShape::free && (dims[i] == unknown || dims[i] != x.type().dims[i]))
      return std::nullopt;
  }
  return Vars{x};
}

}  // namespace

const Rules& layout_rules() {
  static const Rules rules = [] {
    Rules list;
    const auto add = [&](std::string name, std::string root, std::string equation,
                         Rule::Rewrite f) {
      list.push_back(
          node_rewriter(std::move(name), {std::move(root)}, std::move(equation), std::move(f))
              .canonicalizes()
              .tagged("layout")
              .sound(Soundness::bit_exact));
    };
    // What adds up elements does so in the order in which they lie: not for strict mode.
    list.push_back(node_rewriter("move_outward", {"elementwise"},
                                 "f(M(x), M(y)) = M(f(x, y)) for a change of layout M",
                                 move_outward)
                       .canonicalizes()
                       .tagged("layout")
                       .sound(Soundness::real_equal));
    add("drop_broadcast", "elementwise", "f(broadcast_to(x), y) = f(x, y) where y has the size",
        drop_broadcast);
    add("dimshuffle_of", "dimshuffle", "dimshuffle(dimshuffle(x)) = dimshuffle(x)", dimshuffle_of);
    add("shuffle_of_reshape", "dimshuffle", "dimshuffle(reshape(x)) = reshape(x)",
        shuffle_of_reshape);
    add("reshape_of", "reshape", "reshape(reshape(x)) = reshape(x), or x of that shape",
        reshape_of);
    add("broadcast_of", "broadcast_to", "broadcast_to(broadcast_to(x)) = broadcast_to(x)",
        broadcast_of);
    add("shape_of", "shape", "f(x).shape from x.shape", shape_of);
    add("specify_known", "specify_shape", "specify_shape(x) = x where known", specify_known);
    // Once gradients are made, what steers them is the identity.
    const Var x = any("x");
    const auto erase = [&](const char* name, const Var& view) {
      list.push_back(rule(name, view, x)
                         .canonicalizes()
                         .tagged("layout")
                         .tagged("gradient_view")
                         .sound(Soundness::bit_exact));
    };
    erase("erase_disconnected_grad", disconnected_grad(x));
    erase("erase_zero_grad", zero_grad(x));
    erase("erase_grad_clip", grad_clip(x, -1, 1));
    erase("erase_grad_scale", grad_scale(x, 2));
    erase("erase_grad_undefined", grad_undefined(x, "not differentiable"));
    list.push_back(rule("erase_opaque", opaque(x), x).specializes().sound(Soundness::bit_exact));
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
