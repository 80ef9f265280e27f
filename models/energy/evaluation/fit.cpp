#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/models/energy/estimators/objective_parts.hpp>
#include <damo/models/energy/evaluation/fit.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/runtime/function/function.hpp>

namespace damo::energy {

std::string Fit::text() const {
  return fmt::format(
      "log-likelihood: train {:.3f}, valid {:.3f} in [{:.3f}, {:.3f}]; free-energy gap {:.3f}; {}",
      train(), valid(), -free_energy_valid - log_z.upper, -free_energy_valid - log_z.lower, gap(),
      log_z.text());
}

Fit measure_fit(const EnergyModel& model, const std::vector<Array>& train,
                const std::vector<Array>& valid, const AnnealingOptions& options) {
  const Vars placeholders(model.visible().begin(), model.visible().end());
  Function score = function(placeholders, {mean(cast(-log_weight(model, placeholders), float64))},
                            {.name = "free_energy"});
  const auto at = [&](const std::vector<Array>& states) {
    if (!states.empty() && states[0].rank() > 0 && states[0].shape()[0] == 0)
      throw ShapeError("measure_fit: data of no rows have no mean");
    const std::vector<Argument> arguments(states.begin(), states.end());
    return score.call(arguments)[0].item<double>();
  };
  return {at(train), at(valid), estimate_log_z(model, options)};
}

}  // namespace damo::energy
