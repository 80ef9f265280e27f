#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/error_text.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/text/tensor_text.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>

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

// What an error about operands' sizes advises.

/// What the user wrote, without the axes of size 1 put before it.
Var as_written(const Var& v) {
  const auto* shuffle = as<DimShuffle>(v);
  return shuffle != nullptr && v.ndim() > v.inputs()[0].ndim() ? Var(v.inputs()[0]) : v;
}

/// How to declare that axis `axis` of `v` may be stretched.
std::string stretch_hint(const Var& v, std::size_t axis) {
  const Var x = as_written(v);
  const std::size_t own = axis + x.ndim() - v.ndim();
  std::string sizes;
  for (std::size_t i = 0; i < x.ndim(); ++i)
    sizes += (i > 0 ? ", " : "") + std::string(i == own ? "1" : "-1");
  return fmt::format(
      "an axis stretches only when it is known to be 1 while the graph is built: declare '{}' with "
      "row, col or dimshuffle, or write specify_shape({}, {{{}}})",
      short_name(x), short_name(x), sizes);
}

/// Where two sizes that differ come from.
std::string sources_hint(const Var& a, std::int64_t a_size, const Var& b, std::int64_t b_size,
                         std::size_t axis) {
  const auto [x, x_axis] = source_of_size(a, axis);
  const auto [y, y_axis] = source_of_size(b, axis);
  if (!x.defined() || !y.defined() || (same(x, a) && same(y, b))) return {};
  return fmt::format("{} is the size of '{}' along axis {}, {} that of '{}' along axis {}", a_size,
                     short_name(x), x_axis, b_size, short_name(y), y_axis);
}

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

std::string Elementwise::hint(const Vars& inputs, std::span<const TensorType> types) const {
  std::string sources;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (i == k || types[i].rank() == 0 || types[i].rank() != types[k].rank()) continue;
      for (std::size_t axis = 0; axis < types[i].rank(); ++axis) {
        const std::int64_t size = types[i].dims[axis];
        const std::int64_t other = types[k].dims[axis];
        if (size == other || size == unknown || other == unknown) continue;
        if (size == 1 && inputs[i].type().dims[axis] == unknown)
          return stretch_hint(inputs[i], axis);
        const Var x = as_written(inputs[i]);
        if (x.ndim() == 1 && types[i].rank() == 2 && axis == 1 && types[k].dims[0] == size) {
          return fmt::format("dimshuffle({}, {{0, newaxis}}) makes '{}' a column", short_name(x),
                             short_name(x));
        }
        if (sources.empty() && i < k)
          sources = sources_hint(inputs[i], size, inputs[k], other, axis);
      }
    }
  }
  return sources;
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
