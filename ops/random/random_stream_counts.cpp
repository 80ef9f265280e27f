#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/random/below_sigmoid.hpp>
#include <damo/ops/kernels/random/numpy_samplers.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/samples.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/shape/shape.hpp>

// Draws of whole numbers: events, trials, ranges.
namespace damo {

using detail::check_known;
using detail::check_probability;
using detail::draw_dtype;
using detail::is_literal;
using detail::Numbers;
using detail::whole_number;

namespace {

using Dtypes = Distribution::Dtypes;

constexpr std::int64_t tile = 4096;

template <class T, class Out>
void sample_bernoulli(const PhiloxKey& key, const Numbers<T>& p, std::int64_t n, Out* out) {
  T u[tile];
  for (std::int64_t done = 0; done < n; done += tile) {
    const std::int64_t count = std::min(tile, n - done);
    uniform(key, done, count, u);
    for (std::int64_t i = 0; i < count; ++i) out[done + i] = static_cast<Out>(u[i] < p[done + i]);
  }
}

void bernoulli_from_philox(PhiloxSample& s) {
  dispatch_computing(s.parameters[0]->dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      const Numbers<T> p = s.parameter<T>(0);
      dispatch_computing(s.out.dtype, [&](auto o) {
        sample_bernoulli(s.key, p, s.out.elements(), s.out.as<decltype(o)>());
      });
    }
  });
}

void bernoulli_from_numpy(NumpySample& s) {
  const auto p = s.parameter<double>(0);
  s.each([&](std::int64_t i) {
    if (!(p[i] >= 0) || !(p[i] <= 1)) s.refuse(i, {p[i]});
    return numpy_bernoulli(s.g, p[i]);
  });
}

template <class T, class Out>
void sample_bernoulli_logit(const PhiloxKey& key, const Numbers<T>& z, std::int64_t n, Out* out) {
  T p[tile];
  for (std::int64_t done = 0; done < n; done += tile) {
    const std::int64_t count = std::min(tile, n - done);
    T u[tile];
    uniform(key, done, count, u);
    for (std::int64_t i = 0; i < count; ++i) p[i] = math::sigmoid(z[done + i]);
    for (std::int64_t i = 0; i < count; ++i) out[done + i] = static_cast<Out>(u[i] < p[i]);
  }
}

void bernoulli_logit_from_philox(PhiloxSample& s) {
  dispatch_computing(s.parameters[0]->dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      const Numbers<T> z = s.parameter<T>(0);
      dispatch_computing(s.out.dtype, [&](auto o) {
        sample_bernoulli_logit(s.key, z, s.out.elements(), s.out.as<decltype(o)>());
      });
    }
  });
}

const Distribution binomial_distribution{
    .name = "binomial",
    .n_parameters = 2,  // n, p
    .takes =
        [](std::size_t i, const TensorType& type, std::size_t rank) {
          return Distribution::fits_sample(type, rank) &&
                 (i == 0 ? type.dtype == DType::int64 : is_float(type.dtype));
        },
    .needs = "n of at least 0 and p between 0 and 1",
    .facts = Distribution::whole_numbers,
    .philox = [](PhiloxSample& s) { s.each(sample_binomial); },
    .numpy =
        [](NumpySample& s) {
          const auto n = s.parameter<std::int64_t>(0);
          const auto p = s.parameter<double>(1);
          s.each([&](std::int64_t i) {
            if (n[i] < 0 || !(p[i] >= 0) || !(p[i] <= 1))
              s.refuse(i, {static_cast<double>(n[i]), p[i]});
            return numpy_binomial(s.g, n[i], p[i]);
          });
        },
};

const Distribution poisson_distribution{
    .name = "poisson",
    .n_parameters = 1,
    .needs = "a rate of at least 0 whose counts int64 can hold",
    .facts = Distribution::whole_numbers,
    .philox =
        [](PhiloxSample& s) {
          s.each([](ElementUniforms& u, double rate, double) { return sample_poisson(u, rate); });
        },
    .numpy =
        [](NumpySample& s) {
          const auto rate = s.parameter<double>(0);
          s.each([&](std::int64_t i) {
            if (!(rate[i] >= 0) || rate[i] > 9.2e18) s.refuse(i, {rate[i]});
            return numpy_poisson(s.g, rate[i]);
          });
        },
};

/// An integer below `span`, from one uniform number where its 53 bits are enough, else from two.
std::uint64_t integer_below(std::uint64_t span, ElementUniforms& u) {
  if (span <= std::uint64_t{1} << 53U) {
    const auto n = static_cast<std::uint64_t>(u.next() * static_cast<double>(span));
    return std::min(n, span - 1);
  }
  const auto high = static_cast<std::uint64_t>(u.next() * 0x1p32);
  const auto low = static_cast<std::uint64_t>(u.next() * 0x1p32);
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>(static_cast<Wide>(high << 32U | low) * span >> 64U);
}

