#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/graph/error.hpp>
#include <damo/graph/leaves.hpp>
#include <damo/graph/print.hpp>
#include <damo/ops/draw_op.hpp>
#include <damo/ops/kernels/copy.hpp>
#include <damo/ops/kernels/parallel.hpp>
#include <damo/ops/kernels/samplers.hpp>
#include <damo/ops/math.hpp>
#include <damo/ops/op_readers.hpp>

namespace damo {
namespace {

constexpr std::int64_t tile = 4096;

PhiloxKey key_of(const Tensor& state) {
  const auto* s = state.as<std::int64_t>();
  const std::int64_t step = state.strides[0];
  return {static_cast<std::uint64_t>(s[0]), static_cast<std::uint64_t>(s[step]),
          static_cast<std::uint64_t>(s[2 * step])};
}

/// `in` stretched to `shape`.
Tensor stretched(const Tensor& in, const Shape& shape) {
  Tensor wide{in.data, in.dtype, shape, {}};
  wide.strides.resize(shape.rank(), 0);
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if (in.shape[i] == shape[i] && in.shape[i] != 1) wide.strides[i] = in.strides[i];
    if (in.shape[i] != shape[i] && in.shape[i] != 1) {
      throw ShapeError(fmt::format("a parameter of shape {} does not fit the size {}",
                                   to_string(in.shape), to_string(shape)));
    }
  }
  return wide;
}

template <class T, class Out>
void sample_bernoulli(const PhiloxKey& key, const T* p, std::int64_t first, std::int64_t n,
                      Out* out) {
  T u[tile];
  for (std::int64_t done = 0; done < n; done += tile) {
    const std::int64_t count = std::min(tile, n - done);
    uniform(key, first + done, count, u);
    for (std::int64_t i = 0; i < count; ++i) out[done + i] = static_cast<Out>(u[i] < p[done + i]);
  }
}

/// The parameter's elements without gaps, in scratch memory when it has gaps.
Tensor dense(const Tensor& in, const Shape& shape, std::byte*& space) {
  const Tensor wide = stretched(in, shape);
  if (wide.contiguous()) return wide;
  const Tensor packed{space, in.dtype, shape, contiguous_strides(shape)};
  space += (static_cast<std::size_t>(packed.elements()) * item_size(in.dtype) + 63) / 64 * 64;
  copy(wide, packed);
  return packed;
}

std::size_t n_parameters(Draw::Distribution distribution) {
  switch (distribution) {
    case Draw::Distribution::bernoulli:
    case Draw::Distribution::poisson:
    case Draw::Distribution::gamma:
      return 1;
    case Draw::Distribution::binomial:
    case Draw::Distribution::truncated_normal:
      return 2;
    default:
      return 0;
  }
}

double element(const Tensor& t, std::int64_t i) {
  return dispatch(t.dtype,
                  [&](auto zero) { return static_cast<double>(t.as<decltype(zero)>()[i]); });
}

double sample(Draw::Distribution distribution, ElementUniforms& u, double a, double b) {
  switch (distribution) {
    case Draw::Distribution::binomial:
      return sample_binomial(u, a, b);
    case Draw::Distribution::poisson:
      return sample_poisson(u, a);
    case Draw::Distribution::gamma:
      return sample_gamma(u, a);
    default:
      return sample_truncated_normal(u, a, b);
  }
}

}  // namespace

void Draw::fill(const Tensor& state, std::int64_t first, std::int64_t n, void* out) const {
  const PhiloxKey key = key_of(state);
  const bool gaussian = distribution_ == Distribution::normal;
  if (dtype_ == DType::float32) {
    gaussian ? normal(key, first, n, static_cast<float*>(out))
             : uniform(key, first, n, static_cast<float*>(out));
  } else {
    gaussian ? normal(key, first, n, static_cast<double*>(out))
             : uniform(key, first, n, static_cast<double*>(out));
  }
}

std::string Draw::name() const {
  constexpr const char* names[] = {"uniform", "normal", "bernoulli",        "binomial",
                                   "poisson", "gamma",  "truncated_normal", "permutation"};
  return names[static_cast<std::size_t>(distribution_)];
}

std::string Draw::parameters() const {
  return fmt::format("{} {}", damo::name(dtype_), dims_to_string(dims_));
}

