#include <fmt/format.h>

#include <numeric>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/kernels/random/numpy_samplers.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/samples.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/shape/shape.hpp>

// Draws of rows, by their weights or not, and of orders.
namespace damo {

using detail::check_known;
using detail::check_sum;
using detail::checked_total;
using detail::packed;
using detail::whole_number;

namespace {

using Dtypes = Distribution::Dtypes;
using Ranks = Distribution::Ranks;

const Distribution permutation_distribution{
    .name = "permutation",  // a random order of 0 .. n - 1
    .dtypes = Dtypes::int64,
    .ranks = Ranks::one,
    .facts = Distribution::whole_numbers,
    .philox =
        [](PhiloxSample& s) {
          sample_permutation(s.key, s.out.elements(), s.out.as<std::int64_t>());
        },
    .numpy = [](NumpySample& s) { numpy_permutation(s.g, s.whole_numbers()); },
};

void rows_from_philox(PhiloxSample& s) {
  const std::int64_t rows = s.parameters[0]->elements();
  const auto weights = packed<double>(*s.parameters[0], s.room);
  const double total = checked_total(weights, 0);
  const std::span<double> edges = s.room.take<double>(rows);
  std::partial_sum(weights.begin(), weights.end(), edges.begin());
  for (std::int64_t i = 0; i < s.out.elements(); ++i) {
    const double target = ElementUniforms(s.key, i).next() * total;
    const auto edge = std::upper_bound(edges.begin(), edges.end(), target);
    s.out.as<std::int64_t>()[i] = std::min(edge - edges.begin(), rows - 1);
  }
}

void rows_from_numpy(NumpySample& s) {
  const Tensor& from = *s.parameters[0];
  const std::span<double> p = packed<double>(from, s.room);
  check_sum(p, from.dtype, 0);
  numpy_choice(s.g, p, s.room.take<double>(from.elements()), s.whole_numbers());
}

/// Of each row to choose from: its probability, the sum of them, its place in the order.
std::int64_t room_for_rows(TensorsIn parameters) { return 3 * parameters[0]->elements(); }

const Distribution choice_distribution{
    .name = "choice",  // row numbers by a vector of weights
    .dtypes = Dtypes::int64,
    .ranks = Ranks::one,
    .n_parameters = 1,
    .takes = [](std::size_t, const TensorType& type,
                std::size_t) { return is_float(type.dtype) && type.rank() == 1; },
    .facts = Distribution::whole_numbers,
    .philox = rows_from_philox,
    .numpy = rows_from_numpy,
    .scratch = room_for_rows,
};

void distinct_rows_from_philox(PhiloxSample& s) {
  const Tensor& from = *s.parameters[0];
  const bool weighted = from.rank() == 1;
  const std::int64_t rows = weighted ? from.elements() : from.first<std::int64_t>();
  const std::int64_t count = s.out.elements();
  const std::span<std::int64_t> order = s.room.take<std::int64_t>(rows);
  if (weighted) {
    const auto weights = packed<double>(from, s.room);
    checked_total(weights, 0);
    const auto zero = std::count(weights.begin(), weights.end(), 0.0);
    detail::check_enough(count, rows - zero, " with a positive probability");
    sample_weighted_order(s.key, weights, s.room.take<double>(rows), order);
  } else {
    detail::check_enough(count, rows, "");
    sample_permutation(s.key, rows, order.data());
  }
  std::copy_n(order.begin(), count, s.out.as<std::int64_t>());
}

void distinct_rows_from_numpy(NumpySample& s) {
  const Tensor& from = *s.parameters[0];
  const std::int64_t count = s.out.elements();
  if (from.rank() == 0) {
    const auto rows = from.first<std::int64_t>();
    detail::check_enough(count, rows, "");
    const std::span<std::int64_t> order = s.room.take<std::int64_t>(rows);
    numpy_permutation(s.g, order);
    std::copy_n(order.begin(), count, s.whole_numbers().begin());
    return;
  }
  const std::span<double> p = packed<double>(from, s.room);
  check_sum(p, from.dtype, 0);
  const auto positive = from.elements() - std::count(p.begin(), p.end(), 0.0);
  detail::check_enough(count, positive, " with a positive probability");
  numpy_choice_without_replacement(s.g, p, s.room.take<double>(from.elements()), s.whole_numbers());
}

const Distribution distinct_choice_distribution{
    .name = "choice_without_replacement",  // in place of weights also the number of rows
    .dtypes = Dtypes::int64,
    .ranks = Ranks::one,
    .n_parameters = 1,
    .takes =
        [](std::size_t, const TensorType& type, std::size_t) {
          return type.rank() == 0 ? type.dtype == DType::int64
                                  : type.rank() == 1 && is_float(type.dtype);
        },
    .facts = Distribution::whole_numbers,
    .philox = distinct_rows_from_philox,
    .numpy = distinct_rows_from_numpy,
    .scratch =
        [](TensorsIn parameters) {
          if (parameters[0]->rank() == 1) return room_for_rows(parameters);
          const auto rows = parameters[0]->first<std::int64_t>();
          if (rows < 0) throw NumericError(fmt::format("{} rows to choose from", rows));
          return 3 * rows;
        },
};

Var chosen_rows(const SharedVar& state, const Var& rows, const Var& count, bool replace,
                const Var& p, Site site) {
  if (p.defined() && (!is_float(p.dtype()) || p.ndim() != 1))
    throw TypeError(fmt::format("choice: probabilities are a float vector, got {}, at {}",
                                describe(p), to_string(SiteScope::or_else(site))));
  if (replace && !p.defined()) {
    const Var first = constant(Array::scalar(std::int64_t{0}), {}, site);
    return draw(randint_distribution, DType::int64, state, {count}, {first, rows}, site);
  }
  const Distribution& distribution = replace ? choice_distribution : distinct_choice_distribution;
  return draw(distribution, DType::int64, state, {count},
              {p.defined() ? specify_shape(p, rows) : rows}, site);
}

}  // namespace

Var RandomStream::permutation(const Arg& n) {
  const SiteScope scope(SiteScope::or_else(n.site()));
  check_known(n, "permutation", "n", [](double length) { return length >= 0; });
  return draw(permutation_distribution, DType::int64, new_stream(),
              {whole_number(n, "permutation", "n")}, {}, n.site());
}

Var RandomStream::shuffle(const Arg& x) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  return take(x, permutation(x.var().shape(0)), 0);
}

Var RandomStream::choice(const Arg& x, const Arg& count, bool replace, const Var& p) {
  const SiteScope scope(SiteScope::or_else(count.site()));
  const bool of_range = x.is_literal() || x.var().ndim() == 0;
  const Var from = of_range ? whole_number(x, "choice", "the number of rows") : x.var();
  const Var n = of_range ? from : from.shape(0);
  const Var drawn = whole_number(count, "choice", "the count");
  check_known(count, "choice", "the count", [](double k) { return k >= 0; });
  const Var rows = chosen_rows(new_stream(), n, drawn, replace, p, count.site());
  return from.ndim() == 0 ? rows : take(from, rows, 0);
}

DAMO_OPS(random_stream_rows) {
  for (const Distribution* d :
       {&permutation_distribution, &choice_distribution, &distinct_choice_distribution})
    add_draws(ops, *d);
}

}  // namespace damo
