#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/stream_draws.hpp>

namespace damo {
namespace {

using Distribution = Draw::Distribution;
using Generator = Draw::Generator;

enum class Generators : std::uint8_t { both, philox, mt19937 };
enum class Dtypes : std::uint8_t { floats, any, int64 };

struct Signature {
  const char* name;
  std::size_t n_parameters;
  Dtypes sample;
  Dtypes first_parameter;  ///< a second one is of floats, but that of randint
  Generators generators;
};

constexpr Signature signatures[] = {
    {"uniform", 0, Dtypes::floats, Dtypes::any, Generators::both},
    {"normal", 0, Dtypes::floats, Dtypes::any, Generators::both},
    {"bernoulli", 1, Dtypes::any, Dtypes::floats, Generators::both},
    {"binomial", 2, Dtypes::any, Dtypes::int64, Generators::both},
    {"poisson", 1, Dtypes::any, Dtypes::floats, Generators::both},
    {"gamma", 1, Dtypes::floats, Dtypes::floats, Generators::both},
    {"truncated_normal", 2, Dtypes::floats, Dtypes::floats, Generators::philox},
    {"permutation", 0, Dtypes::int64, Dtypes::any, Generators::both},
    {"beta", 2, Dtypes::floats, Dtypes::floats, Generators::both},
    {"randint", 2, Dtypes::int64, Dtypes::int64, Generators::both},
    {"multinomial", 2, Dtypes::any, Dtypes::int64, Generators::both},
    {"categorical", 1, Dtypes::int64, Dtypes::floats, Generators::both},
    {"choice", 1, Dtypes::int64, Dtypes::floats, Generators::both},
    {"choice_without_replacement", 1, Dtypes::int64, Dtypes::any, Generators::both},
    {"gumbel", 0, Dtypes::floats, Dtypes::any, Generators::mt19937},
    {"exponential", 0, Dtypes::floats, Dtypes::any, Generators::mt19937},
    {"laplace", 0, Dtypes::floats, Dtypes::any, Generators::mt19937},
    {"logistic", 0, Dtypes::floats, Dtypes::any, Generators::mt19937},
};
static_assert(std::size(signatures) == static_cast<std::size_t>(Distribution::logistic) + 1);

const Signature& signature(Distribution d) { return signatures[static_cast<std::size_t>(d)]; }

bool has(const Signature& s, Generator generator) {
  return s.generators == Generators::both ||
         (s.generators == Generators::philox) == (generator == Generator::philox);
}

bool fits(Dtypes allowed, DType dtype) {
  if (allowed == Dtypes::any) return true;
  return allowed == Dtypes::floats ? is_float(dtype) : dtype == DType::int64;
}

/// Whether a parameter fits a sample of rank `sample`.
bool parameter_fits(Distribution distribution, std::size_t i, const TensorType& type,
                    std::size_t sample) {
  switch (distribution) {
    case Distribution::categorical:
      return is_float(type.dtype) && type.rank() == sample + 1;
    case Distribution::choice:
      return is_float(type.dtype) && type.rank() == 1;
    case Distribution::choice_without_replacement:
      return type.rank() == 0 ? type.dtype == DType::int64
                              : type.rank() == 1 && is_float(type.dtype);
    default: {
      const bool later_is_float = i > 0 && distribution != Distribution::randint;
      const Dtypes allowed =
          later_is_float ? Dtypes::floats : signature(distribution).first_parameter;
      return fits(allowed, type.dtype) && (type.rank() == 0 || type.rank() == sample);
    }
  }
}

/// Throws TypeError where the op makes no sense, whatever it is applied to.
void check_op(const Draw& draw) {
  const Signature& s = signature(draw.distribution());
  if (!has(s, draw.generator())) throw TypeError(fmt::format("there is no {} draw", draw.name()));
  if (!fits(s.sample, draw.dtype()))
    throw TypeError(fmt::format("there is no {} draw of {}", s.name, name(draw.dtype())));
  const bool vector = draw.distribution() == Distribution::permutation ||
                      draw.distribution() == Distribution::choice ||
                      draw.distribution() == Distribution::choice_without_replacement;
  const bool rows = draw.distribution() == Distribution::multinomial;
  if ((vector && draw.rank() != 1) || (rows && draw.rank() == 0))
    throw ShapeError(fmt::format("there is no {} draw of {} dimensions", s.name, draw.rank()));
}

/// The density of a standard normal at `bound` over that at `z`.
Var density_ratio(const Var& bound, const Var& z) { return exp((sqr(z) - sqr(bound)) / 2); }

/// The part of the probability between `low` and `high` that lies between `from` and `to`, measured
/// in the tail in which the bounds lie.
Var part_of_normal(const Var& from, const Var& to, const Var& low, const Var& high) {
  const auto mass = [&](const Var& a, const Var& b) {
    const double scale = 0.7071067811865476;
    const Var upper = erfc(a * scale) - erfc(b * scale);
    const Var lower = erfc(-b * scale) - erfc(-a * scale);
    return where(low > 0, upper, lower);
  };
  return mass(from, to) / mass(low, high);
}

/// A truncated normal z at uniform number u solves F(z) = F(a) + u (F(b) - F(a)): its derivatives
/// in the bounds a and b.
Vars truncated_normal_derivatives(const Apply& node) {
  const std::size_t first = node.inputs().size() - 2;
  const DType dtype = node.types()[0].dtype;
  const Var a = cast(node.input(first), float64), b = cast(node.input(first + 1), float64);
  const Var z = cast(node.output(), float64);
  return {cast(part_of_normal(z, b, a, b) * density_ratio(a, z), dtype),
          cast(part_of_normal(a, z, a, b) * density_ratio(b, z), dtype)};
}

constexpr const char* once_only =
    "the derivative of a gamma or beta draw in its shapes has no derivative in turn";

/// Of a draw, in each of its parameters, while its quantile stays.
Vars derivatives(const Apply& node, Distribution distribution) {
  if (distribution == Distribution::truncated_normal) return truncated_normal_derivatives(node);
  const DType dtype = node.types()[0].dtype;
  const Var z = cast(node.output(), float64);
  const auto parameter = [&](std::size_t from_last) {
    return cast(node.input(node.inputs().size() - from_last), float64);
  };
  const auto result = [&](const Var& d) { return cast(grad_undefined(d, once_only), dtype); };
  if (distribution == Distribution::gamma) return {result(gamma_derivative(parameter(1), z))};
  const Var a = parameter(2), b = parameter(1);
  return {result(beta_derivative_a(a, b, z)), result(beta_derivative_b(a, b, z))};
}

}  // namespace

std::string Draw::name() const {
  const char* name = signature(distribution_).name;
  return generator_ == Generator::philox ? name : fmt::format("numpy_{}", name);
}

std::string Draw::parameters() const {
  return fmt::format("{} {}", damo::name(dtype_), dims_to_string(dims_));
}

namespace {

OpPtr read_draw(OpText& text) {
  std::string_view name = text.name;
  const bool numpy = name.starts_with("numpy_");
  if (numpy) name.remove_prefix(std::string_view("numpy_").size());
  std::size_t i = 0;
  while (signatures[i].name != name) ++i;
  const DType dtype = text.parameters.dtype();
  const Shape dims = text.parameters.dims();
  return std::make_shared<Draw>(static_cast<Distribution>(i), dtype, dims,
                                numpy ? Generator::mt19937 : Generator::philox);
}

}  // namespace

std::vector<TensorType> Draw::infer(std::span<const TensorType> in) const {
  check_op(*this);
  if (in.size() < 1 + rank() || in[0].dtype != DType::int64 || in[0].rank() != 1) {
    throw TypeError("needs a stream's state (an int64 vector) and one size an axis");
  }
  const std::size_t n_parameters = signature(distribution_).n_parameters;
  if (in.size() != 1 + rank() + n_parameters)
    throw TypeError(fmt::format("needs {} parameters after state and sizes", n_parameters));
  for (std::size_t i = 1; i <= rank(); ++i) {
    if (in[i].dtype != DType::int64 || in[i].rank() != 0) {
      throw TypeError(fmt::format("a size must be an int64 scalar, got {}", to_string(in[i])));
    }
  }
  for (std::size_t i = 0; i < n_parameters; ++i) {
    const TensorType& type = in[1 + rank() + i];
    if (!parameter_fits(distribution_, i, type, rank())) {
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
  const bool smooth = distribution_ == Distribution::truncated_normal ||
                      distribution_ == Distribution::gamma || distribution_ == Distribution::beta;
  return smooth && parameter.ndim() == rank();
}

Gradients Draw::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  for (std::size_t i = 1 + rank(); i < result.size(); ++i) {
    if (has_derivative(node.input(i))) {
      if (g[0].defined()) result[i] = g[0] * derivatives(node, distribution_)[i - 1 - rank()];
      continue;
    }
    result[i] = Gradient::undefined(
        fmt::format("{} is a random draw, and a draw has no derivative in its parameters",
                    describe(node.output())));
  }
  return result;
}

void Draw::facts(const Apply&, std::span<const Fact> in, std::span<Fact> out) const {
  switch (distribution_) {
    case Distribution::bernoulli:
      out[0] = zero_or_one;
      break;
    case Distribution::uniform:
      out[0] = {.nonnegative = true, .at_most_one = true, .finite = true};
      break;
    case Distribution::beta:
      out[0] = zero_to_one;
      break;
    case Distribution::gamma:
    case Distribution::exponential:
      out[0] = {.nonnegative = true};
      break;
    case Distribution::randint:  // from in[n - 2] on
      out[0] = {.nonnegative = in[in.size() - 2].nonnegative, .integer = true};
      break;
    case Distribution::binomial:
    case Distribution::poisson:
    case Distribution::permutation:
    case Distribution::multinomial:
    case Distribution::categorical:
    case Distribution::choice:
    case Distribution::choice_without_replacement:
      out[0] = {.nonnegative = true, .integer = true};
      break;
    default:
      break;
  }
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
    const Var term = tangents[i] * derivatives(node, distribution_)[i - 1 - rank()];
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

std::vector<std::pair<Var, Var>> Draw::state_updates(const Apply& node) const {
  if (generator_ == Generator::mt19937) return {{node.input(0), node.output(1)}};
  const Var step = constant(Array::from<std::int64_t>({0, 0, 1}), {}, node.site());
  return {{node.input(0), node.input(0) + step}};
}

DAMO_OPS(draw) {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const Signature& s : signatures) {
      if (has(s, Generator::philox)) list.emplace_back(s.name);
      if (has(s, Generator::mt19937)) list.push_back(fmt::format("numpy_{}", s.name));
    }
    return list;
  }();
  for (const std::string& name : names) ops.reader({name, read_draw, 1, OpReader::any});
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
