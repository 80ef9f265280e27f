#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <mutex>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/error_text.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/text/tensor_text.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

struct Registry {
  std::mutex mutex;
  std::deque<ScalarOp> ops;
};
Registry& registry() {
  static Registry r;
  return r;
}

/// Size of one axis of the result; `known` from operands whose axis is not 1.
std::int64_t joined_size(std::span<const TensorType> in, std::size_t rank, std::size_t axis) {
  std::int64_t size = 1;
  for (const TensorType& t : in) {
    if (t.rank() != rank || t.dims[axis] == 1) continue;
    if (size == 1 || size == unknown) {
      size = t.dims[axis];
    } else if (t.dims[axis] != unknown && t.dims[axis] != size) {
      throw ShapeError(
          fmt::format("sizes {} and {} at axis {} do not fit; only an axis known to be 1 stretches",
                      size, t.dims[axis], axis));
    }
  }
  return size;
}

std::size_t common_rank(std::span<const TensorType> in) {
  std::size_t rank = 0;
  for (const TensorType& t : in) {
    if (t.rank() == 0) continue;
    if (rank != 0 && t.rank() != rank)
      throw ShapeError("operands of different rank (dimshuffle aligns them)");
    rank = t.rank();
  }
  return rank;
}

DType result_dtype(const ScalarOp& s, DType compute) {
  switch (s.types) {
    case ScalarOp::Types::predicate:
    case ScalarOp::Types::logical:
      return DType::boolean;
    case ScalarOp::Types::convert:
      return s.to;
    default:
      return compute;
  }
}

/// What the operands are computed in: variables promote, literals adapt.
DType meeting_dtype(const ScalarOp& s, std::initializer_list<Arg> operands) {
  const bool skip_first = s.types == ScalarOp::Types::select;
  DType dtype = DType::boolean;
  bool variables = false;
  for (const Arg* a = operands.begin() + (skip_first ? 1 : 0); a != operands.end(); ++a) {
    if (!a->is_literal()) dtype = variables ? promote(dtype, a->dtype()) : a->dtype();
    variables = variables || !a->is_literal();
  }
  for (const Arg* a = operands.begin() + (skip_first ? 1 : 0); a != operands.end(); ++a) {
    if (a->is_literal() && !(a->kind() == Arg::Kind::real && is_float(dtype)))
      dtype = promote(dtype, a->dtype());
  }
  if (s.types == ScalarOp::Types::numeric && dtype == DType::boolean) return DType::int64;
  if (s.types == ScalarOp::Types::real && !is_float(dtype)) return floatX();
  if (s.types == ScalarOp::Types::logical) return DType::boolean;
  return computing(dtype);
}

Var aligned(const Var& v, std::size_t rank) {
  return v.ndim() == 0 || v.ndim() == rank ? v : with_leading_axes(v, rank);
}

/// The gradient with respect to an operand, from that with respect to its stretched self.
Var unstretched(const Var& g, const Var& x, const TensorType& out) {
  if (g.ndim() == 0 && x.ndim() > 0) return broadcast_like(g, x);
  if (x.ndim() == 0) return g.ndim() == 0 ? g : sum(g);
  const std::vector<int> axes = stretched_axes(x.type(), g.ndim() == out.rank() ? out : g.type());
  return axes.empty() ? g : sum(g, axes, {.keepdims = true});
}

/// A float is no truth value: what is meant is a comparison.
void check_condition(const ScalarOp& s, const Arg& a) {
  if (!is_float(a.dtype())) return;
  throw TypeError(
      fmt::format("{}: a condition is bool, not {}, at {}\n  hint: neq({}, 0) or {} > 0.5", s.name,
                  describe(a.var()), to_string(SiteScope::or_else(a.site())), short_name(a.var()),
                  short_name(a.var())));
}

/// Any whole number is a truth value.
Var literal(const Arg& a, DType dtype) {
  return dtype == DType::boolean ? Arg(a.real() != 0).var() : a.var(dtype);
}

