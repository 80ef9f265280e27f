#include <algorithm>
#include <numeric>

#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/random/samplers.hpp>
#include <damo/ops/random/draw_parameters.hpp>

// Draws from Philox: each element from counters of its own, so that any part can be made alone.
namespace damo {
namespace {

using detail::Numbers;
using detail::numbers;
using detail::Room;
using Distribution = Draw::Distribution;

constexpr std::int64_t tile = 4096;

PhiloxKey key_of(const Tensor& state) {
  const auto* s = state.as<std::int64_t>();
  const std::int64_t step = state.strides[0];
  return {static_cast<std::uint64_t>(s[0]), static_cast<std::uint64_t>(s[step]),
          static_cast<std::uint64_t>(s[2 * step])};
}

template <class T, class Out>
void sample_bernoulli(const PhiloxKey& key, const Numbers<T>& p, std::int64_t n, Out* out) {
  T u[tile];
  for (std::int64_t done = 0; done < n; done += tile) {
    const std::int64_t count = std::min(tile, n - done);
    uniform(key, done, count, u);
    for (std::int64_t i = 0; i < count; ++i) out[done + i] = static_cast<Out>(u[i] < p[done + i]);
  }
}

double sample(Distribution distribution, ElementUniforms& u, double a, double b) {
  switch (distribution) {
    case Distribution::binomial:
      return sample_binomial(u, a, b);
    case Distribution::poisson:
      return sample_poisson(u, a);
    case Distribution::gamma:
      return sample_gamma(u, a);
    case Distribution::beta:
      return sample_beta(u, a, b);
    default:
      return sample_truncated_normal(u, a, b);
  }
}

/// Draws whose elements have parameters of their own.
void sample_each(Distribution distribution, const PhiloxKey& key, TensorsIn parameters,
                 const Tensor& out, Room& room) {
  const Numbers<double> a = numbers<double>(*parameters.front(), out.shape, room);
  const Numbers<double> b = numbers<double>(*parameters.back(), out.shape, room);
  dispatch(out.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(out.elements(), tile, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        ElementUniforms u(key, i);
        const double value = sample(distribution, u, a[i], b[i]);
        if (std::isnan(value)) {
          const double pair[] = {a[i], b[i]};
          detail::refuse(distribution, i, {pair, parameters.size()});
        }
        out.as<T>()[i] = static_cast<T>(value);
      }
    });
  });
}

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

void sample_randint(const PhiloxKey& key, TensorsIn parameters, const Tensor& out, Room& room) {
  const auto low = numbers<std::int64_t>(*parameters[0], out.shape, room);
  const auto high = numbers<std::int64_t>(*parameters[1], out.shape, room);
  for (std::int64_t i = 0; i < out.elements(); ++i) {
    if (high[i] <= low[i]) {
      const double pair[] = {static_cast<double>(low[i]), static_cast<double>(high[i])};
      detail::refuse(Distribution::randint, i, pair);
    }
    const std::uint64_t span =
        static_cast<std::uint64_t>(high[i]) - static_cast<std::uint64_t>(low[i]);
    ElementUniforms uniforms(key, i);
    out.as<std::int64_t>()[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(low[i]) +
                                                          integer_below(span, uniforms));
  }
}

void sample_classes(const PhiloxKey& key, const Tensor& p, const Tensor& out, Room& room) {
  const std::int64_t classes = p.shape.back();
  const std::int64_t rows = out.elements();
  if (p.elements() != rows * classes) {
    throw ShapeError(fmt::format("classes of shape {} do not fit the size {}", to_string(p.shape),
                                 to_string(out.shape)));
  }
  const auto weights = detail::packed<double>(p, room);
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto mine =
        weights.subspan(static_cast<std::size_t>(row * classes), static_cast<std::size_t>(classes));
    const double target = ElementUniforms(key, row).next() * detail::checked_total(mine, row);
    out.as<std::int64_t>()[row] = class_at(mine, target);
  }
}

