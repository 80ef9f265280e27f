#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>

namespace damo {

std::vector<TensorType> ShapeOf::infer(std::span<const TensorType> in) const {
  if (axis_ >= in[0].rank()) {
    throw ShapeError(fmt::format("there is no axis {} in {}", axis_, to_string(in[0])));
  }
  return {{DType::int64, {}}};
}

std::vector<std::optional<Vars>> ShapeOf::shape_rule(const Apply&, const std::vector<Vars>&) const {
  return {Vars{}};
}

Vars ShapeOf::push_forward(const Apply&, const Vars&) const { return {Var{}}; }

void ShapeOf::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  *out[0]->as<std::int64_t>() = in[0]->shape[axis_];
}

Printed ShapeOf::print(const Apply&, std::span<const Printed> inputs) const {
  return {fmt::format("{}.shape({})", closed(inputs[0]), axis_)};
}

std::vector<TensorType> MakeVector::infer(std::span<const TensorType> in) const {
  for (const TensorType& t : in) {
    if (t.rank() != 0 || t.dtype != dtype_) {
      throw TypeError(
          fmt::format("expected scalars of dtype {}, got {}", damo::name(dtype_), to_string(t)));
    }
  }
  return {{dtype_, {static_cast<std::int64_t>(in.size())}}};
}

std::vector<std::optional<Vars>> MakeVector::shape_rule(const Apply& node,
                                                        const std::vector<Vars>&) const {
  return {Vars{int_constant(static_cast<std::int64_t>(node.inputs().size()))}};
}

Gradients MakeVector::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  if (!is_float(dtype_)) return result;
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = g[0][static_cast<std::int64_t>(i)];
  return result;
}

Vars MakeVector::push_forward(const Apply& node, const Vars& tangents) const {
  return reapply_with_zeros(node, tangents);
}

void MakeVector::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  Tensor slot{out[0]->data, dtype_, {}, {}};
  for (const Tensor* t : in) {
    copy(*t, slot);
    slot.data += item_size(dtype_);
  }
}

Printed MakeVector::print(const Apply&, std::span<const Printed> inputs) const {
  return {fmt::format("[{}]", joined(inputs, [](const Printed& p) { return p.text; }))};
}

std::pair<Var, std::size_t> source_of_size(Var v, std::size_t axis) {
  while (!is_leaf(v)) {
    const Apply& node = v.owner();
    std::vector<Vars> shapes;
    for (const Var& in : node.inputs()) {
      Vars shape;
      for (std::size_t i = 0; i < in.ndim(); ++i)
        shape.push_back(make_var(std::make_shared<ShapeOf>(i), {in}, in.site()));
      shapes.push_back(std::move(shape));
    }
    const auto shape = node.op().shape_rule(node, shapes)[v.index()];
    const auto* size = shape ? as<ShapeOf>((*shape)[axis]) : nullptr;
    if (size == nullptr) return {};
    const Var of = (*shape)[axis].inputs()[0];
    axis = size->axis();
    v = of;
  }
  return {v, axis};
}

Var size_at(const Var& x, std::size_t axis) {
  if (axis < x.ndim() && x.type().dims[axis] != unknown) return int_constant(x.type().dims[axis]);
  return make_var(std::make_shared<ShapeOf>(axis), {x}, x.site());
}

Vars sizes(const Var& x) {
  Vars all;
  for (std::size_t i = 0; i < x.ndim(); ++i) all.push_back(size_at(x, i));
  return all;
}

Var make_vector(const Vars& scalars, Site site) {
  const DType dtype = scalars.empty() ? DType::int64 : scalars.front().dtype();
  return make_var(std::make_shared<MakeVector>(dtype), scalars, site);
}

Var shape(const Arg& x) { return make_vector(sizes(x.var()), x.site()); }

Var size_product(const Vars& sizes) {
  std::int64_t known = 1;
  Var rest;
  for (const Var& n : sizes) {
    if (const Array* value = constant_value(n)) {
      known *= value->item<std::int64_t>();
    } else {
      rest = rest.defined() ? rest * n : n;
    }
  }
  if (!rest.defined()) return int_constant(known);
  return known == 1 ? rest : rest * known;
}

Vars running_size_sums(const Vars& sizes) {
  Vars sums{int_constant(0)};
  std::int64_t known = 0;
  Var rest;
  for (const Var& n : sizes) {
    if (const Array* value = constant_value(n)) {
      known += value->item<std::int64_t>();
    } else {
      rest = rest.defined() ? rest + n : n;
    }
    if (!rest.defined()) {
      sums.push_back(int_constant(known));
    } else {
      sums.push_back(known == 0 ? rest : rest + known);
    }
  }
  return sums;
}

Var size_sum(const Vars& sizes) { return running_size_sums(sizes).back(); }

Var size(const Arg& x) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return size_product(sizes(x.var()));
}

Var Var::shape(Site site) const { return damo::shape(Arg(*this, site.file, site.line)); }

Var Var::shape(int axis, Site site) const {
  const SiteScope scope(SiteScope::or_else(site));
  const int rank = static_cast<int>(ndim());
  if (axis < -rank || axis >= rank) {
    throw ShapeError(fmt::format("shape: there is no axis {} in {}, at {}", axis, to_string(type()),
                                 to_string(site)));
  }
  return size_at(*this, static_cast<std::size_t>(axis < 0 ? axis + rank : axis));
}

namespace {

OpPtr read_shape(OpText& text) {
  return std::make_shared<ShapeOf>(text.parameters.number_below(max_rank, "an axis"));
}
OpPtr read_make_vector(OpText& text) {
  return std::make_shared<MakeVector>(text.parameters.dtype());
}

}  // namespace

DAMO_OPS(shape_of) {
  ops.reader({"shape", read_shape, 1, 1});
  ops.reader({"make_vector", read_make_vector, 0, OpReader::any});
  ops.sample({.name = "shape",
              .inputs = {{"mn"}},
              .apply = [](const Vars& in) { return in[0].shape(1); },
              .differentiable = false});
  ops.sample({.name = "make_vector", .inputs = {{""}, {""}, {""}}, .apply = [](const Vars& in) {
                return make_vector(in);
              }});
}

}  // namespace damo
