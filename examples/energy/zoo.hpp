#pragma once
#include <string>
#include <vector>

#include <damo/damo.hpp>

namespace damo::examples {

/// A model that the literature knows, small enough to be checked by enumeration.
struct ZooModel {
  std::string name;
  std::string what;  ///< in a line, with its source
  energy::EnergyModel model;
  /// Values for inputs other than units.
  std::vector<std::pair<Var, Array>> inputs{};
};

/// All of them, with random parameters of `dtype`.
std::vector<ZooModel> zoo(DType dtype);

}  // namespace damo::examples
