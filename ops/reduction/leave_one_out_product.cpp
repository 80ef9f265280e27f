#include <fmt/format.h>

#include <numeric>

#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/reductions/products_of_others.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// For each element the product of the other elements of its row (the last axis), from running
/// products from both ends: no division, so zeros are harmless.
class ProductOfOthers final : public OpOf<ProductOfOthers> {
 public:
  std::string name() const override { return "product_of_others"; }
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override {
    out[0] = unless_wrapped(fact_of_product(in[0], in[0]), node.types()[0].dtype);
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1);
    return {in[0]};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[0]};
  }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    return {times_derivative(node.input(0), g[0])};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    return {times_derivative(node.input(0), tangents[0])};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    products_of_others(*in[0], *out[0]);
  }
  friend bool operator==(const ProductOfOthers&, const ProductOfOthers&) = default;

 private:
  /// The derivative of output i with respect to element k is the product of all others, symmetric
  /// in i and k: so the same for both modes.
  static Var times_derivative(const Var& x, const Var& g) {
    const int last = static_cast<int>(x.ndim()) - 1;
    const Var n = size_at(x, x.ndim() - 1);
    const Var diagonal = eye(n, boolean);
    const Var without_own = where(diagonal, 1, expand_dims(x, last));
    const Var others = make_var(std::make_shared<ProductOfOthers>(), {without_own});
    return sum(where(diagonal, 0, expand_dims(g, last) * others), -1);
  }
};

}  // namespace

Var product_of_others(const Var& x, std::uint32_t axes) {
  std::vector<int> order;
  std::size_t kept = 0;
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = 0; i < x.ndim(); ++i) {
      if ((axes >> i & 1U) == static_cast<unsigned>(pass)) order.push_back(static_cast<int>(i));
    }
    if (pass == 0) kept = order.size();
  }
  if (kept == x.ndim()) return ones_like(x);
  const Var moved = shuffle_axes(x, order);
  const bool one_axis = kept + 1 == x.ndim();
  const Var rows = one_axis ? moved : flatten(moved, static_cast<int>(kept) + 1);
  const Var others = make_var(std::make_shared<ProductOfOthers>(), {rows});
  return shuffle_axes(one_axis ? others : reshape(others, sizes(moved)),
                      DimShuffle(order).inverse(x.ndim()));
}

DAMO_OPS(leave_one_out_product) {
  ops.reader({"product_of_others", read_plain<ProductOfOthers>, 1, 1});
  ops.sample({.name = "product_of_others", .inputs = {{"mn"}}, .apply = [](const Vars& in) {
                return product_of_others(in[0], 2U);
              }});
}

}  // namespace damo
