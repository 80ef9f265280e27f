#pragma once
#include <damo/models/energy/energy_model.hpp>

namespace damo::energy {

struct VariationalOptions {
  Arg steps = 30;     ///< mean-field sweeps
  Arg damping = 0.0;  ///< the share of the old value that stays
};
/// The energy less the entropy of independent hidden units, taken from the mean field at states of
/// the visible ones: one number a row, never below `free_energy`, so that minus it, less log Z, is
/// a lower bound of the log-likelihood (Salakhutdinov and Hinton 2009, deep Boltzmann machines).
/// Where hidden units do not interact with each other it is the free energy. Its gradient holds the
/// mean field, as variational learning does. Throws GraphError for hidden units whose mean does not
/// give their mean energy (gaussian, relu), and for ones whose own sites interact.
Var variational_free_energy(const EnergyModel& model, const VarsOf& visible,
                            const VariationalOptions& options = {});

}  // namespace damo::energy
