#include "support/free_energy_gap.hpp"

#include <damo/damo.hpp>

namespace damo::examples {

FreeEnergyGap::FreeEnergyGap(const std::function<Var(const Var&)>& free_energy, const Var& train,
                             const Array& valid)
    : means_(function({},
                      {mean(free_energy(train[range(0, valid.shape()[0])])),
                       mean(free_energy(shared(valid, "valid_x")))},
                      {.name = "free_energy_gap"})) {}

Metrics FreeEnergyGap::measure() {
  const Outputs means = means_();
  return {{"free_energy_train", means.scalar<double>(0)},
          {"free_energy_valid", means.scalar<double>(1)}};
}

}  // namespace damo::examples
