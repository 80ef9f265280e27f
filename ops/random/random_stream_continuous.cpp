#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/random/numpy_samplers.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/samples.hpp>
#include <damo/ops/random/stream_draws.hpp>

// Draws of real numbers that are shifted and scaled, all by arithmetic on uniform or normal ones.
namespace damo {

using detail::check_order;
using detail::check_scale;
using detail::exact;
using detail::fitted;
using detail::float_dtype;
using detail::is_literal;

namespace {

using Dtypes = Distribution::Dtypes;

template <class Kernel>
void fill_floats(DType dtype, void* out, Kernel&& kernel) {
  if (dtype == DType::float32) return kernel(static_cast<float*>(out));
  kernel(static_cast<double*>(out));
}

const Distribution normal_distribution{
    .name = "normal",
    .dtypes = Dtypes::floats,
    .fill =
        [](const PhiloxKey& key, std::int64_t first, std::int64_t n, DType dtype, void* out) {
          fill_floats(dtype, out, [&](auto* to) { normal(key, first, n, to); });
        },
    .numpy = [](NumpySample& s) { s.each([&](std::int64_t) { return s.g.normal(); }); },
};

// From Philox these are arithmetic on a uniform draw.
const Distribution gumbel_distribution{
    .name = "gumbel",
    .dtypes = Dtypes::floats,
    .numpy = [](NumpySample& s) { s.each([&](std::int64_t) { return numpy_gumbel(s.g); }); },
};
const Distribution exponential_distribution{
    .name = "exponential",
    .dtypes = Dtypes::floats,
    .facts = [](std::span<const Fact>) { return Fact{.nonnegative = true}; },
    .numpy = [](NumpySample& s) { s.each([&](std::int64_t) { return numpy_exponential(s.g); }); },
};
const Distribution laplace_distribution{
    .name = "laplace",
    .dtypes = Dtypes::floats,
    .numpy = [](NumpySample& s) { s.each([&](std::int64_t) { return numpy_laplace(s.g); }); },
};
const Distribution logistic_distribution{
    .name = "logistic",
    .dtypes = Dtypes::floats,
    .numpy = [](NumpySample& s) { s.each([&](std::int64_t) { return numpy_logistic(s.g); }); },
};

}  // namespace

const Distribution uniform_distribution{
    .name = "uniform",
    .dtypes = Dtypes::floats,
    .facts =
        [](std::span<const Fact>) {
          return Fact{.nonnegative = true, .at_most_one = true, .finite = true};
        },
    .fill =
        [](const PhiloxKey& key, std::int64_t first, std::int64_t n, DType dtype, void* out) {
          fill_floats(dtype, out, [&](auto* to) { uniform(key, first, n, to); });
        },
    .numpy = [](NumpySample& s) { s.each([&](std::int64_t) { return s.g.uniform(); }); },
};

Var RandomStream::uniform(const Sizes& size, const Arg& low, const Arg& high,
                          std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(low.site()));
  const DType chosen = float_dtype(dtype, {&low, &high}, "uniform");
  check_order(low, high, "uniform", true);
  const bool standard = is_literal(low, 0) && is_literal(high, 1);
  const DType drawn = numpy() && !standard ? float64 : chosen;
  const Var from = fitted(numpy(), low, chosen, size, "uniform: low");
  const Var to = fitted(numpy(), high, chosen, size, "uniform: high");
  const Var u = draw(uniform_distribution, drawn, new_stream(), size.vars(), {}, low.site());
  if (standard) return u;
  if (numpy()) return cast(from + (to - from) * u, chosen);
  return from + u * (to - from);
}

Var RandomStream::normal(const Sizes& size, const Arg& mean, const Arg& stddev,
                         std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(mean.site()));
  check_scale(stddev, "normal");
  const DType chosen = float_dtype(dtype, {&mean, &stddev}, "normal");
  const bool standard = is_literal(mean, 0) && is_literal(stddev, 1);
  const DType drawn = numpy() && !standard ? float64 : chosen;
  const Var center = fitted(numpy(), mean, chosen, size, "normal: mean");
  const Var width = fitted(numpy(), stddev, chosen, size, "normal: stddev");
  const Var z = draw(normal_distribution, drawn, new_stream(), size.vars(), {}, mean.site());
  if (standard) return z;
  if (numpy()) return cast(center + width * z, chosen);
  return center + z * width;
}

Var RandomStream::open_uniform(const Sizes& size, std::optional<DType> dtype) {
  const Var u = uniform(size, 0.0, 1.0, dtype);
  return maximum(u, u.dtype() == float32 ? 0x1p-25 : 0x1p-54);  // half of what u is a multiple of
}

Var RandomStream::located(const Distribution& distribution, const Sizes& size, const Arg& location,
                          const Arg& scale, std::optional<DType> dtype, const char* who,
                          Var (RandomStream::*standard)(const Sizes&, DType)) {
  const SiteScope scope(SiteScope::or_else(location.site()));
  check_scale(scale, who);
  const DType chosen = float_dtype(dtype, {&location, &scale}, who);
  const Var center = fitted(numpy(), location, chosen, size, std::string(who) + ": location");
  const Var width = fitted(numpy(), scale, chosen, size, std::string(who) + ": scale");
  if (!numpy()) return center + width * (this->*standard)(size, chosen);
  const Var x = draw(distribution, float64, new_stream(), size.vars(), {}, location.site());
  return cast(center + width * x, chosen);
}

Var RandomStream::standard_gumbel(const Sizes& size, DType dtype) {
  return -log(-log1p(-open_uniform(size, dtype)));
}

Var RandomStream::standard_laplace(const Sizes& size, DType dtype) {
  const Var u = open_uniform(size, dtype);
  // The lower half of U gives the left side, the upper half the right one.
  return where(u < 0.5, log1p(-(1 - 2 * u)), -log1p(-(2 * u - 1)));
}

Var RandomStream::standard_logistic(const Sizes& size, DType dtype) {
  const Var u = open_uniform(size, dtype);
  return log(u) - log1p(-u);
}

Var RandomStream::gumbel(const Sizes& size, const Arg& location, const Arg& scale,
                         std::optional<DType> dtype) {
  return located(gumbel_distribution, size, location, scale, dtype, "gumbel",
                 &RandomStream::standard_gumbel);
}

Var RandomStream::laplace(const Sizes& size, const Arg& location, const Arg& scale,
                          std::optional<DType> dtype) {
  return located(laplace_distribution, size, location, scale, dtype, "laplace",
                 &RandomStream::standard_laplace);
}

Var RandomStream::logistic(const Sizes& size, const Arg& location, const Arg& scale,
                           std::optional<DType> dtype) {
  return located(logistic_distribution, size, location, scale, dtype, "logistic",
                 &RandomStream::standard_logistic);
}

Var RandomStream::exponential(const Sizes& size, const Arg& scale, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(scale.site()));
  check_scale(scale, "exponential");
  const DType chosen = float_dtype(dtype, {&scale}, "exponential");
  if (numpy()) {
    const Var width = exact(scale, size, "exponential: scale");
    const Var x =
        draw(exponential_distribution, float64, new_stream(), size.vars(), {}, scale.site());
    return cast(width * x, chosen);
  }
  const Var width = fitted(scale, chosen, size, "exponential: scale");
  return -log1p(-uniform(size, 0.0, 1.0, chosen)) * width;
}

DAMO_OPS(random_stream_continuous) {
  for (const Distribution* d :
       {&uniform_distribution, &normal_distribution, &gumbel_distribution,
        &exponential_distribution, &laplace_distribution, &logistic_distribution})
    add_draws(ops, *d);
}

}  // namespace damo
