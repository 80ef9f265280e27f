#include <fmt/format.h>

#include <functional>
#include <map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/samples.hpp>
#include <damo/ops/random/stream_draws.hpp>

namespace damo {

using detail::key_of;

namespace {

using Generator = Draw::Generator;

constexpr const char* numpy_prefix = "numpy_";

bool has(const Distribution& d, Generator generator) {
  if (generator == Generator::mt19937) return d.numpy != nullptr;
  return d.philox != nullptr || d.fill != nullptr;
}

bool allows(Distribution::Dtypes allowed, DType dtype) {
  if (allowed == Distribution::Dtypes::any) return true;
  return allowed == Distribution::Dtypes::floats ? is_float(dtype) : dtype == DType::int64;
}

/// Throws TypeError where the op makes no sense, whatever it is applied to.
void check_op(const Draw& draw) {
  const Distribution& d = draw.distribution();
  if (!has(d, draw.generator())) throw TypeError(fmt::format("there is no {} draw", draw.name()));
  if (!allows(d.dtypes, draw.dtype()))
    throw TypeError(fmt::format("there is no {} draw of {}", d.name, name(draw.dtype())));
  if ((d.ranks == Distribution::Ranks::one && draw.rank() != 1) ||
      (d.ranks == Distribution::Ranks::at_least_one && draw.rank() == 0))
    throw ShapeError(fmt::format("there is no {} draw of {} dimensions", d.name, draw.rank()));
}

/// Whether a float32 parameter has one number, without gaps, for each element of the sample.
bool is_given_for_each(const Tensor& parameter, const Tensor& sample) {
  return parameter.dtype == DType::float32 && parameter.shape == sample.shape &&
         parameter.contiguous();
}

/// The distributions that text may name.
std::map<std::string, const Distribution*, std::less<>>& known() {
  static std::map<std::string, const Distribution*, std::less<>> all;
  return all;
}

OpPtr read_draw(OpText& text) {
  const auto generator =
      text.name.starts_with(numpy_prefix) ? Generator::mt19937 : Generator::philox;
  const Distribution& distribution = *known().find(text.name)->second;
  const DType dtype = text.parameters.dtype();
  const Shape dims = text.parameters.dims();
  return std::make_shared<Draw>(distribution, dtype, dims, generator);
}

}  // namespace

void add_draws(OpList& ops, const Distribution& distribution) {
  for (const Generator g : {Generator::philox, Generator::mt19937}) {
    if (!has(distribution, g)) continue;
    std::string name = distribution.name;
    if (g == Generator::mt19937) name.insert(0, numpy_prefix);
    const auto at = known().emplace(std::move(name), &distribution).first;
    ops.reader({at->first, read_draw, 1, OpReader::any});
  }
}

namespace detail {

PhiloxKey key_of(const Tensor& state) {
  const auto* s = state.as<std::int64_t>();
  const std::int64_t step = state.strides[0];
  return {static_cast<std::uint64_t>(s[0]), static_cast<std::uint64_t>(s[step]),
          static_cast<std::uint64_t>(s[2 * step])};
}

}  // namespace detail

std::string Draw::name() const {
  return generator_ == Generator::philox ? distribution_->name
                                         : fmt::format("{}{}", numpy_prefix, distribution_->name);
}

std::string Draw::parameters() const {
  return fmt::format("{} {}", damo::name(dtype_), dims_to_string(dims_));
}

std::vector<TensorType> Draw::infer(std::span<const TensorType> in) const {
  check_op(*this);
  if (in.size() < 1 + rank() || in[0].dtype != DType::int64 || in[0].rank() != 1) {
    throw TypeError("needs a stream's state (an int64 vector) and one size an axis");
  }
  const std::size_t n_parameters = distribution_->n_parameters;
  if (in.size() != 1 + rank() + n_parameters)
    throw TypeError(fmt::format("needs {} parameters after state and sizes", n_parameters));
  for (std::size_t i = 1; i <= rank(); ++i) {
    if (in[i].dtype != DType::int64 || in[i].rank() != 0) {
      throw TypeError(fmt::format("a size must be an int64 scalar, got {}", to_string(in[i])));
    }
  }
  for (std::size_t i = 0; i < n_parameters; ++i) {
    const TensorType& type = in[1 + rank() + i];
    if (!distribution_->takes(i, type, rank())) {
      throw ShapeError(fmt::format("a parameter of type {} does not fit a sample {} {}",
                                   to_string(type), damo::name(dtype_), dims_to_string(dims_)));
    }
  }
  if (generator_ == Generator::philox) return {{dtype_, dims_}};
  return {{dtype_, dims_}, in[0]};
}

std::vector<std::optional<Vars>> Draw::shape_rule(const Apply& node,
                                                  const std::vector<Vars>& shapes) const {
  const auto first = node.inputs().begin() + 1;
  std::vector<std::optional<Vars>> rules{Vars(first, first + static_cast<std::ptrdiff_t>(rank()))};
  if (generator_ == Generator::mt19937) rules.emplace_back(shapes[0]);
  return rules;
}

std::vector<Demand> Draw::demands(const Apply& node, const std::vector<Vars>&) const {
  std::vector<Demand> all;
  for (std::size_t i = 0; i < rank(); ++i)
    all.push_back({Demand::Kind::at_least, node.input(1 + i), int_constant(0)});
  return all;
}

bool Draw::has_derivative(const Var& parameter) const {
  return distribution_->derivatives != nullptr && parameter.ndim() == rank();
}

Gradients Draw::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  for (std::size_t i = 1 + rank(); i < result.size(); ++i) {
    if (has_derivative(node.input(i))) {
      if (g[0].defined()) result[i] = g[0] * distribution_->derivatives(node)[i - 1 - rank()];
      continue;
    }
    result[i] = Gradient::undefined(
        fmt::format("{} is a random draw, and a draw has no derivative in its parameters",
                    describe(node.output())));
  }
  return result;
}