DType gradient_dtype(const Var& x) { return is_float(x.dtype()) ? x.dtype() : floatX(); }

}  // namespace

std::shared_ptr<const Op> define(ScalarOp scalar) {
  const std::lock_guard lock(registry().mutex);
  scalar.number = registry().ops.size();
  registry().ops.push_back(std::move(scalar));
  return std::make_shared<Elementwise>(registry().ops.back());
}

std::shared_ptr<const Op> real_unary(std::string name, const ScalarLoops& loops,
                                     ScalarOp::GradientRule gradient, Slope slope,
                                     ScalarOp::FactRule fact) {
  return define({.name = std::move(name),
                 .arity = 1,
                 .types = ScalarOp::Types::real,
                 .loops = loops,
                 .gradient = std::move(gradient),
                 .slope = slope,
                 .fact = std::move(fact)});
}

ScalarOp::FactRule fact_of(Fact (*f)(const Fact& x)) {
  return [f](const Apply&, std::span<const Fact> x) { return f(x[0]); };
}
ScalarOp::FactRule always(const Fact& fact) {
  return [fact](const Apply&, std::span<const Fact>) { return fact; };
}
ScalarOp::FactRule while_exact(ScalarOp::FactRule rule) {
  return [rule = std::move(rule)](const Apply& node, std::span<const Fact> x) {
    const bool small =
        std::all_of(x.begin(), x.end(), [](const Fact& f) { return f.binary() || f.count; });
    const Fact fact = rule(node, x);
    return small ? fact : unless_wrapped(fact, node.types()[0].dtype);
  };
}
Fact of_same_sign(const Fact& x) { return {.nonnegative = x.nonnegative, .positive = x.positive}; }

bool is_elementwise(const Var& v, std::string_view name) {
  const auto* e = as<Elementwise>(v);
  return e != nullptr && e->scalar().name == name;
}

std::vector<int> stretched_axes(const TensorType& v, const TensorType& to) {
  std::vector<int> axes;
  for (std::size_t i = 0; i < v.rank(); ++i) {
    if (v.dims[i] == 1 && to.dims[i] != 1) axes.push_back(static_cast<int>(i));
  }
  return axes;
}

Var elementwise(const std::shared_ptr<const Op>& op, std::initializer_list<Arg> operands) {
  const ScalarOp& s = static_cast<const Elementwise&>(*op).scalar();
  const Site site = operands.begin()->site();
  const SiteScope scope(SiteScope::or_else(site));
  const DType dtype = meeting_dtype(s, operands);
  Vars inputs;
  std::size_t rank = 0;
  for (const Arg& a : operands) {
    const bool condition = inputs.empty() && s.types == ScalarOp::Types::select;
    if (condition || s.types == ScalarOp::Types::logical) check_condition(s, a);
    const DType wanted = condition                             ? DType::boolean
                         : s.types == ScalarOp::Types::convert ? a.dtype()
                                                               : dtype;
    inputs.push_back(a.is_literal() ? literal(a, wanted) : cast(a, wanted));
    rank = std::max(rank, inputs.back().ndim());
  }
  for (Var& v : inputs) v = aligned(v, rank);
  return make_var(op, std::move(inputs), site);
}

std::vector<TensorType> Elementwise::infer(std::span<const TensorType> in) const {
  const bool select = scalar_->types == ScalarOp::Types::select;
  if (select && in[0].dtype != DType::boolean)
    throw TypeError(fmt::format("a condition must be bool, not {}", damo::name(in[0].dtype)));
  for (std::size_t i = select ? 1 : 0; i + 1 < in.size(); ++i) {
    if (in[i].dtype != in.back().dtype) {
      throw TypeError(fmt::format("operands must have one dtype, got {} and {}",
                                  damo::name(in[i].dtype), damo::name(in.back().dtype)));
    }
  }
  const std::size_t rank = common_rank(in);
  TensorType out{result_dtype(*scalar_, in.back().dtype), {}};
  for (std::size_t axis = 0; axis < rank; ++axis) out.dims.push_back(joined_size(in, rank, axis));
  if (!loops(in.back().dtype))
    throw TypeError(fmt::format("not defined for {}", damo::name(in.back().dtype)));
  return {out};
}

