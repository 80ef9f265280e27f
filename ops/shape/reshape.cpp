#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/shape/reshape.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>

namespace damo {
namespace {

std::size_t count(const Shape& dims, std::int64_t value) {
  return static_cast<std::size_t>(std::count(dims.begin(), dims.end(), value));
}

std::string sizes_text(const Shape& dims) {
  return "{" +
         joined(dims,
                [](std::int64_t n) {
                  return n == Reshape::rest ? std::string("-1")
                                            : (n == unknown ? "?" : std::to_string(n));
                }) +
         "}";
}

/// What is known of a size from the few nodes nearest to it.
Fact fact_of_size(const Var& size, int depth = 4) {
  const Apply& node = size.owner();
  std::vector<Fact> in(node.inputs().size());
  if (depth > 0 && as<ShapeOf>(size) == nullptr) {
    for (std::size_t i = 0; i < in.size(); ++i) in[i] = fact_of_size(node.input(i), depth - 1);
  }
  std::vector<Fact> out(node.n_outputs());
  node.op().facts(node, in, out);
  return out[size.index()];
}

/// Whether a run may find -1 there.
bool may_be_open(const Var& size) {
  const Fact fact = fact_of_size(size);
  return !fact.count && !fact.nonnegative;
}

/// Sizes that are asked for, some of which a run may find to be -1.
struct OpenSizes {
  explicit OpenSizes(const Vars& asked) {
    Vars counts;
    for (const Var& n : asked) {
      is_open.push_back(may_be_open(n) ? n < 0 : Var{});
      const Var& open = is_open.back();
      others.push_back(open.defined() ? where(open, 1, n) : n);
      if (open.defined()) counts.push_back(cast(open, DType::int64));
    }
    product = size_product(others);
    n_open = size_sum(counts);
  }
  Vars is_open;  ///< null where it cannot be
  Vars others;   ///< the sizes, 1 for -1
  Var product;   ///< of these
  Var n_open;
};

}  // namespace

std::string Reshape::parameters() const { return sizes_text(dims_); }

namespace {

OpPtr read_reshape(OpText& text) {
  return std::make_shared<Reshape>(
      text.parameters.sizes("{", "}", {{"-1", Reshape::rest}, {"?", unknown}}));
}

}  // namespace

void Reshape::settle(Shape& dims, const Shape& from) {
  if (count(dims, rest) > 1)
    throw ShapeError(fmt::format("more than one size of {} is -1", sizes_text(dims)));
  const std::int64_t total = from.elements();
  std::int64_t others = 1;
  for (const std::int64_t n : dims) others *= n == rest ? 1 : n;
  const bool open = count(dims, rest) > 0;
  if (open ? (others == 0 || total % others != 0) : others != total) {
    throw ShapeError(fmt::format("shape {} has {} elements and cannot become {}",
                                 dims_to_string(from), total, sizes_text(dims)));
  }
  std::replace(dims.begin(), dims.end(), rest, others == 0 ? 0 : total / others);
}

std::vector<TensorType> Reshape::infer(std::span<const TensorType> in) const {
  check_arity(in, 1 + count(dims_, unknown));
  for (const TensorType& size : in.subspan(1)) check_int_scalar(size);
  if (count(dims_, rest) > 1) throw ShapeError("more than one size is -1");
  TensorType out{in[0].dtype, dims_};
  if (count(dims_, unknown) == 0 && count(in[0].dims, unknown) == 0) {
    settle(out.dims, in[0].dims);
  } else {
    std::replace(out.dims.begin(), out.dims.end(), rest, unknown);
  }
  return {out};
}

std::vector<std::optional<Vars>> Reshape::shape_rule(const Apply& node,
                                                     const std::vector<Vars>& shapes) const {
  Vars sizes;
  Vars others;
  std::size_t next = 1;
  for (const std::int64_t n : dims_) {
    sizes.push_back(n == unknown ? node.input(next++) : int_constant(n));
    if (n != rest) others.push_back(sizes.back());
  }
  for (std::size_t i = 0; i < dims_.rank(); ++i) {
    const std::int64_t known = node.types()[0].dims[i];
    if (known != unknown) {
      sizes[i] = int_constant(known);
    } else if (dims_[i] == rest) {
      sizes[i] = others.empty() ? size_product(shapes[0])
                                : floor_div(size_product(shapes[0]), size_product(others));
    }
  }
  if (count(dims_, rest) > 0) return {sizes};
  const OpenSizes asked(others);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!asked.is_open[i].defined() || node.types()[0].dims[i] != unknown) continue;
    sizes[i] =
        where(asked.is_open[i], floor_div(size_product(shapes[0]), asked.product), others[i]);
  }
  return {sizes};
}

