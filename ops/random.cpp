#include <fmt/format.h>

#include <damo/graph/error.hpp>
#include <damo/graph/print.hpp>
#include <damo/ops/draw.hpp>
#include <damo/ops/math.hpp>
#include <damo/ops/random.hpp>

namespace damo {

struct RandomStream::Streams {
  std::uint64_t seed;
  std::vector<SharedVar> states;
  Site site;
};

RandomStream::RandomStream(std::uint64_t seed, Site site)
    : streams_(std::make_shared<Streams>(Streams{seed, {}, site})) {}

const std::vector<SharedVar>& RandomStream::streams() const { return streams_->states; }

SharedVar RandomStream::new_stream() {
  auto& states = streams_->states;
  const auto id = static_cast<std::int64_t>(states.size());
  const auto seed = static_cast<std::int64_t>(streams_->seed);
  states.push_back(shared(Array::from<std::int64_t>({seed, id, 0}),
                          fmt::format("stream {} of seed {}", id, seed), streams_->site));
  return states.back();
}

using Distribution = Draw::Distribution;

Var draw(Distribution distribution, DType dtype, const SharedVar& state, const Vars& sizes,
         Vars parameters, Site site) {
  Shape dims;
  for (const Var& size : sizes) {
    const auto known = scalar_constant(size);
    dims.push_back(known ? static_cast<std::int64_t>(*known) : unknown);
  }
  Vars inputs{state};
  inputs.insert(inputs.end(), sizes.begin(), sizes.end());
  for (Var& p : parameters) {
    if (p.ndim() != 0 && p.ndim() < sizes.size()) {
      std::vector<AxisEntry> pattern(sizes.size() - p.ndim(), AxisEntry(newaxis));
      for (std::size_t i = 0; i < p.ndim(); ++i) pattern.emplace_back(static_cast<int>(i));
      p = dimshuffle(p, pattern);
    }
    inputs.push_back(std::move(p));
  }
  return make_var(std::make_shared<Draw>(distribution, dtype, dims), std::move(inputs), site);
}

namespace {

DType float_dtype(std::optional<DType> dtype, std::string_view what) {
  const DType chosen = dtype.value_or(floatX());
  if (!is_float(chosen))
    throw TypeError(fmt::format("{}: a float dtype is needed, got {}", what, name(chosen)));
  return chosen;
}

/// One int64 scalar an axis; a size known statically is a constant.
Vars sizes_of(const Var& v) {
  Vars sizes;
  for (std::size_t i = 0; i < v.ndim(); ++i) sizes.push_back(v.shape(static_cast<int>(i)));
  return sizes;
}

Var probability(const Arg& p) { return is_float(p.dtype()) ? p.var() : cast(p, floatX()); }

}  // namespace

Var RandomStream::uniform(const Sizes& size, const Arg& low, const Arg& high,
                          std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(low.site()));
  const DType chosen = float_dtype(dtype, "uniform");
  const Var u = draw(Distribution::uniform, chosen, new_stream(), size.vars(), {}, low.site());
  const bool standard =
      low.is_literal() && high.is_literal() && low.real() == 0 && high.real() == 1;
  return standard ? u : cast(low, chosen) + u * (cast(high, chosen) - cast(low, chosen));
}

Var RandomStream::normal(const Sizes& size, const Arg& mean, const Arg& stddev,
                         std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(mean.site()));
  const DType chosen = float_dtype(dtype, "normal");
  const Var z = draw(Distribution::normal, chosen, new_stream(), size.vars(), {}, mean.site());
  const bool standard =
      mean.is_literal() && stddev.is_literal() && mean.real() == 0 && stddev.real() == 1;
  return standard ? z : cast(mean, chosen) + z * cast(stddev, chosen);
}

Var RandomStream::bernoulli(const Arg& p, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(p.site()));
  const Var q = probability(p);
  return draw(Distribution::bernoulli, dtype.value_or(floatX()), new_stream(), sizes_of(q), {q},
              p.site());
}

Var RandomStream::bernoulli(const Arg& p, const Sizes& size, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(p.site()));
  return draw(Distribution::bernoulli, dtype.value_or(floatX()), new_stream(), size.vars(),
              {probability(p)}, p.site());
}

Var RandomStream::binomial(const BinomialOptions& options) {
  const SiteScope scope(SiteScope::or_else(options.p.site()));
  const bool one_trial = options.n.is_literal() && options.n.integer() == 1;
  if (one_trial && options.size) return bernoulli(options.p, *options.size, options.dtype);
  if (one_trial) return bernoulli(options.p, options.dtype);
  const Var p = probability(options.p);
  const Var n = options.n.var();
  const Vars sizes = options.size ? options.size->vars() : sizes_of(p.ndim() >= n.ndim() ? p : n);
  return draw(Distribution::binomial, options.dtype.value_or(floatX()), new_stream(), sizes, {n, p},
              options.p.site());
}

void RandomStream::seed(std::uint64_t seed) {
  streams_->seed = seed;
  for (std::size_t i = 0; i < streams_->states.size(); ++i) {
    streams_->states[i].set_array(Array::from<std::int64_t>(
        {static_cast<std::int64_t>(seed), static_cast<std::int64_t>(i), 0}));
  }
}

Array RandomStream::state() const {
  const auto& states = streams_->states;
  Array all(DType::int64, Shape{static_cast<std::int64_t>(states.size()), 3});
  for (std::size_t i = 0; i < states.size(); ++i) {
    std::copy_n(states[i].value().data<std::int64_t>(), 3, all.data<std::int64_t>() + 3 * i);
  }
  return all;
}

void RandomStream::set_state(const Array& state) {
  const auto& states = streams_->states;
  const Shape expected{static_cast<std::int64_t>(states.size()), 3};
  if (state.dtype() != DType::int64 || !(state.shape() == expected)) {
    throw ShapeError(fmt::format("RandomStream: a state of {} streams is int64 {}, got {} {}",
                                 states.size(), to_string(expected), name(state.dtype()),
                                 to_string(state.shape())));
  }
  for (std::size_t i = 0; i < states.size(); ++i) {
    const std::int64_t* row = state.data<std::int64_t>() + 3 * i;
    states[i].set_array(Array::from<std::int64_t>({row[0], row[1], row[2]}));
  }
}

}  // namespace damo
