#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/near.hpp>
#include <damo/ops/indexing/along_axis.hpp>
#include <damo/ops/kernels/random/families.hpp>
#include <damo/ops/kernels/random/numpy_samplers.hpp>
#include <damo/ops/order/sort.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/samples.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

// Draws of whole numbers beside trials and events: what is waited for, and what is taken out.
namespace damo {

using detail::check_known;
using detail::check_probability;
using detail::in_range;
using detail::whole_number;

namespace {

using Dtypes = Distribution::Dtypes;

bool geometric_takes(double p) { return p > 0 && p <= 1; }
/// A rate of which no count is too large for int64.
constexpr double most = 9.2e18;
bool negative_binomial_takes(double n, double p) { return n > 0 && p > 0 && p <= 1; }

const Distribution geometric_distribution{
    .name = "geometric",
    .dtypes = Dtypes::int64,
    .n_parameters = 1,
    .needs = "p above 0 and at most 1",
    .facts =
        [](std::span<const Fact>) {
          return Fact{.nonnegative = true, .positive = true, .integer = true};
        },
    .philox =
        [](PhiloxSample& s) {
          s.each([](ElementUniforms& u, double p, double) {
            return geometric_takes(p) ? sample_geometric([&u] { return u.next(); }, p)
                                      : std::nan("");
          });
        },
    .numpy =
        [](NumpySample& s) {
          const auto p = s.parameter<double>(0);
          s.each([&](std::int64_t i) {
            if (!geometric_takes(p[i])) s.refuse(i, {p[i]});
            return sample_geometric([&] { return s.g.uniform(); }, p[i]);
          });
        },
};

const Distribution negative_binomial_distribution{
    .name = "negative_binomial",
    .dtypes = Dtypes::int64,
    .n_parameters = 2,
    .needs = "a positive n, p above 0 and at most 1",
    .facts = Distribution::whole_numbers,
    .philox =
        [](PhiloxSample& s) {
          s.each([](ElementUniforms& u, double n, double p) {
            if (!negative_binomial_takes(n, p)) return std::nan("");
            return sample_poisson(u, sample_gamma(u, n) * ((1 - p) / p));
          });
        },
    .numpy =
        [](NumpySample& s) {
          const auto n = s.parameter<double>(0), p = s.parameter<double>(1);
          s.each([&](std::int64_t i) {
            if (!negative_binomial_takes(n[i], p[i])) s.refuse(i, {n[i], p[i]});
            const double rate = (1 - p[i]) / p[i] * numpy_gamma(s.g, n[i]);
            if (!(rate < most)) s.refuse(i, {n[i], p[i]});
            return numpy_poisson(s.g, rate);
          });
        },
};

/// Of three counts for each element.
template <class Sample, class Uniforms>
void draw_hypergeometric(Sample& s, Uniforms&& uniforms) {
  const auto good = s.template parameter<std::int64_t>(0);
  const auto bad = s.template parameter<std::int64_t>(1);
  const auto taken = s.template parameter<std::int64_t>(2);
  for (std::int64_t i = 0; i < s.out.elements(); ++i) {
    if (good[i] < 0 || bad[i] < 0 || taken[i] < 0 || taken[i] > good[i] + bad[i]) {
      s.refuse(i, {static_cast<double>(good[i]), static_cast<double>(bad[i]),
                   static_cast<double>(taken[i])});
    }
    s.out.template as<std::int64_t>()[i] =
        sample_hypergeometric(uniforms(i), good[i], bad[i], taken[i]);
  }
}

const Distribution hypergeometric_distribution{
    .name = "hypergeometric",
    .dtypes = Dtypes::int64,
    .n_parameters = 3,
    .takes =
        [](std::size_t, const TensorType& type, std::size_t rank) {
          return type.dtype == DType::int64 && Distribution::fits_sample(type, rank);
        },
    .needs = "counts of at least 0, and no more taken than there are",
    .facts = Distribution::whole_numbers,
    .philox =
        [](PhiloxSample& s) {
          draw_hypergeometric(s, [&](std::int64_t i) {
            return [u = ElementUniforms(s.key, i)]() mutable { return u.next(); };
          });
        },
    .numpy =
        [](NumpySample& s) {
          draw_hypergeometric(s, [&](std::int64_t) { return [&] { return s.g.uniform(); }; });
        },
};

/// A number keeps all its digits, 1e-300 is no float32; but for NumPy it is what Theano makes of
/// it.
Var real(const Arg& x, bool numpy = false) {
  if (x.is_literal()) return numpy ? cast(x.var(), float64) : x.var(float64);
  return as_float(x);
}

}  // namespace

Var RandomStream::geometric(const Sizes& size, const Arg& p) {
  const SiteScope scope(SiteScope::or_else(p.site()));
  check_known(p, "geometric", "p", geometric_takes);
  return draw(geometric_distribution, DType::int64, new_stream(), size.vars(), {real(p, numpy())},
              p.site());
}

Var RandomStream::negative_binomial(const Sizes& size, const Arg& n, const Arg& p) {
  const SiteScope scope(SiteScope::or_else(n.site()));
  check_known(n, "negative_binomial", "n", [](double x) { return x > 0; });
  check_known(p, "negative_binomial", "p", geometric_takes);
  return draw(negative_binomial_distribution, DType::int64, new_stream(), size.vars(),
              {cast(real(n, numpy()), float64), cast(real(p, numpy()), float64)}, n.site());
}

Var RandomStream::beta_binomial(const Sizes& size, const Arg& n, const Arg& a, const Arg& b) {
  const SiteScope scope(SiteScope::or_else(n.site()));
  return binomial({.n = n, .p = beta(size, a, b, float64), .size = size, .dtype = DType::int64});
}

Var RandomStream::hypergeometric(const Sizes& size, const Arg& good, const Arg& bad,
                                 const Arg& sample) {
  const SiteScope scope(SiteScope::or_else(good.site()));
  const auto counts = [](double x) { return x >= 0; };
  check_known(good, "hypergeometric", "good", counts);
  check_known(bad, "hypergeometric", "bad", counts);
  check_known(sample, "hypergeometric", "the sample", counts);
  return draw(
      hypergeometric_distribution, DType::int64, new_stream(), size.vars(),
      {whole_number(good, "hypergeometric", "good"), whole_number(bad, "hypergeometric", "bad"),
       whole_number(sample, "hypergeometric", "the sample")},
      good.site());
}

Var RandomStream::multinomial_wo_replacement(const Arg& p, const Arg& n) {
  const Site site = SiteScope::or_else(p.site());
  const SiteScope scope(site);
  const Var weights = real(p);
  if (weights.ndim() == 0) {
    throw ShapeError(fmt::format("multinomial_wo_replacement: weights have an axis, got {}, at {}",
                                 describe(weights), to_string(site)));
  }
  check_known(n, "multinomial_wo_replacement", "n", [](double k) { return k >= 0; });
  const Var count = whole_number(n, "multinomial_wo_replacement", "n");
  const Var checked = in_range(weights, and_(weights >= 0, isfinite(weights)),
                               "multinomial_wo_replacement", "a finite weight of at least 0");
  const Var enough = size_check(Demand::Kind::at_least, sum(cast(weights > 0, DType::int64), -1),
                                count, "multinomial_wo_replacement", {weights, count}, site);
  // The largest of log p + Gumbel come in the order in which they would be drawn one by one.
  const Var times = log(checked) + gumbel(sizes(weights), 0.0, 1.0, weights.dtype());
  return argtopk(times, after_checks(count, {enough}), -1);
}

Var RandomStream::shuffle_row_elements(const Arg& x) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = x.var();
  if (v.ndim() == 0) return v;
  return take_along_axis(v, argsort(uniform(sizes(v), 0.0, 1.0, float64)), -1);
}

DAMO_OPS(random_stream_waiting) {
  for (const Distribution* d :
       {&geometric_distribution, &negative_binomial_distribution, &hypergeometric_distribution})
    add_draws(ops, *d);
}

}  // namespace damo