void sample_counts(const PhiloxKey& key, TensorsIn parameters, const Tensor& out, Room& room) {
  const Numbers<double> n = numbers<double>(*parameters[0], out.shape, room);
  const Numbers<double> p = numbers<double>(*parameters[1], out.shape, room);
  const std::int64_t classes = out.shape.back();
  const std::span<double> counts = room.take<double>(classes);
  for (std::int64_t first = 0; first < out.elements(); first += classes) {
    if (!sample_multinomial(key, first, n[first], p.row(first, classes), counts.data())) {
      if (n[first] >= 0) detail::checked_total(p.row(first, classes), first / classes);
      const double trials[] = {n[first]};
      detail::refuse(Distribution::multinomial, first, trials);
    }
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      std::transform(counts.begin(), counts.end(), out.as<T>() + first,
                     [](double c) { return static_cast<T>(c); });
    });
  }
}

void sample_rows(const PhiloxKey& key, const Tensor& p, const Tensor& out, Room& room) {
  const auto weights = detail::packed<double>(p, room);
  const double total = detail::checked_total(weights, 0);
  const std::span<double> edges = room.take<double>(p.elements());
  std::partial_sum(weights.begin(), weights.end(), edges.begin());
  for (std::int64_t i = 0; i < out.elements(); ++i) {
    const double target = ElementUniforms(key, i).next() * total;
    const auto edge = std::upper_bound(edges.begin(), edges.end(), target);
    out.as<std::int64_t>()[i] = std::min(edge - edges.begin(), p.elements() - 1);
  }
}

void sample_distinct_rows(const PhiloxKey& key, const Tensor& from, const Tensor& out, Room& room) {
  const bool weighted = from.rank() == 1;
  const std::int64_t rows = weighted ? from.elements() : from.first<std::int64_t>();
  const std::int64_t count = out.elements();
  const std::span<std::int64_t> order = room.take<std::int64_t>(std::max<std::int64_t>(rows, 0));
  if (weighted) {
    const auto weights = detail::packed<double>(from, room);
    if (count > 0) detail::checked_total(weights, 0);
    const auto zero = std::count(weights.begin(), weights.end(), 0.0);
    detail::check_enough(count, rows - zero, " with a positive probability");
    sample_weighted_order(key, weights, room.take<double>(rows), order);
  } else {
    detail::check_enough(count, rows, "");
    sample_permutation(key, rows, order.data());
  }
  std::copy_n(order.begin(), count, out.as<std::int64_t>());
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

void Draw::perform_philox(TensorsIn in, const Tensor& out, Workspace& scratch) const {
  const std::int64_t n = out.elements();
  if (fillable()) {
    parallel_for(n, tile * 4, [&](std::int64_t begin, std::int64_t end) {
      fill(*in[0], begin, end - begin,
           out.data + begin * static_cast<std::int64_t>(item_size(dtype_)));
    });
    return;
  }
  if (n == 0 && distribution_ != Distribution::choice_without_replacement) return;
  const PhiloxKey key = key_of(*in[0]);
  const TensorsIn parameters = in.subspan(1 + rank());
  Room room = detail::room_for(*this, parameters, out.shape, scratch);
  switch (distribution_) {
    case Distribution::bernoulli:
      return dispatch(parameters[0]->dtype, [&](auto zero) {
        using T = decltype(zero);
        if constexpr (std::is_floating_point_v<T>) {
          const Numbers<T> p = numbers<T>(*parameters[0], out.shape, room);
          dispatch(dtype_, [&](auto o) { sample_bernoulli(key, p, n, out.as<decltype(o)>()); });
        }
      });
    case Distribution::permutation:
      return sample_permutation(key, n, out.as<std::int64_t>());
    case Distribution::randint:
      return sample_randint(key, parameters, out, room);
    case Distribution::categorical:
      return sample_classes(key, *parameters[0], out, room);
    case Distribution::multinomial:
      return sample_counts(key, parameters, out, room);
    case Distribution::choice:
      return sample_rows(key, *parameters[0], out, room);
    case Distribution::choice_without_replacement:
      return sample_distinct_rows(key, *parameters[0], out, room);
    default:
      return sample_each(distribution_, key, parameters, out, room);
  }
}

}  // namespace damo
