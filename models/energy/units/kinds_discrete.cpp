#include <damo/models/energy/units/kinds.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>

namespace damo::energy {

using Set = Support::Set;
using Kind = std::shared_ptr<const UnitKind>;

Kind bernoulli_kind() {
  static const auto kind = std::make_shared<const UnitKind>(UnitKind{
      .name = "bernoulli",
      .family = "bernoulli",
      .support = {Set::levels, {0, 1}},
      .log_normaliser = [](const Natural& p) { return softplus(p.linear); },
      .mean = [](const Natural& p) { return sigmoid(p.linear); },
      .sample =
          [](const Natural& p, RandomStream& rng) {
            return rng.binomial({.n = 1, .p = sigmoid(p.linear), .dtype = p.linear.dtype()});
          },
  });
  return kind;
}

Kind spin_kind() {
  static const auto kind = std::make_shared<const UnitKind>(UnitKind{
      .name = "spin",
      .family = "spin",
      .support = {Set::levels, {-1, 1}},
      .log_normaliser = [](const Natural& p) { return softplus(2 * p.linear) - p.linear; },
      .mean = [](const Natural& p) { return tanh(p.linear); },
      .sample =
          [](const Natural& p, RandomStream& rng) {
            return 2 * rng.bernoulli(sigmoid(2 * p.linear), p.linear.dtype()) - 1;
          },
  });
  return kind;
}

Kind categorical_kind() {
  static const auto kind = std::make_shared<const UnitKind>(UnitKind{
      .name = "categorical",
      .family = "categorical",
      .support = {Set::one_hot},
      .log_normaliser = [](const Natural& p) { return logsumexp(p.linear, 2); },
      .mean = [](const Natural& p) { return softmax(p.linear, 2); },
      .sample = [](const Natural& p,
                   RandomStream& rng) { return rng.multinomial(softmax(p.linear, 2)); },
  });
  return kind;
}

Kind binomial_kind(std::int64_t trials) {
  std::vector<double> levels;
  for (std::int64_t k = 0; k <= trials; ++k) levels.push_back(static_cast<double>(k));
  return std::make_shared<const UnitKind>(UnitKind{
      .name = "binomial",
      .family = "binomial",
      .support = {Set::levels, levels},
      .log_normaliser = [trials](const Natural& p) { return trials * softplus(p.linear); },
      .mean = [trials](const Natural& p) { return trials * sigmoid(p.linear); },
      .sample =
          [trials](const Natural& p, RandomStream& rng) {
            return rng.binomial({.n = trials, .p = sigmoid(p.linear), .dtype = p.linear.dtype()});
          },
      .log_base =
          [trials](const Var& k) {
            return sum(
                gammaln(Arg(trials + 1).var(k.dtype())) - gammaln(k + 1) - gammaln(trials - k + 1),
                1);
          },
  });
}

Kind counts_kind() {
  // A row of counts is drawn as a whole; what all words share cancels, given their number.
  static const auto kind = std::make_shared<const UnitKind>(UnitKind{
      .name = "counts",
      .family = "multinomial",
      .support = {Set::counts},
      .log_normaliser =
          [](const Natural& p) {
            return dimshuffle(p.total * logsumexp(p.linear, 1), {0, newaxis});
          },
      .mean =
          [](const Natural& p) {
            return dimshuffle(p.total, {0, newaxis}) * softmax(p.linear, 1);
          },
      .sample =
          [](const Natural& p, RandomStream& rng) {
            return rng.multinomial(cast(round(p.total), int64), softmax(p.linear, 1));
          },
      .log_base = [](const Var& x) { return gammaln(sum(x, 1) + 1) - sum(gammaln(x + 1), 1); },
  });
  return kind;
}

}  // namespace damo::energy