std::vector<std::optional<Vars>> Elementwise::shape_rule(const Apply& node,
                                                         const std::vector<Vars>& shapes) const {
  const TensorType& out = node.types()[0];
  Vars sizes;
  for (std::size_t axis = 0; axis < out.rank(); ++axis) {
    Var size;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const TensorType& t = node.input(i).type();
      if (t.rank() == 0 || (t.dims[axis] == 1 && out.dims[axis] != 1)) continue;
      // A constant size says more than a computed one.
      if (!size.defined() ||
          (constant_value(size) == nullptr && constant_value(shapes[i][axis]) != nullptr))
        size = shapes[i][axis];
    }
    sizes.push_back(size);
  }
  return {sizes};
}

void Elementwise::facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const {
  if (scalar_->fact) {
    out[0] = scalar_->fact(node, in);
  } else {
    Op::facts(node, in, out);
  }
}

std::vector<Demand> Elementwise::demands(const Apply& node, const std::vector<Vars>& shapes) const {
  const TensorType& out = node.types()[0];
  std::vector<Demand> all;
  for (std::size_t axis = 0; axis < out.rank(); ++axis) {
    const Var* first = nullptr;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const TensorType& t = node.input(i).type();
      if (t.rank() == 0 || (t.dims[axis] == 1 && out.dims[axis] != 1)) continue;
      if (first != nullptr) all.push_back({Demand::Kind::equal, *first, shapes[i][axis]});
      if (first == nullptr) first = &shapes[i][axis];
    }
  }
  return all;
}

Gradients Elementwise::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  if (!scalar_->gradient || !g[0].defined()) return result;
  const Vars flowing = scalar_->gradient(node.inputs(), node.output(), g[0]);
  for (std::size_t i = 0; i < flowing.size(); ++i) {
    if (!flowing[i].defined()) continue;
    const Var& x = node.input(i);
    result[i] = unstretched(cast(flowing[i], gradient_dtype(x)), x, node.types()[0]);
  }
  return result;
}

namespace {

/// The flow to an operand, from that to its stretched self.
MaskedFlow unstretched(const MaskedFlow& flow, const Var& x, const TensorType& out) {
  const Var& g = flow.value;
  const bool same_size = x.ndim() == out.rank() && stretched_axes(x.type(), out).empty();
  if (flow.mask.empty() || uniform_value(g) == 0.0) return {unstretched(g, x, out), {}};
  if (same_size) return {unstretched(g, x, out), flow.mask};
  std::vector<int> axes;
  if (x.ndim() > 0) axes = stretched_axes(x.type(), out);
  Mask mask{before_stretching(flow.mask.asked, axes, x.ndim()), {}};
  if (!flow.mask.compared.empty())
    mask.compared = before_stretching(flow.mask.all(), axes, x.ndim());
  return {unstretched(selected(g, flow.mask.all()), x, out), mask};
}

}  // namespace