OpPtr read_draw(OpText& text) {
  auto distribution = Draw::Distribution::uniform;
  while (Draw(distribution, DType::float32, {}).name() != text.name)
    distribution = static_cast<Draw::Distribution>(static_cast<int>(distribution) + 1);
  const DType dtype = text.parameters.dtype();
  const Shape dims = text.parameters.dims();
  if (text.operands.size() != 1 + dims.rank() + n_parameters(distribution))
    text.parameters.fail("operands for a state, each size and each parameter, after this");
  const bool whole = distribution == Draw::Distribution::permutation;
  if (whole ? dtype != DType::int64 || dims.rank() != 1
            : distribution <= Draw::Distribution::normal && !is_float(dtype))
    text.parameters.fail("before this a type that the distribution has");
  return std::make_shared<Draw>(distribution, dtype, dims);
}

std::vector<TensorType> Draw::infer(std::span<const TensorType> in) const {
  if (in.size() < 1 + rank() || in[0].dtype != DType::int64 || in[0].rank() != 1) {
    throw TypeError("needs a stream's state (an int64 vector) and one size an axis");
  }
  for (std::size_t i = 1; i <= rank(); ++i) {
    if (in[i].dtype != DType::int64 || in[i].rank() != 0) {
      throw TypeError(fmt::format("a size must be an int64 scalar, got {}", to_string(in[i])));
    }
  }
  for (std::size_t i = 1 + rank(); i < in.size(); ++i) {
    if (in[i].rank() != 0 && in[i].rank() != rank()) {
      throw ShapeError(fmt::format("a parameter of type {} does not fit the size {}",
                                   to_string(in[i]), dims_to_string(dims_)));
    }
  }
  return {{dtype_, dims_}};
}

std::vector<std::optional<Vars>> Draw::shape_rule(const Apply& node,
                                                  const std::vector<Vars>&) const {
  return {Vars(node.inputs().begin() + 1,
               node.inputs().begin() + 1 + static_cast<std::ptrdiff_t>(rank()))};
}

Gradients Draw::gradient(const Apply& node, const Vars&) const {
  Gradients result(node.inputs().size());
  for (std::size_t i = 1 + rank(); i < result.size(); ++i) {
    result[i] = Gradient::undefined(
        fmt::format("{} is a random draw, and a draw has no derivative in its parameters",
                    describe(node.output())));
  }
  return result;
}

Vars Draw::push_forward(const Apply& node, const Vars& tangents) const {
  for (std::size_t i = 1 + rank(); i < tangents.size(); ++i) {
    if (tangents[i]) {
      throw GradError(
          fmt::format("Rop: {} is a random draw, and a draw has no derivative in its parameters",
                      describe(node.output())));
    }
  }
  return {Var{}};
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
  out[0] = shape;
}

void Draw::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace& scratch) const {
  const Tensor& result = *out[0];
  const std::int64_t n = result.elements();
  if (distribution_ <= Distribution::normal) {
    parallel_for(n, tile * 4, [&](std::int64_t begin, std::int64_t end) {
      fill(*in[0], begin, end - begin,
           result.data + begin * static_cast<std::int64_t>(item_size(dtype_)));
    });
    return;
  }
  const PhiloxKey key = key_of(*in[0]);
  std::byte* space =
      scratch.bytes(static_cast<std::size_t>(n) * 8 * (in.size() - 1 - rank()) + 128);
  if (distribution_ == Distribution::bernoulli) {
    const Tensor p = dense(*in[1 + rank()], result.shape, space);
    dispatch(p.dtype, [&](auto zero) {
      using T = decltype(zero);
      if constexpr (std::is_floating_point_v<T>) {
        dispatch(dtype_,
                 [&](auto o) { sample_bernoulli(key, p.as<T>(), 0, n, result.as<decltype(o)>()); });
      }
    });
    return;
  }
  if (distribution_ == Distribution::permutation) {
    sample_permutation(key, n, result.as<std::int64_t>());
    return;
  }
  const bool two = in.size() > 2 + rank();
  const Tensor first = dense(*in[1 + rank()], result.shape, space);
  const Tensor second = two ? dense(*in[2 + rank()], result.shape, space) : first;
  dispatch(dtype_, [&](auto o) {
    parallel_for(n, tile, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        ElementUniforms u(key, i);
        const double value = sample(distribution_, u, element(first, i), element(second, i));
        result.as<decltype(o)>()[i] = static_cast<decltype(o)>(value);
      }
    });
  });
}

std::vector<std::pair<Var, Var>> Draw::state_updates(const Apply& node) const {
  const Var step = constant(Array::from<std::int64_t>({0, 0, 1}), {}, node.site());
  return {{node.input(0), node.input(0) + step}};
}

}  // namespace damo
