#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/indexing/index_spec.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/kernels/movement/true_positions.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo {
namespace {

/// The positions of the elements that hold.
///   inputs   [mask, the size it must have along each axis (int64 scalars)...]
///   outputs  an int64 vector for each axis
class NonZero final : public OpOf<NonZero> {
 public:
  std::string name() const override { return "nonzero"; }
  void facts(const Apply&, std::span<const Fact>, std::span<Fact> out) const override {
    for (Fact& f : out) f = {.nonnegative = true, .integer = true};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1 + in[0].rank());
    if (in[0].dtype != DType::boolean || in[0].rank() == 0) {
      throw TypeError(fmt::format("expected a bool tensor, got {}", to_string(in[0])));
    }
    for (const TensorType& size : in.subspan(1)) check_int_scalar(size);
    return std::vector<TensorType>(in[0].rank(), {DType::int64, {unknown}});
  }
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override {
    std::vector<Demand> all;
    for (std::size_t i = 0; i < shapes[0].size(); ++i)
      all.push_back({Demand::Kind::equal, shapes[0][i], node.input(1 + i)});
    return all;
  }
  Vars push_forward(const Apply& node, const Vars&) const override {
    return Vars(node.n_outputs());
  }
  void run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const override {
    const Tensor& mask = *in[0];
    for (std::size_t i = 0; i < mask.rank(); ++i) {
      if (const auto wanted = in[1 + i]->first<std::int64_t>(); mask.shape[i] != wanted) {
        throw ShapeError(fmt::format("axis {} of the mask has size {}, what it selects from has {}",
                                     i, mask.shape[i], wanted));
      }
    }
    const std::int64_t n = count_true(mask);
    for (Shape& shape : out) shape = {n};
  }
  bool shapes_need_values() const override { return true; }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    positions_of_true(*in[0], out);
  }
  friend bool operator==(const NonZero&, const NonZero&) = default;
};

}  // namespace

Vars nonzero_in(const Var& mask, const Vars& sizes) {
  Vars inputs{mask};
  inputs.insert(inputs.end(), sizes.begin(), sizes.end());
  return make_node(std::make_shared<NonZero>(), std::move(inputs), mask.site());
}

DAMO_OPS(nonzero) {
  ops.reader({"nonzero", read_plain<NonZero>, 1, OpReader::any});
  ops.sample({.name = "nonzero",
              .inputs = {{.dims = "mn", .low = 0, .high = 1, .dtype = DType::boolean}},
              .apply = [](const Vars& in) { return nonzero(in[0])[1]; },
              .differentiable = false,
              .shape_known = false});
}

}  // namespace damo
