#include <algorithm>

#include <damo/ops/random/draw_parameters.hpp>

namespace damo::detail {
namespace {

/// What a distribution asks of its parameters.
const char* requirement(Draw::Distribution distribution) {
  switch (distribution) {
    case Draw::Distribution::bernoulli:
      return "p between 0 and 1";
    case Draw::Distribution::binomial:
      return "n of at least 0 and p between 0 and 1";
    case Draw::Distribution::poisson:
      return "a rate of at least 0 whose counts int64 can hold";
    case Draw::Distribution::gamma:
      return "a positive shape";
    case Draw::Distribution::beta:
      return "a and b positive";
    case Draw::Distribution::truncated_normal:
      return "low below high (here in standard deviations from the mean)";
    case Draw::Distribution::randint:
      return "low below high";
    default:
      return "n of at least 0 and probabilities of at least 0";
  }
}

}  // namespace

Room room_for(const Draw& draw, TensorsIn parameters, const Shape& sample, Workspace& scratch) {
  const std::int64_t n = sample.elements();
  std::int64_t items = sample.empty() ? 1 : sample.back();  // one row of counts
  for (const Tensor* p : parameters) {
    items += std::max(n, p->elements()) + (p->rank() == 0 ? 0 : p->shape.back());
  }
  // Of each row to choose from: its probability, the sum of them, its place in the order.
  std::int64_t rows = 0;
  if (draw.distribution() == Draw::Distribution::choice) rows = parameters[0]->elements();
  if (draw.distribution() == Draw::Distribution::choice_without_replacement) {
    const Tensor& from = *parameters[0];
    rows = from.rank() == 1 ? from.elements() : from.first<std::int64_t>();
    if (rows < 0) throw NumericError(fmt::format("{} rows to choose from", rows));
  }
  return {scratch, 8, items + 3 * rows};
}

void refuse(Draw::Distribution distribution, std::int64_t element,
            std::span<const double> parameters) {
  std::string text;
  for (const double p : parameters) text += fmt::format("{}{}", text.empty() ? "" : ", ", p);
  throw NumericError(fmt::format("element {} has the parameters {}: {} is needed", element, text,
                                 requirement(distribution)));
}

}  // namespace damo::detail
