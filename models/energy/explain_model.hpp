#pragma once
#include <string>

#include <damo/models/energy/energy_model.hpp>

namespace damo::energy {

/// The model as mathematics: its energy and terms, each unit's conditional distribution, the free
/// energy, gradients, and which rewriting rules led there. What cannot be derived says why.
std::string explain(const EnergyModel& model);

}  // namespace damo::energy
