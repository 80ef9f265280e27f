#include <cmath>
#include <numbers>

#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/random/families.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/samples.hpp>
#include <damo/ops/random/stream_draws.hpp>

// Draws of real numbers that no function of a uniform number makes: proposals, some rejected.
namespace damo {

using detail::check_known;
using detail::fitted;
using detail::float_dtype;

namespace {

using Dtypes = Distribution::Dtypes;
using std::numbers::pi;

bool both_positive(double a, double b) { return a > 0 && b > 0; }
bool kappa_not_negative(double, double kappa) { return kappa >= 0; }

double wald_from(Mt19937& g, double mean, double scale) {
  const double z = g.normal();
  return sample_wald([&g] { return g.uniform(); }, z, mean, scale);
}
/// As RandomState, which forgets the mean where kappa is next to 0: all angles are as likely.
double von_mises_from(Mt19937& g, double mean, double kappa) {
  if (kappa < 1e-8) return pi * (2 * g.uniform() - 1);
  const double angle =
      sample_von_mises([&g] { return g.uniform(); }, kappa, von_mises_envelope(kappa)) + mean;
  const double turned = std::fmod(std::abs(angle) + pi, 2 * pi) - pi;
  return angle < 0 ? -turned : turned;
}

const Distribution von_mises_distribution{
    .name = "vonmises",  // around 0
    .dtypes = Dtypes::floats,
    .n_parameters = 1,
    .needs = "a kappa of at least 0",
    .philox =
        [](PhiloxSample& s) {
          s.each([](ElementUniforms& u, double kappa, double) {
            if (!(kappa >= 0)) return std::nan("");
            // Nearly normal, and the numbers that rejection compares nearly equal.
            if (kappa > 1e6) return normal_quantile(u.next()) / std::sqrt(kappa);
            if (kappa < 1e-8) return pi * (2 * u.next() - 1);
            return sample_von_mises([&u] { return u.next(); }, kappa, von_mises_envelope(kappa));
          });
        },
};
const Distribution numpy_von_mises_distribution{
    .name = "numpy_vonmises",
    .dtypes = Dtypes::floats,
    .n_parameters = 2,
    .needs = "a kappa of at least 0",
    .numpy = numpy_each<kappa_not_negative, von_mises_from>,
};
const Distribution wald_distribution{
    .name = "wald",
    .dtypes = Dtypes::floats,
    .n_parameters = 2,
    .needs = "a positive mean and scale",
    .facts = [](std::span<const Fact>) { return Fact{.nonnegative = true}; },
    .philox =
        [](PhiloxSample& s) {
          s.each([](ElementUniforms& u, double mean, double scale) {
            if (!both_positive(mean, scale)) return std::nan("");
            const double z = normal_quantile(std::max(u.next(), 0x1p-54));
            return sample_wald([&u] { return u.next(); }, z, mean, scale);
          });
        },
    .numpy = numpy_each<both_positive, wald_from>,
};

}  // namespace

Var RandomStream::vonmises(const Sizes& size, const Arg& mean, const Arg& kappa,
                           std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(mean.site()));
  check_known(kappa, "vonmises", "kappa", [](double k) { return k >= 0; });
  const DType chosen = float_dtype(dtype, {&mean, &kappa}, "vonmises");
  const Var center = fitted(numpy(), mean, chosen, size, "vonmises: mean");
  const Var width = fitted(numpy(), kappa, chosen, size, "vonmises: kappa");
  if (numpy()) {
    return cast(draw(numpy_von_mises_distribution, float64, new_stream(), size.vars(),
                     {center, width}, mean.site()),
                chosen);
  }
  const Var angle =
      draw(von_mises_distribution, chosen, new_stream(), size.vars(), {width}, mean.site()) +
      center;
  const Var turned = (abs(angle) + pi) % (2 * pi) - pi;
  return where(angle < 0, -turned, turned);
}

Var RandomStream::wald(const Sizes& size, const Arg& mean, const Arg& scale,
                       std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(mean.site()));
  check_known(mean, "wald", "the mean", [](double x) { return x > 0; });
  check_known(scale, "wald", "the scale", [](double x) { return x > 0; });
  const DType chosen = float_dtype(dtype, {&mean, &scale}, "wald");
  const Vars parameters{fitted(numpy(), mean, chosen, size, "wald: mean"),
                        fitted(numpy(), scale, chosen, size, "wald: scale")};
  return cast(draw(wald_distribution, numpy() ? float64 : chosen, new_stream(), size.vars(),
                   parameters, mean.site()),
              chosen);
}

DAMO_OPS(random_stream_rejected) {
  for (const Distribution* d :
       {&von_mises_distribution, &numpy_von_mises_distribution, &wald_distribution})
    add_draws(ops, *d);
}

}  // namespace damo