std::vector<MaskedFlow> Elementwise::gradient_under(const Apply& node, const Var& g,
                                                    const Mask& mask,
                                                    const std::vector<Slope>& behind) const {
  std::vector<MaskedFlow> result(node.inputs().size());
  if (!scalar_->gradient) return result;
  const bool asked = scalar_->types == ScalarOp::Types::select;
  const Slope late = asked ? Slope::tame : Slope::wild;
  const Vars flowing = scalar_->gradient(node.inputs(), node.output(), g);
  const bool any_late = scalar_->counts && std::any_of(behind.begin(), behind.end(),
                                                       [&](Slope s) { return s >= late; });
  const Vars counts = any_late ? scalar_->counts(node.inputs()) : Vars(flowing.size());
  for (std::size_t i = 0; i < flowing.size(); ++i) {
    if (!flowing[i].defined()) continue;
    const Var& x = node.input(i);
    MaskedFlow flow{flowing[i], mask};
    if (behind[i] >= late && counts[i].defined()) {
      if (scalar_->picks) flow.value = g;
      flow.mask.add(asked ? Mask{{counts[i]}, {}} : Mask{{}, {counts[i]}});
    }
    flow.value = cast(flow.value, gradient_dtype(x));
    result[i] = unstretched(flow, x, node.types()[0]);
  }
  return result;
}

Slope Elementwise::slope(const Apply& node) const {
  const auto finite = [&](std::size_t i) {
    const auto c = uniform_value(node.input(i));
    return c && std::isfinite(*c);
  };
  if (scalar_->name == "mul" && (finite(0) || finite(1))) return Slope::constant;
  if (scalar_->name == "div" && finite(1) && uniform_value(node.input(1)) != 0.0)
    return Slope::constant;
  return scalar_->slope;
}

// An elementwise function's Jacobian is diagonal, so pushing tangents forward is the gradient rule
// with the tangent in the place of the cotangent.
Vars Elementwise::push_forward(const Apply& node, const Vars& tangents) const {
  return {push_forward_under(node, tangents, Vars(tangents.size())).value};
}

MaskedFlow Elementwise::push_forward_under(const Apply& node, const Vars& tangents,
                                           const Vars& moves) const {
  MaskedFlow total;
  const bool rounds = scalar_->types == ScalarOp::Types::convert && !is_float(scalar_->to);
  if (!scalar_->gradient || node.types()[0].dtype == DType::boolean || rounds) return total;
  const DType dtype = gradient_dtype(node.output());
  const Vars counts = scalar_->counts ? scalar_->counts(node.inputs()) : Vars(tangents.size());
  std::vector<Mask> masks;
  for (std::size_t i = 0; i < tangents.size(); ++i) {
    if (!tangents[i].defined()) continue;
    const Vars terms = scalar_->gradient(node.inputs(), node.output(), cast(tangents[i], dtype));
    if (!terms[i].defined() || uniform_value(terms[i]) == 0.0) continue;
    Mask mask;
    if (counts[i].defined() && !scalar_->picks) mask.asked.push_back(counts[i]);
    if (moves[i].defined() && slope(node) == Slope::wild) mask.asked.push_back(moves[i]);
    const Var term = selected(cast(terms[i], dtype), mask.asked);
    total.value = total.value.defined() ? total.value + term : term;
    for (const Var& c : {counts[i], moves[i]}) {
      if (c.defined()) mask.add({{c}, {}});
    }
    masks.push_back(mask);
  }
  if (!masks.empty()) total.mask = united(masks);
  Var& value = total.value;
  const TensorType& type = node.types()[0];
  if (value.defined() &&
      (value.ndim() < type.rank() || !stretched_axes(value.type(), type).empty()))
    value = broadcast_like(value, node.output());
  return total;
}

void Elementwise::run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const {
  const TensorType& type = node.types()[0];
  Shape shape;
  for (std::size_t axis = 0; axis < type.rank(); ++axis) {
    std::int64_t size = type.dims[axis] == 1 ? 1 : unknown;
    std::size_t from = 0;
    for (std::size_t i = 0; i < in.size(); ++i) {
      const Shape& declared = node.input(i).type().dims;
      if (declared.empty() || (declared[axis] == 1 && type.dims[axis] != 1)) continue;
      if (size == unknown) {
        size = in[i]->shape[axis];
        from = i;
      } else if (in[i]->shape[axis] != size) {
        throw ShapeError(fmt::format("sizes differ at axis {}: {} and {} (operands {} and {})",
                                     axis, size, in[i]->shape[axis], from, i));
      }
    }
    shape.push_back(size);
  }
  out[0] = shape;
}

