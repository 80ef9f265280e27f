#include <damo/ops/create.hpp>
#include <damo/ops/draw.hpp>
#include <damo/ops/indexing.hpp>
#include <damo/ops/math.hpp>
#include <damo/ops/random.hpp>
#include <damo/ops/reduce.hpp>

// Draws made of other draws, and those whose sampler sees its parameters.
namespace damo {

using Distribution = Draw::Distribution;

Var RandomStream::gumbel(const Sizes& size, const Arg& location, const Arg& scale,
                         std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(location.site()));
  // 1 - U is in (0, 1], so the inner logarithm is finite.
  return location - scale * log(-log1p(-uniform(size, 0.0, 1.0, dtype)));
}

Var RandomStream::exponential(const Sizes& size, const Arg& scale, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(scale.site()));
  return -log1p(-uniform(size, 0.0, 1.0, dtype)) * scale;
}

Var RandomStream::laplace(const Sizes& size, const Arg& location, const Arg& scale,
                          std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(location.site()));
  const Var u = uniform(size, 0.0, 1.0, dtype);
  // The lower half of U gives the left side, the upper half the right one.
  return location + scale * where(u < 0.5, log1p(-(1 - 2 * u)), -log1p(-(2 * u - 1)));
}

Var RandomStream::truncated_normal(const Sizes& size, const Arg& low, const Arg& high,
                                   const Arg& mean, const Arg& stddev, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(low.site()));
  const DType chosen = dtype.value_or(floatX());
  const Var center = cast(mean, chosen);
  const Var width = cast(stddev, chosen);
  const Var z = draw(Distribution::truncated_normal, chosen, new_stream(), size.vars(),
                     {(cast(low, chosen) - center) / width, (cast(high, chosen) - center) / width},
                     low.site());
  return center + z * width;
}

Var RandomStream::gamma(const Sizes& size, const Arg& shape, const Arg& scale,
                        std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(shape.site()));
  const DType chosen = dtype.value_or(floatX());
  return draw(Distribution::gamma, chosen, new_stream(), size.vars(), {cast(shape, chosen)},
              shape.site()) *
         cast(scale, chosen);
}

Var RandomStream::beta(const Sizes& size, const Arg& a, const Arg& b, std::optional<DType> dtype) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Var x = gamma(size, a, 1.0, dtype);
  return x / (x + gamma(size, b, 1.0, dtype));
}

Var RandomStream::poisson(const Arg& rate) { return poisson(Sizes(sizes(rate.var())), rate); }

Var RandomStream::poisson(const Sizes& size, const Arg& rate) {
  const SiteScope scope(SiteScope::or_else(rate.site()));
  const Var r = is_float(rate.dtype()) ? rate.var() : cast(rate, floatX());
  return draw(Distribution::poisson, DType::int64, new_stream(), size.vars(), {r}, rate.site());
}

Var RandomStream::categorical(const Var& p) {
  const int last = static_cast<int>(p.ndim()) - 1;
  const Var edges = cumsum(p, last);
  Vars rows = sizes(p);
  rows.back() = Arg(1).var(DType::int64);
  const Var total = sum(p, last, {.keepdims = true});
  const Var u = draw(Distribution::uniform, p.dtype(), new_stream(), rows, {}, p.site());
  // Rounding may leave the last edge just below the total.
  return minimum(sum(cast(edges <= u * total, DType::int64), last), p.shape(last) - 1);
}

Var RandomStream::multinomial(const Var& p) {
  const int last = static_cast<int>(p.ndim()) - 1;
  std::vector<AxisEntry> with_class;
  for (int axis = 0; axis < last; ++axis) with_class.emplace_back(axis);
  with_class.emplace_back(newaxis);
  return cast(eq(dimshuffle(categorical(p), with_class), arange(p.shape(last))), p.dtype());
}

Var RandomStream::randint(const Sizes& size, const Arg& low, const Arg& high) {
  const SiteScope scope(SiteScope::or_else(low.site()));
  const Var first = low.var(DType::int64);
  const Var span = high.var(DType::int64) - first;
  const Var u =
      draw(Distribution::uniform, DType::float64, new_stream(), size.vars(), {}, low.site());
  return first + cast(floor(u * cast(span, DType::float64)), DType::int64);
}

Var RandomStream::permutation(const Arg& n) {
  const SiteScope scope(SiteScope::or_else(n.site()));
  return draw(Distribution::permutation, DType::int64, new_stream(), {n.var(DType::int64)}, {},
              n.site());
}

Var RandomStream::shuffle(const Var& x) { return take(x, permutation(x.shape(0)), 0); }

Var RandomStream::choice(const Var& x, const Arg& count, bool replace) {
  const SiteScope scope(SiteScope::or_else(count.site()));
  const Var n = count.var(DType::int64);
  if (replace) return take(x, randint(Sizes(Vars{n}), 0, x.shape(0)), 0);
  return take(x, permutation(x.shape(0))[damo::range(n)], 0);
}

}  // namespace damo