std::vector<Demand> Reshape::demands(const Apply& node, const std::vector<Vars>& shapes) const {
  std::vector<Demand> all;
  const auto at_least = [&](const Var& a, const Var& b) {
    all.push_back({Demand::Kind::at_least, a, b});
  };
  Vars sizes;
  std::size_t next = 1;
  const bool open = count(dims_, rest) > 0;
  for (const std::int64_t n : dims_) {
    if (n == rest) continue;
    sizes.push_back(n == unknown ? node.input(next++) : int_constant(n));
    // Beside a 0 the open size could be anything.
    if (open ? n == unknown || n == 0 : n == unknown)
      at_least(sizes.back(), int_constant(open ? 1 : -1));
  }
  const Var total = size_product(shapes[0]);
  if (open) {
    const Var others = size_product(sizes);
    if (!sizes.empty())
      all.push_back({Demand::Kind::equal, total, floor_div(total, others) * others});
    return all;
  }
  const OpenSizes asked(sizes);
  if (scalar_constant(asked.n_open)) {
    all.push_back({Demand::Kind::equal, total, asked.product});
    return all;
  }
  at_least(int_constant(1), asked.n_open);
  at_least(asked.product, asked.n_open);
  all.push_back(
      {Demand::Kind::equal, total,
       where(asked.n_open > 0, floor_div(total, asked.product) * asked.product, asked.product)});
  return all;
}

Gradients Reshape::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  result[0] = reshape(g[0], sizes(node.input(0)));
  return result;
}

Vars Reshape::push_forward(const Apply& node, const Vars& tangents) const {
  if (!tangents[0].defined()) return {Var{}};
  return {reapply(node, tangents[0])};
}

void Reshape::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  out[0] = dims_;
  std::size_t next = 1;
  for (std::int64_t& n : out[0]) {
    if (n != unknown) continue;
    const Tensor& size = *in[next++];
    n = size.first<std::int64_t>() == -1 ? rest : run_time_size(size);
  }
  settle(out[0], in[0]->shape);
}

bool Reshape::shapes_need_values() const { return count(dims_, unknown) > 0; }

void Reshape::perform_wide(const Apply& node, WidesIn in, WidesOut out) const {
  move_wide(node, in, 1, out);
}

void Reshape::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  if (in[0]->data == out[0]->data) return;
  const Shape& shape = in[0]->shape;
  copy(*in[0], {out[0]->data, out[0]->dtype, shape, contiguous_strides(shape)});
}

Printed Reshape::print(const Apply&, std::span<const Printed> inputs) const {
  std::size_t next = 1;
  const std::string sizes = joined(dims_, [&](std::int64_t n) {
    return n == rest ? std::string("-1") : (n == unknown ? inputs[next++].text : std::to_string(n));
  });
  return {fmt::format("reshape({}, {{{}}})", inputs[0].text, sizes)};
}

Var reshape(const Arg& x, const Sizes& sizes) {
  const Var v = x.var();
  const SplitSizes split = split_sizes(sizes, Reshape::rest);
  if (split.inputs.empty() && split.dims == v.type().dims) return v;
  Vars inputs{v};
  inputs.insert(inputs.end(), split.inputs.begin(), split.inputs.end());
  return make_var(std::make_shared<Reshape>(split.dims), std::move(inputs), x.site());
}

Var flatten(const Arg& x, int ndim) {
  const Var v = x.var();
  if (ndim < 1 || (v.ndim() > 0 && ndim > static_cast<int>(v.ndim()))) {
    throw ShapeError(fmt::format("flatten: cannot leave {} dimensions of {}, at {}", ndim,
                                 to_string(v.type()), to_string(x.site())));
  }
  if (v.ndim() == static_cast<std::size_t>(ndim)) return v;
  if (ndim == 1) return reshape(x, {-1});
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Vars all = sizes(v);
  const auto split = all.begin() + (ndim - 1);
  Vars joined(all.begin(), split);
  joined.push_back(size_product(Vars(split, all.end())));
  return reshape(v, joined);
}

Var ravel(const Arg& x) { return flatten(x); }

Var Var::reshape(const Sizes& sizes, Site site) const {
  return damo::reshape(Arg(*this, site.file, site.line), sizes);
}
Var Var::flatten(int ndim, Site site) const {
  return damo::flatten(Arg(*this, site.file, site.line), ndim);
}
Var Var::ravel(Site site) const { return damo::ravel(Arg(*this, site.file, site.line)); }

DAMO_OPS(reshape) {
  ops.reader({"reshape", read_reshape, 1, OpReader::any});
  ops.sample({.name = "reshape", .inputs = {{"mnk"}}, .apply = [](const Vars& in) {
                return reshape(in[0], {in[0].shape(0) * in[0].shape(2), in[0].shape(1)});
              }});
  ops.sample({.name = "reshape with one size open",
              .inputs = {{"mnk"}},
              .apply =
                  [](const Vars& in) {
                    return reshape(in[0], {in[0].shape(0), -1});
                  },
              .nonempty = "m"});
  ops.sample({.name = "reshape with a size that is -1 when it runs",
              .inputs = {{"mnk"}, {.dims = "", .low = -1, .high = -1, .dtype = DType::int64}},
              .apply =
                  [](const Vars& in) {
                    return reshape(in[0], {in[0].shape(0), in[1]});
                  },
              .nonempty = "m"});
}

}  // namespace damo
