#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo {
namespace {

template <class T>
std::int64_t steps_between(T start, T stop, T step) {
  if (step == T{0} || step != step) throw ShapeError("the step is 0 or NaN");
  std::int64_t n = 0;
  if constexpr (std::is_same_v<T, std::int64_t>) {
    n = step > 0 ? (stop - start + step - 1) / step : (stop - start + step + 1) / step;
    if ((step > 0) == (stop <= start)) n = 0;
    if (stop == start) n = 0;
  } else {
    const double count = std::ceil((static_cast<double>(stop) - static_cast<double>(start)) /
                                   static_cast<double>(step));
    if (!(count < 9e18)) throw ShapeError(fmt::format("{} elements are too many", count));
    n = static_cast<std::int64_t>(std::max(0.0, count));
  }
  return n;
}

std::int64_t length_of(const Tensor& start, const Tensor& stop, const Tensor& step) {
  if (start.dtype == DType::int64) {
    return steps_between(start.first<std::int64_t>(), stop.first<std::int64_t>(),
                         step.first<std::int64_t>());
  }
  return steps_between(start.first<double>(), stop.first<double>(), step.first<double>());
}

/// start, start + step, ... before stop.
///   inputs  [start, stop, step], scalars of one dtype
class Arange final : public OpOf<Arange> {
 public:
  Arange(DType dtype, std::int64_t length) : dtype_(dtype), length_(length) {}

  std::string name() const override { return "arange"; }
  std::string parameters() const override {
    return length_ == unknown ? "" : fmt::format("length={}", length_);
  }
  void facts(const Apply&, std::span<const Fact> in, std::span<Fact> out) const override {
    out[0] = common_fact(in[0], fact_of_sum(in[0], in[2]));
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 3);
    for (const TensorType& t : in) {
      if (t.dtype != dtype_ || t.rank() != 0) {
        throw TypeError(
            fmt::format("expected {} scalars, got {}", damo::name(dtype_), to_string(t)));
      }
    }
    return {{dtype_, {length_}}};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>&) const override {
    if (length_ != unknown) return {Vars{int_constant(length_)}};
    const Var &start = node.input(0), &stop = node.input(1), &step = node.input(2);
    if (!is_float(dtype_)) return {Vars{maximum(-floor_div(start - stop, step), 0)}};
    const Var steps = (cast(stop, float64) - cast(start, float64)) / cast(step, float64);
    return {Vars{maximum(cast(ceil(steps), int64), 0)}};
  }
  /// A step that leads nowhere is an error.
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>&) const override {
    if (length_ != unknown || scalar_constant(node.input(2))) return {};
    const Var moves = cast(abs(node.input(2)) > 0, DType::int64);
    return {{Demand::Kind::at_least, moves, int_constant(1)}};
  }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    if (!is_float(dtype_)) return Gradients(3);
    const Var i = cast(arange(size_at(node.output(), 0)), dtype_);
    return {sum(g[0]), Gradient{}, sum(g[0] * i)};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    Var t;
    if (tangents[0].defined()) t = broadcast_like(tangents[0], node.output());
    if (tangents[2].defined()) {
      const Var i = cast(arange(size_at(node.output(), 0)), dtype_);
      t = add_or_either(t, tangents[2] * i);
    }
    return {t};
  }
  void run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const override {
    out[0] = {length_of(*in[0], *in[1], *in[2])};
  }
  bool shapes_need_values() const override { return true; }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    dispatch_computing(dtype_, [&](auto zero) {
      using T = decltype(zero);
      const T start = in[0]->first<T>();
      const T step = in[2]->first<T>();
      T* to = out[0]->as<T>();
      for (std::int64_t i = 0; i < out[0]->shape[0]; ++i) {
        to[i] = static_cast<T>(start + static_cast<T>(i) * step);
      }
    });
  }
  friend bool operator==(const Arange&, const Arange&) = default;

 private:
  DType dtype_;
  std::int64_t length_;  // `unknown` unless start, stop and step are numbers
};

OpPtr read_arange(OpText& text) {
  const TensorType& made = text.results[0];
  if (made.rank() != 1) throw ShapeError("makes a vector");
  // The type says the length, too.
  if (text.parameters.accept("length=") && text.parameters.integer() != made.dims[0])
    text.parameters.fail("before this the length that the type says");
  return std::make_shared<Arange>(made.dtype, made.dims[0]);
}

}  // namespace

Var arange(const Arg& start, const Arg& stop, const Arg& step) {
  const SiteScope scope(SiteScope::or_else(start.site()));
  DType dtype = DType::int64;
  for (const Arg* a : {&start, &stop, &step}) {
    if (!a->is_literal()) dtype = promote(dtype, a->dtype());
  }
  for (const Arg* a : {&start, &stop, &step}) {
    if (a->kind() == Arg::Kind::real && !is_float(dtype)) dtype = floatX();
  }
  Vars inputs;
  bool known = true;
  for (const Arg* a : {&start, &stop, &step}) {
    const Var v = a->var(a->is_literal() ? dtype : a->dtype());
    inputs.push_back(v.dtype() == dtype ? v : cast(v, dtype));
    known = known && constant_value(inputs.back()) != nullptr && inputs.back().ndim() == 0;
  }
  std::int64_t length = unknown;
  if (known) {
    length = length_of(constant_value(inputs[0])->view(), constant_value(inputs[1])->view(),
                       constant_value(inputs[2])->view());
  }
  return make_var(std::make_shared<Arange>(dtype, length), std::move(inputs));
}

Var arange(const Arg& stop) { return arange(Arg(0, stop.site().file, stop.site().line), stop); }

DAMO_OPS(arange) {
  ops.reader({"arange", read_arange, 3, 3});
  // Its length jumps.
  ops.sample({.name = "arange",
              .inputs = {{"", 0, 1}, {"", 3.1, 3.9}, {"", 0.45, 0.5}},
              .apply = [](const Vars& in) { return arange(in[0], in[1], in[2]); },
              .differentiable = false});
  ops.sample({.name = "arange of int64",
              .inputs = {{"", -9, 9, DType::int64}, {"", -9, 9, DType::int64}},
              .apply = [](const Vars& in) { return arange(in[0], in[1], -2); },
              .differentiable = false});
}

}  // namespace damo
