#include <damo/graph/errors/error.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>

namespace damo::optim {
namespace {

constexpr int max_depth = 10;
constexpr std::size_t max_leaves = 24;

bool same_movement(const Apply& a, const Apply& b) {
  if (&a == &b) return true;
  if (!a.op().equals(b.op()) || a.inputs().size() != b.inputs().size()) return false;
  for (std::size_t i = 1; i < a.inputs().size(); ++i) {
    if (!same_graph(a.input(i), b.input(i))) return false;
  }
  return true;
}

/// `node` with `x` for its first input. A scalar that was stretched there is the same everywhere,
/// so it stays a scalar; a tensor is stretched first.
Var moved(const Apply& node, const Var& x) {
  if (same(x, node.input(0))) return node.output();
  if (x.ndim() == 0 && node.input(0).ndim() > 0) return x;
  Vars inputs = node.inputs();
  inputs[0] = broadcast_like(x, node.input(0));
  return with_inputs(node, std::move(inputs)).front();
}

}  // namespace

bool look_deeper(Seen& seen, Steps& steps) {
  if (is_widening(seen.core)) {
    seen.core = Var(seen.core.inputs()[0]);
    return true;
  }
  if (!is_movement(seen.core.owner())) return false;
  const Step& step = steps.emplace_front(Step{seen.core.owner_ptr(), seen.path});
  seen = {seen.core.inputs()[0], &step};
  return true;
}

// An operand inside a movement may be smaller than what is moved: a scalar is itself wherever it is
// seen from, a row is stretched first.
Var surface(const Seen& seen) {
  Var v = seen.core;
  for (const Step* s = seen.path; s != nullptr; s = s->outer) {
    const Var& whole = s->movement->input(0);
    if (v.ndim() == 0 && whole.ndim() > 0) continue;
    if (v.ndim() == whole.ndim() && !stretched_axes(v.type(), whole.type()).empty())
      v = broadcast_like(v, whole);
    v = moved(*s->movement, v);
  }
  return v;
}

bool same(const Seen& a, const Seen& b) {
  if (!same(a.core, b.core)) return false;
  // What it comes after makes no other value of it.
  const auto movement = [](const Step* s) {
    while (s != nullptr && as<After>(s->movement->op()) != nullptr) s = s->outer;
    return s;
  };
  const Step* x = movement(a.path);
  const Step* y = movement(b.path);
  for (; x != nullptr && y != nullptr; x = movement(x->outer), y = movement(y->outer)) {
    if (!same_movement(*x->movement, *y->movement)) return false;
  }
  return x == y;
}

Terms::Terms(Group group, const Seen& root, Steps& steps)
    : group_(group), constant_(group == Group::sum ? 0.0 : 1.0) {
  nodes_.reserve(8);
  leaves_.reserve(8);
  expand(root, false, false, 0, steps);
}

std::optional<Terms::Node::Kind> Terms::kind_of(Group group, const Var& v) {
  using Kind = Node::Kind;
  const Vocabulary& w = vocabulary();
  const ScalarOp* f = scalar_op(v);
  if (f == nullptr) {
    if (is_movement(v.owner())) return Kind::wrap;
    return std::nullopt;
  }
  if (f == w.neg) return Kind::negate;
  if (is_widening(v)) return Kind::wrap;
  if (group == Group::sum) {
    if (f == w.add) return Kind::join;
    if (f == w.sub) return Kind::part;
    return std::nullopt;
  }
  if (f == w.mul) return Kind::join;
  if (f == w.div) return Kind::part;
  if (f == w.reciprocal) return Kind::invert;
  if (f == w.sqr) return Kind::square;
  return std::nullopt;
}

std::size_t Terms::add_leaf(const Seen& seen, bool inverse, bool negative,
                            std::optional<double> value) {
  const bool down = group_ == Group::sum ? negative : inverse;
  if (const ScalarOp* f = scalar_op(seen.core)) heads_ |= head_bit(*f);
  if (value) {
    ++n_constants_;
    if (group_ == Group::sum) {
      constant_ += down ? -*value : *value;
    } else {
      constant_ = down ? constant_ / *value : constant_ * *value;
    }
  }
  leaves_.push_back({seen, down, value});
  return leaves_.size() - 1;
}

std::size_t Terms::expand(const Seen& seen, bool inverse, bool negative, int depth, Steps& steps) {
  using Kind = Node::Kind;
  const std::size_t here = nodes_.size();
  nodes_.push_back({Kind::leaf, seen.core});
  const auto value = uniform_value(seen.core);
  const auto kind = kind_of(group_, seen.core);
  if (!kind || value || depth == max_depth || leaves_.size() >= max_leaves) {
    const std::size_t leaf = add_leaf(seen, inverse, negative, value);
    nodes_[here].first = leaf;
    return here;
  }
  nodes_[here].kind = *kind;
  const auto child = [&](std::size_t i) { return Seen{seen.core.inputs()[i], seen.path}; };
  const auto descend = [&](const Seen& s, bool inv, bool neg) {
    return expand(s, inv, neg, depth + 1, steps);
  };
  std::size_t first = 0;
  std::size_t second = 0;
  switch (*kind) {
    case Kind::join:
      first = descend(child(0), inverse, negative);
      second = descend(child(1), inverse, negative);
      break;
    case Kind::part:
      first = descend(child(0), inverse, negative);
      second = group_ == Group::sum ? descend(child(1), inverse, !negative)
                                    : descend(child(1), !inverse, negative);
      break;
    case Kind::negate:
      if (group_ == Group::product) constant_ = -constant_;
      negated_ = negated_ != (group_ == Group::product);
      first = descend(child(0), inverse, !negative);
      break;
    case Kind::invert:
      first = descend(child(0), !inverse, negative);
      break;
    case Kind::square:
      first = descend(child(0), inverse, negative);
      second = descend(child(0), inverse, negative);
      break;
    default: {
      Seen deeper = seen;
      look_deeper(deeper, steps);
      first = descend(deeper, inverse, negative);
    }
  }
  nodes_[here].first = first;
  nodes_[here].second = second;
  return here;
}

Terms::Rest Terms::without(const std::vector<bool>& drop) const { return rebuild(0, drop); }

Terms::Rest Terms::rebuild(std::size_t index, const std::vector<bool>& drop) const {
  using Kind = Node::Kind;
  const Node& node = nodes_[index];
  if (node.kind == Kind::leaf) return drop[node.first] ? Rest{} : Rest{node.v};
  Rest a = rebuild(node.first, drop);
  switch (node.kind) {
    case Kind::negate:
      if (a.v.defined() && same(a.v, node.v.inputs()[0]) && !a.negative) return {node.v};
      return {a.v, !a.negative};
    case Kind::invert:
      if (a.v.defined() && same(a.v, node.v.inputs()[0])) return {node.v, a.negative};
      return {a.v.defined() ? reciprocal(a.v) : Var{}, a.negative};
    case Kind::wrap: {
      if (!a.v.defined()) return a;
      const Var& inner = node.v.inputs()[0];
      // A movement needs its operand at full size.
      const bool shrunk =
          a.v.ndim() != inner.ndim() || !stretched_axes(a.v.type(), inner.type()).empty();
      return {moved(node.v.owner(), shrunk ? broadcast_like(a.v, inner) : a.v), a.negative};
    }
    default:
      return join(node, a, rebuild(node.second, drop));
  }
}

Terms::Rest Terms::join(const Node& node, const Rest& a, const Rest& b) const {
  using Kind = Node::Kind;
  const auto& in = node.v.inputs();
  if (a.v.defined() && b.v.defined() && !a.negative && !b.negative && same(a.v, in[0]) &&
      same(b.v, in.back()))
    return {node.v};
  if (group_ == Group::sum) {
    const bool minus = (node.kind == Kind::part) != b.negative;
    if (!b.v.defined()) return a;
    if (!a.v.defined()) return {b.v, minus};
    if (a.negative == minus) return {a.v + b.v, minus};
    return {a.negative ? b.v - a.v : a.v - b.v};
  }
  const bool negative = a.negative != b.negative;
  if (!b.v.defined()) return {a.v, negative};
  if (node.kind == Kind::part) return {a.v.defined() ? a.v / b.v : reciprocal(b.v), negative};
  return {a.v.defined() ? a.v * b.v : b.v, negative};
}

Var Terms::Rest::value(Group group) const {
  if (!v.defined()) return Arg(group == Group::sum ? 0.0 : (negative ? -1.0 : 1.0)).var();
  return negative ? -v : v;
}

}  // namespace damo::optim
