#include <cmath>

#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/scaled_math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/kernels/random/numpy_samplers.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/samples.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/shape/shape.hpp>

// Draws of real numbers whose samplers see their parameters, and their derivatives in these.
namespace damo {

using detail::check_known;
using detail::check_order;
using detail::check_scale;
using detail::fitted;
using detail::float_dtype;

namespace {

using Dtypes = Distribution::Dtypes;

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

/// The same derivatives where both bounds are far above 0 and there is no probability that is a
/// number, but its ratio to the density is.
std::pair<Var, Var> far_derivatives(const Var& a, const Var& b, const Var& z) {
  const auto ratio = [](const Var& x, const Var& y) { return exp((y - x) / 2 * (y + x)); };
  const auto mills = [](const Var& x) { return erfcx(x * 0.7071067811865476); };
  // Between x and y, over the density at x.
  const auto between = [&](const Var& x, const Var& y) {
    return mills(x) - ratio(y, x) * mills(y);
  };
  // There is nothing beyond twice the lower bound, and no infinity whose derivatives are NaN.
  const Var end = minimum(b, 2 * a);
  const Var whole = between(a, end);
  return {between(z, end) / whole, ratio(end, z) * between(a, z) / whole};
}

/// A truncated normal z at uniform number u solves F(z) = F(a) + u (F(b) - F(a)): its derivatives
/// in the bounds a and b.
Vars truncated_normal_derivatives(const Apply& node) {
  const std::size_t first = node.inputs().size() - 2;
  const DType dtype = node.types()[0].dtype;
  const Var a = cast(node.input(first), float64), b = cast(node.input(first + 1), float64);
  const Var z = cast(node.output(), float64);
  const Var in_a = part_of_normal(z, b, a, b) * density_ratio(a, z);
  const Var in_b = part_of_normal(a, z, a, b) * density_ratio(b, z);
  constexpr double far = 30;
  const auto [above_a, above_b] = far_derivatives(a, b, z);
  const auto [below_b, below_a] = far_derivatives(-b, -a, -z);
  const auto chosen = [&](const Var& above, const Var& below, const Var& near) {
    return cast(where(a > far, above, where(b < -far, below, near)), dtype);
  };
  return {chosen(above_a, below_a, in_a), chosen(above_b, below_b, in_b)};
}

constexpr const char* once_only =
    "the derivative of a gamma or beta draw in its shapes has no derivative in turn";

/// Parameter `from_last` of a draw, and a derivative in its dtype.
Var parameter_of(const Apply& node, std::size_t from_last) {
  return cast(node.input(node.inputs().size() - from_last), float64);
}
Var derivative_of(const Apply& node, const Var& d) {
  return cast(grad_undefined(d, once_only), node.types()[0].dtype);
}

const Distribution truncated_normal_distribution{
    .name = "truncated_normal",
    .dtypes = Dtypes::floats,
    .n_parameters = 2,
    .needs = "low below high (here in standard deviations from the mean)",
    .derivatives = truncated_normal_derivatives,
    .philox = [](PhiloxSample& s) { s.each(sample_truncated_normal); },
};

const Distribution gamma_distribution{
    .name = "gamma",  // of scale 1
    .dtypes = Dtypes::floats,
    .n_parameters = 1,
    .needs = "a positive shape",
    .facts = [](std::span<const Fact>) { return Fact{.nonnegative = true}; },
    .derivatives =
        [](const Apply& node) {
          const Var z = cast(node.output(), float64);
          return Vars{derivative_of(node, gamma_derivative(parameter_of(node, 1), z))};
        },
    .philox =
        [](PhiloxSample& s) {
          s.each([](ElementUniforms& u, double a, double) { return sample_gamma(u, a); });
        },
    .numpy =
        [](NumpySample& s) {
          const auto shape = s.parameter<double>(0);
          s.each([&](std::int64_t i) {
            if (!(shape[i] >= 0) || std::isinf(shape[i])) s.refuse(i, {shape[i]});
            return numpy_gamma(s.g, shape[i]);
          });
        },
};

const Distribution beta_distribution{
    .name = "beta",
    .dtypes = Dtypes::floats,
    .n_parameters = 2,
    .needs = "a and b positive",
    .facts = [](std::span<const Fact>) { return zero_to_one; },
    .derivatives =
        [](const Apply& node) {
          const Var z = cast(node.output(), float64);
          const Var a = parameter_of(node, 2), b = parameter_of(node, 1);
          return Vars{derivative_of(node, beta_derivative_a(a, b, z)),
                      derivative_of(node, beta_derivative_b(a, b, z))};
        },
    .philox = [](PhiloxSample& s) { s.each(sample_beta); },
    .numpy =
        [](NumpySample& s) {
          const auto a = s.parameter<double>(0), b = s.parameter<double>(1);
          s.each([&](std::int64_t i) {
            if (!(a[i] > 0) || !(b[i] > 0)) s.refuse(i, {a[i], b[i]});
            return numpy_beta(s.g, a[i], b[i]);
          });
        },
};

}  // namespace

Var RandomStream::shape_parameter(const Arg& parameter, const Sizes& size, DType dtype,
                                  const char* who) const {
  const Var p = fitted(numpy(), parameter, dtype, size, who);
  return parameter.is_literal() ? p
                                : broadcast_to(p, size);  // its derivative has the sample's shape
}

Var RandomStream::truncated_normal(const Sizes& size, const Arg& low, const Arg& high,
                                   const Arg& mean, const Arg& stddev, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(low.site()));
  refuse_numpy("truncated_normal");
  check_scale(stddev, "truncated_normal");
  check_order(low, high, "truncated_normal", false);
  const DType chosen = float_dtype(dtype, {&low, &high, &mean, &stddev}, "truncated_normal");
  const Var from = fitted(low, chosen, size, "truncated_normal: low");
  const Var to = fitted(high, chosen, size, "truncated_normal: high");
  const Var center = fitted(mean, chosen, size, "truncated_normal: mean");
  const Var width = fitted(stddev, chosen, size, "truncated_normal: stddev");
  // Of the sample's shape, which its derivative has; but infinity stays where it is.
  const auto bound = [&](const Arg& given, const Var& b) {
    if (given.is_literal() && std::isinf(given.real())) return b;
    return broadcast_to((b - center) / width, size);
  };
  const Var z = draw(truncated_normal_distribution, chosen, new_stream(), size.vars(),
                     {bound(low, from), bound(high, to)}, low.site());
  // Rounding must not lead out of the bounds.
  return clip(center + z * width, from, to);
}

