#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/random/numpy_samplers.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/samples.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

// Draws of classes by their weights.
namespace damo {

using detail::check_known;
using detail::check_sum;
using detail::checked_total;
using detail::packed;
using detail::whole_number;

namespace {

using Dtypes = Distribution::Dtypes;
using Ranks = Distribution::Ranks;

void class_from_philox(PhiloxSample& s) {
  const Tensor& p = *s.parameters[0];
  const std::int64_t classes = p.shape.back();
  const std::int64_t rows = s.out.elements();
  if (p.elements() != rows * classes) {
    throw ShapeError(fmt::format("classes of shape {} do not fit the size {}", to_string(p.shape),
                                 to_string(s.out.shape)));
  }
  const auto weights = packed<double>(p, s.room);
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto mine =
        weights.subspan(static_cast<std::size_t>(row * classes), static_cast<std::size_t>(classes));
    const double target = ElementUniforms(s.key, row).next() * checked_total(mine, row);
    s.out.as<std::int64_t>()[row] = class_at(mine, target);
  }
}

/// What is chosen when one thing is: the class of a multinomial draw of one trial.
void class_from_numpy(NumpySample& s) {
  const Tensor& weights = *s.parameters[0];
  const std::span<double> p = packed<double>(weights, s.room);
  const auto classes = static_cast<std::size_t>(weights.shape.back());
  const std::span<double> counts = s.room.take<double>(weights.shape.back());
  s.each([&](std::int64_t i) {
    const auto mine = p.subspan(static_cast<std::size_t>(i) * classes, classes);
    check_sum(mine, weights.dtype, i);
    numpy_multinomial(s.g, 1, mine, counts.data());
    return std::find(counts.begin(), counts.end(), 1) - counts.begin();
  });
}

const Distribution categorical_distribution{
    .name = "categorical",
    .dtypes = Dtypes::int64,
    .n_parameters = 1,  // with one more axis: weights of the classes
    .takes = [](std::size_t, const TensorType& type,
                std::size_t rank) { return is_float(type.dtype) && type.rank() == rank + 1; },
    .facts = Distribution::whole_numbers,
    .philox = class_from_philox,
    .numpy = class_from_numpy,
};

void put_counts(std::span<const double> counts, std::int64_t first, const Tensor& out) {
  dispatch_computing(out.dtype, [&](auto zero) {
    using T = decltype(zero);
    std::transform(counts.begin(), counts.end(), out.as<T>() + first,
                   [](double c) { return static_cast<T>(c); });
  });
}

void counts_from_philox(PhiloxSample& s) {
  const auto n = s.parameter<double>(0), p = s.parameter<double>(1);
  const std::int64_t classes = s.out.shape.back();
  const std::span<double> counts = s.room.take<double>(classes);
  for (std::int64_t first = 0; first < s.out.elements(); first += classes) {
    if (!sample_multinomial(s.key, first, n[first], p.row(first, classes), counts.data())) {
      if (n[first] >= 0) checked_total(p.row(first, classes), first / classes);
      s.refuse(first, {n[first]});
    }
    put_counts(counts, first, s.out);
  }
}

void counts_from_numpy(NumpySample& s) {
  const auto n = s.parameter<std::int64_t>(0);
  const auto p = s.parameter<double>(1);
  const std::int64_t classes = s.out.shape.back();
  const std::span<double> counts = s.room.take<double>(classes);
  for (std::int64_t first = 0; first < s.out.elements(); first += classes) {
    if (n[first] < 0) s.refuse(first, {static_cast<double>(n[first])});
    check_sum(p.row(first, classes), s.parameters[1]->dtype, first / classes);
    numpy_multinomial(s.g, n[first], p.row(first, classes), counts.data());
    put_counts(counts, first, s.out);
  }
}

const Distribution multinomial_distribution{
    .name = "multinomial",  // counts along the last axis, over p's classes
    .ranks = Ranks::at_least_one,
    .n_parameters = 2,  // n, p
    .takes =
        [](std::size_t i, const TensorType& type, std::size_t rank) {
          return Distribution::fits_sample(type, rank) &&
                 (i == 0 ? type.dtype == DType::int64 : is_float(type.dtype));
        },
    .needs = "n of at least 0 and probabilities of at least 0",
    .facts = Distribution::whole_numbers,
    .philox = counts_from_philox,
    .numpy = counts_from_numpy,
};

void check_classes(const Arg& p, const char* what) {
  if (is_float(p.dtype()) && p.var().ndim() > 0) return;
  throw TypeError(
      fmt::format("{}: probabilities are a float tensor with the classes on its last "
                  "axis, got {}, at {}",
                  what, describe(p.var()), to_string(SiteScope::or_else(p.site()))));
}

Var with_class_axis(const Var& x) {
  std::vector<AxisEntry> pattern;
  for (std::size_t axis = 0; axis < x.ndim(); ++axis) pattern.emplace_back(static_cast<int>(axis));
  pattern.emplace_back(newaxis);
  return dimshuffle(x, pattern);
}

}  // namespace

Var RandomStream::categorical(const Arg& p) {
  const SiteScope scope(SiteScope::or_else(p.site()));
  check_classes(p, "categorical");
  Vars rows = sizes(p.var());
  rows.pop_back();
  return draw(categorical_distribution, DType::int64, new_stream(), rows, {p.var()}, p.site());
}

Var RandomStream::multinomial(const Arg& p) {
  const SiteScope scope(SiteScope::or_else(p.site()));
  check_classes(p, "multinomial");
  const int last = static_cast<int>(p.var().ndim()) - 1;
  return cast(eq(with_class_axis(categorical(p)), arange(p.var().shape(last))), p.dtype());
}

Var RandomStream::multinomial(const Arg& n, const Arg& p) {
  const SiteScope scope(SiteScope::or_else(n.site()));
  check_classes(p, "multinomial");
  check_known(n, "multinomial", "n", [](double trials) { return trials >= 0; });
  const Var trials = whole_number(n, "multinomial", "n");
  return draw(multinomial_distribution, p.dtype(), new_stream(), sizes(p.var()),
              {trials.ndim() == 0 ? trials : with_class_axis(trials), p.var()}, n.site());
}

DAMO_OPS(random_stream_classes) {
  add_draws(ops, categorical_distribution);
  add_draws(ops, multinomial_distribution);
}

}  // namespace damo
