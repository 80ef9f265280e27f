#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/linalg/matrix_product.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// The matrix with number `i` of a batch.
Tensor matrix_at(const Tensor& batch, std::int64_t i) {
  const auto offset = i * batch.strides[0] * static_cast<std::int64_t>(item_size(batch.dtype));
  return {batch.data + offset,
          batch.dtype,
          {batch.shape[1], batch.shape[2]},
          {batch.strides[1], batch.strides[2]}};
}

class BatchedDot final : public OpOf<BatchedDot>,
                         public MatrixProduct,
                         public ReadsElements,
                         public ComputesWide {
 public:
  std::string name() const override { return "batched_dot"; }
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override {
    out[0] = unless_wrapped(fact_of_total(fact_of_product(in[0], in[1])), node.types()[0].dtype);
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 2);
    if (in[0].dtype != in[1].dtype || in[0].dtype == DType::boolean) {
      throw TypeError(fmt::format("expected one number dtype, got {} and {}",
                                  damo::name(in[0].dtype), damo::name(in[1].dtype)));
    }
    if (in[0].rank() != 3 || in[1].rank() != 3) {
      throw ShapeError(fmt::format("expected batches of matrices, got {} and {}", to_string(in[0]),
                                   to_string(in[1])));
    }
    return {{in[0].dtype, product_shape(in[0].dims, in[1].dims)}};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {Vars{shapes[0][0], shapes[0][1], shapes[1][2]}};
  }
  std::vector<Demand> demands(const Apply&, const std::vector<Vars>& shapes) const override {
    return {{Demand::Kind::equal, shapes[0][0], shapes[1][0]},
            {Demand::Kind::equal, shapes[0][2], shapes[1][1]}};
  }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    if (!is_float(node.input(0).dtype())) return Gradients(2);
    return {batched_dot(g[0], transpose(node.input(1), {0, 2, 1})),
            batched_dot(transpose(node.input(0), {0, 2, 1}), g[0])};
  }
  Slope slope(const Apply&) const override { return Slope::tame; }
  Var read_for(const Apply&, std::size_t input, std::size_t, const Var& marked) const override {
    return marked.ndim() == 0 ? marked : some_along(marked, input == 0 ? 2 : 1);
  }
  Gradients gradient_of_marked(const Apply& node, const Vars& g,
                               const Vars& marked) const override {
    if (!is_float(node.input(0).dtype()) || !marked[0].defined() || marked[0].ndim() == 0)
      return gradient(node, g);
    const Var a = read_by_some(node.input(0), marked[0], 2, 1);
    const Var b = read_by_some(node.input(1), marked[0], 1, 2);
    const Var to_a = times_operand(g[0], marked[0], b, false, [](const Var& gz, const Var& right) {
      return batched_dot(gz, transpose(right, {0, 2, 1}));
    });
    const Var to_b = times_operand(g[0], marked[0], a, true, [](const Var& gz, const Var& left) {
      return batched_dot(transpose(left, {0, 2, 1}), gz);
    });
    return {constant_along(marked[0], 2) ? selected(to_a, marked) : to_a,
            constant_along(marked[0], 1) ? selected(to_b, marked) : to_b};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    Var t;
    if (tangents[0].defined()) t = batched_dot(tangents[0], node.input(1));
    if (tangents[1].defined()) t = add_or_either(t, batched_dot(node.input(0), tangents[1]));
    return {t};
  }
  void run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const override {
    out[0] = product_shape(in[0]->shape, in[1]->shape);
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    for (std::int64_t i = 0; i < out[0]->shape[0]; ++i) {
      dot_into(1, matrix_at(*in[0], i), matrix_at(*in[1], i), 0, matrix_at(*out[0], i));
    }
  }
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override {
    const WideArray &a = *in[0], &b = *in[1];
    if (!is_float(a.dtype())) return wide_by_kernel(node, in, out);
    out[0] = WideArray(a.dtype(), product_shape(a.shape(), b.shape()));
    const Shape left{a.shape()[1], a.shape()[2]};
    const Shape right{b.shape()[1], b.shape()[2]};
    const auto at = [](std::int64_t i, const Shape& s) {
      return static_cast<std::size_t>(i * s.elements());
    };
    std::size_t next = 0;
    for (std::int64_t i = 0; i < a.shape()[0]; ++i) {
      const WideArray product = dot_wide(a, at(i, left), left, b, at(i, right), right);
      for (std::size_t k = 0; k < product.size(); ++k) out[0][next++] = product[k];
    }
  }
  friend bool operator==(const BatchedDot&, const BatchedDot&) = default;

 private:
  static Shape product_shape(const Shape& a, const Shape& b) {
    if (a[0] != b[0] && a[0] != unknown && b[0] != unknown) {
      throw ShapeError(fmt::format("{} matrices meet {}", a[0], b[0]));
    }
    const Shape product = dot_shape({a[1], a[2]}, {b[1], b[2]});
    return {a[0] == unknown ? b[0] : a[0], product[0], product[1]};
  }
};

}  // namespace

bool is_batched_dot(const Var& v) { return as<BatchedDot>(v) != nullptr; }

Var batched_dot(const Arg& a, const Arg& b) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const DType dtype = promote(promote(a.dtype(), b.dtype()), DType::int64);
  const auto batch = [&](const Arg& x, int vector_axis) {
    const Var v = x.var();
    if (v.ndim() < 2 || v.ndim() > 3) {
      throw ShapeError(
          fmt::format("batched_dot: expected a batch of vectors or matrices, got {}", describe(v)));
    }
    const Var converted = v.dtype() == dtype ? v : cast(v, dtype);
    return v.ndim() == 3 ? converted : expand_dims(converted, vector_axis);
  };
  const Var product = make_var(std::make_shared<BatchedDot>(), {batch(a, 1), batch(b, 2)});
  std::vector<AxisEntry> kept{0};
  if (a.var().ndim() == 3) kept.emplace_back(1);
  if (b.var().ndim() == 3) kept.emplace_back(2);
  return dimshuffle(product, kept);
}

DAMO_OPS(batched_dot) {
  ops.reader({"batched_dot", read_plain<BatchedDot>, 2, 2});
  ops.sample({.name = "batched_dot", .inputs = {{"bmk"}, {"bkn"}}, .apply = [](const Vars& in) {
                return batched_dot(in[0], in[1]);
              }});
}

}  // namespace damo