Var RandomStream::gamma(const Sizes& size, const Arg& shape, const Arg& scale,
                        std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(shape.site()));
  check_scale(scale, "gamma");
  // NumPy takes a shape of 0 for a draw of 0.
  check_known(shape, "gamma", "the shape", [&](double a) { return a > 0 || (numpy() && a == 0); });
  const DType chosen = float_dtype(dtype, {&shape, &scale}, "gamma");
  const DType drawn = numpy() ? float64 : chosen;
  const Var width = fitted(numpy(), scale, chosen, size, "gamma: scale");
  const Var x = draw(gamma_distribution, drawn, new_stream(), size.vars(),
                     {shape_parameter(shape, size, chosen, "gamma: shape")}, shape.site());
  return cast(x * width, chosen);
}

Var RandomStream::beta(const Sizes& size, const Arg& a, const Arg& b, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const auto positive = [](double x) { return x > 0; };
  check_known(a, "beta", "a", positive);
  check_known(b, "beta", "b", positive);
  const DType chosen = float_dtype(dtype, {&a, &b}, "beta");
  const DType drawn = numpy() ? float64 : chosen;
  const Vars shapes{shape_parameter(a, size, chosen, "beta: a"),
                    shape_parameter(b, size, chosen, "beta: b")};
  return cast(draw(beta_distribution, drawn, new_stream(), size.vars(), shapes, a.site()), chosen);
}

DAMO_OPS(random_stream_shaped) {
  for (const Distribution* d :
       {&truncated_normal_distribution, &gamma_distribution, &beta_distribution})
    add_draws(ops, *d);
}

}  // namespace damo
