#pragma once
#include <vector>

#include <damo/models/energy/derivation/derivation.hpp>

namespace damo::energy {

/// Throws the GraphError that names which of the terms that read `unit`, `mine`, is not of the form
/// its kind allows, and the way out. `open`: those of which the graph does not say that they are.
[[noreturn]] void refuse(const DerivationInput& model, const Unit& unit,
                         const std::vector<Term>& mine, const std::vector<Term>& open);

}  // namespace damo::energy