void Draw::facts(const Apply&, std::span<const Fact> in, std::span<Fact> out) const {
  if (distribution_->facts != nullptr) out[0] = distribution_->facts(in.subspan(1 + rank()));
}

Vars Draw::push_forward(const Apply& node, const Vars& tangents) const {
  Vars moved(node.n_outputs());
  for (std::size_t i = 1 + rank(); i < tangents.size(); ++i) {
    if (!tangents[i].defined()) continue;
    if (!has_derivative(node.input(i))) {
      throw GradError(
          fmt::format("Rop: {} is a random draw, and a draw has no derivative in its parameters",
                      describe(node.output())));
    }
    const Var term = tangents[i] * distribution_->derivatives(node)[i - 1 - rank()];
    moved[0] = add_or_either(moved[0], term);
  }
  return moved;
}

void Draw::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  Shape shape;
  for (std::size_t i = 1; i <= rank(); ++i) {
    const auto size = in[i]->first<std::int64_t>();
    if (size < 0) throw ShapeError(fmt::format("negative size {}", size));
    if (dims_[i - 1] != unknown && dims_[i - 1] != size) {
      throw ShapeError(
          fmt::format("size {} at axis {}, but {} was declared", size, i - 1, dims_[i - 1]));
    }
    shape.push_back(size);
  }
  const std::int64_t numbers = generator_ == Generator::philox ? 3 : numpy_state_size;
  if (in[0]->elements() != numbers) {
    throw ShapeError(
        fmt::format("the state of this stream has {} numbers, got {}", numbers, in[0]->elements()));
  }
  out[0] = shape;
  if (generator_ == Generator::mt19937) out[1] = in[0]->shape;
}

void Draw::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace& scratch) const {
  if (generator_ == Generator::philox) {
    perform_philox(in, *out[0], scratch);
  } else {
    perform_mt19937(in, out, scratch);
  }
}

void Draw::fill(const Tensor& state, std::int64_t first, std::int64_t n, void* out) const {
  distribution_->fill(key_of(state), first, n, dtype_, out);
}

void Draw::fill_from(const Tensor& state, std::int64_t first, std::int64_t n,
                     const float* parameter, float* out) const {
  distribution_->fill_from(key_of(state), first, n, parameter, out);
}

void Draw::perform_philox(TensorsIn in, const Tensor& out, Workspace& scratch) const {
  const std::int64_t n = out.elements();
  if (fillable()) {
    parallel_for(n, 4 * 4096, [&](std::int64_t begin, std::int64_t end) {
      fill(*in[0], begin, end - begin,
           out.data + begin * static_cast<std::int64_t>(item_size(dtype_)));
    });
    return;
  }
  const TensorsIn parameters = in.subspan(1 + rank());
  if (fillable_from_parameter() && is_given_for_each(*parameters[0], out)) {
    const float* from = parameters[0]->as<const float>();
    parallel_for(n, 4 * 4096, [&](std::int64_t begin, std::int64_t end) {
      fill_from(*in[0], begin, end - begin, from + begin, out.as<float>() + begin);
    });
    return;
  }
  detail::Room room = detail::room_for(*distribution_, parameters, out.shape, scratch);
  PhiloxSample sample{{*distribution_, parameters, out, room}, key_of(*in[0])};
  if (n > 0) distribution_->philox(sample);
}

void Draw::perform_mt19937(TensorsIn in, TensorsOut out, Workspace& scratch) const {
  const Tensor& state = *in[0];
  const auto* packed = state.as<std::int64_t>();
  const std::int64_t step = state.strides[0];
  Mt19937 g(packed, step);
  const TensorsIn parameters = in.subspan(1 + rank());
  detail::Room room = detail::room_for(*distribution_, parameters, out[0]->shape, scratch);
  NumpySample sample{{*distribution_, parameters, *out[0], room}, g};
  if (out[0]->elements() > 0) distribution_->numpy(sample);
  auto* next = out[1]->as<std::int64_t>();
  const std::int64_t made = packed[Mt19937::packed_size * step];
  g.pack(next);
  next[Mt19937::packed_size] = made + 1;
}

std::vector<std::pair<Var, Var>> Draw::state_updates(const Apply& node) const {
  if (generator_ == Generator::mt19937) return {{node.input(0), node.output(1)}};
  const Var step = constant(Array::from<std::int64_t>({0, 0, 1}), {}, node.site());
  return {{node.input(0), node.input(0) + step}};
}

DAMO_OPS(draw) {
  ops.sample({.name = "draw",
              .inputs = {{"m"}, {"n"}},
              .apply =
                  [](const Vars& in) {
                    return RandomStream(7).uniform({in[0].shape(0), in[1].shape(0)}, 0.0, 1.0,
                                                   DType::float64);
                  },
              .differentiable = false});
}

}  // namespace damo