void Elementwise::perform(const Apply& node, TensorsIn in, TensorsOut out,
                          Workspace& scratch) const {
  const auto n = static_cast<std::size_t>(out[0]->elements());
  std::size_t bytes = 0;
  for (const Tensor* t : in) bytes += (n * item_size(t->dtype) + 63) / 64 * 64;
  std::byte* space = scratch.bytes(bytes);
  const void* sources[4] = {};
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (in[i]->shape == out[0]->shape && in[i]->contiguous()) {
      sources[i] = in[i]->data;
      continue;
    }
    Tensor wide{in[i]->data, in[i]->dtype, out[0]->shape, {}};
    wide.strides.resize(wide.rank(), 0);
    for (std::size_t axis = 0; axis < in[i]->rank(); ++axis) {
      if (in[i]->shape[axis] != 1) wide.strides[axis] = in[i]->strides[axis];
    }
    copy(wide, {space, in[i]->dtype, out[0]->shape, contiguous_strides(out[0]->shape)});
    sources[i] = space;
    space += (n * item_size(in[i]->dtype) + 63) / 64 * 64;
  }
  loops(compute_dtype(node)).best()(sources, out[0]->data, n);
}

namespace {

/// A comparison of numbers that may be equal may be either.
void doubt_ties(std::span<const Wide> x, Wide& result) {
  const long double gap = std::abs(x[0].value - x[1].value);
  for (long double Wide::*bound : {&Wide::doubt, &Wide::rounding}) {
    const long double off = x[0].*bound + x[1].*bound;
    if (off > 0 && !(gap > off)) result.*bound = 1;  // or one of them is not known
  }
}

}  // namespace

void Elementwise::perform_wide(const Apply& node, WidesIn in, WidesOut out) const {
  const DType from = compute_dtype(node);
  const DType to = node.types()[0].dtype;
  const bool converts = scalar_->types == ScalarOp::Types::convert;
  if (scalar_->loops.wide == nullptr || (!is_float(from) && !converts))
    return wide_by_kernel(node, in, out);
  std::vector<Tensor> shapes;
  std::vector<const Tensor*> pointers;
  for (const WideArray* a : in) shapes.push_back({nullptr, a->dtype(), a->shape(), {}});
  for (const Tensor& t : shapes) pointers.push_back(&t);
  Shape shape;
  run_shapes(node, pointers, std::span(&shape, 1));
  out[0] = WideArray(to, shape);
  // What is chosen is not rounded.
  const WideMath math(scalar_->types == ScalarOp::Types::select ? DType::boolean : to);
  std::vector<Wide> x(in.size());
  for (std::size_t i = 0; i < out[0].size(); ++i) {
    const Shape index = index_of(static_cast<std::int64_t>(i), shape);
    for (std::size_t k = 0; k < in.size(); ++k) x[k] = in[k]->stretched(index);
    const bool keeps = converts && is_float(from) && from < to;
    out[0][i] = keeps ? x[0] : math(scalar_->loops.wide, x);
    if (scalar_->types == ScalarOp::Types::predicate && x.size() == 2) doubt_ties(x, out[0][i]);
  }
}

Printed Elementwise::print(const Apply& node, std::span<const Printed> in) const {
  const auto wrapped = [](const Printed& p, int least) {
    return p.precedence < least ? "(" + p.text + ")" : p.text;
  };
  const int level = scalar_->precedence;
  if (scalar_->symbol.empty()) return Op::print(node, in);
  if (in.size() == 1) return {scalar_->symbol + wrapped(in[0], level), level};
  return {
      fmt::format("{} {} {}", wrapped(in[0], level), scalar_->symbol, wrapped(in[1], level + 1)),
      level};
}

}  // namespace damo
