#include <fmt/format.h>

#include <algorithm>

#include <damo/models/energy/check/check.hpp>
#include <damo/models/energy/check/checker.hpp>

namespace damo::energy {

bool Report::ok() const {
  return std::all_of(items_.begin(), items_.end(), [](const Item& i) { return i.ok; });
}

std::string Report::text() const {
  std::string text;
  for (const bool failures : {true, false}) {
    for (const Item& item : items_) {
      if (item.ok == failures) continue;
      text += fmt::format("{:6} {}{}{}\n", item.ok ? "ok" : "FAILED", item.what,
                          item.said.empty() ? "" : ": ", item.said);
    }
  }
  return text;
}

Report check(const EnergyModel& model, const CheckOptions& options) {
  Checker checker(model, options);
  checker.conditionals();
  checker.free_energy();
  checker.log_z();
  checker.invariance();
  checker.draws();
  checker.likelihood_gradient();
  checker.contrastive_gradient();
  checker.annealing();
  return checker.report();
}

}  // namespace damo::energy