void integers_from_philox(PhiloxSample& s) {
  const auto low = s.parameter<std::int64_t>(0), high = s.parameter<std::int64_t>(1);
  for (std::int64_t i = 0; i < s.out.elements(); ++i) {
    if (high[i] <= low[i]) s.refuse(i, {static_cast<double>(low[i]), static_cast<double>(high[i])});
    const auto first = static_cast<std::uint64_t>(low[i]);
    ElementUniforms uniforms(s.key, i);
    s.out.as<std::int64_t>()[i] = static_cast<std::int64_t>(
        first + integer_below(static_cast<std::uint64_t>(high[i]) - first, uniforms));
  }
}

void integers_from_numpy(NumpySample& s) {
  const auto low = s.parameter<std::int64_t>(0), high = s.parameter<std::int64_t>(1);
  s.each([&](std::int64_t i) {
    if (high[i] <= low[i]) s.refuse(i, {static_cast<double>(low[i]), static_cast<double>(high[i])});
    const auto first = static_cast<std::uint64_t>(low[i]);
    return static_cast<std::int64_t>(first +
                                     s.g.integer(static_cast<std::uint64_t>(high[i]) - first - 1));
  });
}

}  // namespace

const Distribution randint_distribution{
    .name = "randint",
    .dtypes = Dtypes::int64,
    .n_parameters = 2,
    .takes =
        [](std::size_t, const TensorType& type, std::size_t rank) {
          return type.dtype == DType::int64 && Distribution::fits_sample(type, rank);
        },
    .needs = "low below high",
    .facts =
        [](std::span<const Fact> in) {
          return Fact{.nonnegative = in[0].nonnegative, .integer = true};
        },
    .philox = integers_from_philox,
    .numpy = integers_from_numpy,
};

const Distribution bernoulli_distribution{
    .name = "bernoulli",
    .n_parameters = 1,
    .needs = "p between 0 and 1",
    .facts = [](std::span<const Fact>) { return zero_or_one; },
    .philox = bernoulli_from_philox,
    .numpy = bernoulli_from_numpy,
};

const Distribution bernoulli_logit_distribution{
    .name = "bernoulli_logit",
    .n_parameters = 1,
    .needs = "a float",
    .facts = [](std::span<const Fact>) { return zero_or_one; },
    .fill_from = uniform_below_sigmoid,
    .philox = bernoulli_logit_from_philox,
};

Var RandomStream::bernoulli(const Arg& p, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(p.site()));
  return bernoulli(p, Sizes(sizes(p.var())), dtype);
}

Var RandomStream::bernoulli(const Arg& p, const Sizes& size, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(p.site()));
  check_probability(p, "bernoulli");
  return draw(bernoulli_distribution, draw_dtype(dtype, {&p}), new_stream(), size.vars(),
              {as_float(p)}, p.site());
}

Var RandomStream::binomial(const BinomialOptions& options) {
  const SiteScope scope(SiteScope::or_else(options.p.site()));
  const bool one_trial = is_literal(options.n, 1);
  if (one_trial && options.size) return bernoulli(options.p, *options.size, options.dtype);
  if (one_trial) return bernoulli(options.p, options.dtype);
  check_probability(options.p, "binomial");
  check_known(options.n, "binomial", "n", [](double n) { return n >= 0; });
  const Var p = as_float(options.p);
  const Var n = whole_number(options.n, "binomial", "n");
  const Vars size = options.size ? options.size->vars() : sizes(n * p);
  return draw(binomial_distribution, draw_dtype(options.dtype, {&options.p}), new_stream(), size,
              {n, p}, options.p.site());
}

Var RandomStream::poisson(const Arg& rate) { return poisson(Sizes(sizes(rate.var())), rate); }

Var RandomStream::poisson(const Sizes& size, const Arg& rate) {
  const SiteScope scope(SiteScope::or_else(rate.site()));
  check_known(rate, "poisson", "the rate", [](double r) { return r >= 0 && r < 9.2e18; });
  return draw(poisson_distribution, DType::int64, new_stream(), size.vars(), {as_float(rate)},
              rate.site());
}

Var RandomStream::randint(const Sizes& size, const Arg& low, const Arg& high) {
  const SiteScope scope(SiteScope::or_else(low.site()));
  const Var from = whole_number(low, "randint", "low"), to = whole_number(high, "randint", "high");
  const Array *first = constant_value(from), *end = constant_value(to);
  if (first != nullptr && end != nullptr && first->rank() == 0 && end->rank() == 0 &&
      first->item<std::int64_t>() >= end->item<std::int64_t>()) {
    throw NumericError(
        fmt::format("randint: low is {} and high is {}: low below high is needed, at {}",
                    first->item<std::int64_t>(), end->item<std::int64_t>(),
                    to_string(SiteScope::or_else(low.site()))));
  }
  return draw(randint_distribution, DType::int64, new_stream(), size.vars(), {from, to},
              low.site());
}

DAMO_OPS(random_stream_counts) {
  for (const Distribution* d :
       {&bernoulli_distribution, &bernoulli_logit_distribution, &binomial_distribution,
        &poisson_distribution, &randint_distribution})
    add_draws(ops, *d);
}
}  // namespace damo
