// Patterns as minima of the energy, found again from spoiled ones.
// Hopfield 1982, Neural networks and physical systems with emergent collective computational
// abilities; trained as in Hillar, Sohl-Dickstein and Koepsell 2012.
#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(s) = -sum of s_i L_ij s_j over i < j.
EnergyModel hopfield(Parameters p, std::int64_t n) {
  const SharedVar L = p("L", {n, n});
  const Unit s = spin("s", n, p.dtype());
  return {-sum(dot(s, triu(L, 1)) * s, 1),
          {.visible = {s}, .params = {L}, .blocks = one_site_at_a_time()}};
}

SmallModel small(DType t) { return {hopfield(Parameters(t), 6)}; }

/// The first ten are digits, the others random.
Array patterns(std::int64_t count, std::uint64_t seed) {
  constexpr std::int64_t n = DigitMaker::side * DigitMaker::side;
  Array images, labels, all(float32, {count, n});
  DigitMaker(seed).make(200, images, labels);
  Dice dice(seed);
  for (float& site : std::span(all.data<float>(), static_cast<std::size_t>(count * n)))
    site = dice.chance(0.5) ? 1 : -1;
  for (std::int64_t i = 0; i < 200; ++i)
    for (std::int64_t p = 0; p < n; ++p)
      all.data<float>()[labels.data<std::int64_t>()[i] * n + p] =
          images.data<float>()[i * n + p] > 0.4F ? 1 : -1;
  return all;
}

/// One site of ten the other way round.
Array spoiled(const Array& rows, std::uint64_t seed) {
  Array result = rows;
  Dice dice(seed);
  for (float& site : std::span(result.data<float>(), static_cast<std::size_t>(rows.elements())))
    if (dice.chance(0.1)) site = -site;
  return result;
}

/// Where states go downhill: site by site, ten sweeps, at next to no temperature.
Var recall(const EnergyModel& model, const Array& from) {
  return draw(model, {constant(from)}, {.k = 10, .rng = RandomStream(1), .beta = 1e4})[0];
}

double recalled(const Var& found, const Array& right) {
  return 100 * number(mean(cast(all(eq(found, constant(right)), 1), float64)));
}

/// Minimum probability flow, beside Hebb's rule, which holds a seventh as many patterns as sites. A
/// picture of patterns, spoiled ones, and what is recalled of these by what was learnt and by
/// Hebb's rule.
Learnt learn(const Setting& setting) {
  const std::int64_t count = setting.quick ? 30 : 60;
  const Array data = patterns(count, setting.seed), from = spoiled(data, setting.seed + 1);
  const EnergyModel model = hopfield(Parameters(float32, 0, setting.seed), data.shape()[1]);
  const SharedVar L = model.params()[0];
  const auto n = static_cast<double>(data.shape()[1]);
  L.set_array(evaluate(dot(constant(data).T(), constant(data)) / n));
  const Var by_hebb = recall(model, from);
  const double ms =
      train(model, {data}, [&](const Vars& x) { return minimum_probability_flow(model, x); },
            {.steps = setting.steps(500, 100), .batch = 0, .lr = 0.05});
  const Var found = recall(model, from);
  const auto shown = [&](const Var& rows) {
    return tiles((rows(range(10)) + 1) / 2, {.height = DigitMaker::side, .across = 2, .zoom = 3});
  };
  return {
      std::to_string(count) + " patterns of 144 sites",
      {{"patterns recalled, %", recalled(found, data), "by Hebb's rule", recalled(by_hebb, data)}},
      beside({shown(constant(data)), shown(constant(from)), shown(found), shown(by_hebb)}),
      ms};
}

}  // namespace

Entry hopfield_entry() {
  return {"hopfield", "patterns as minima (Hopfield 1982; Hillar et al. 2012)", small, learn};
}

}  // namespace damo::zoo
