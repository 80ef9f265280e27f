#include "zoo.hpp"

namespace damo::zoo {

Entry rbm_entry();
Entry spin_rbm_entry();
Entry gaussian_rbm_entry();
Entry potts_rbm_entry();
Entry replicated_softmax_entry();
Entry class_rbm_entry();
Entry deep_boltzmann_machine_entry();
Entry conditional_rbm_entry();
Entry factored_entry();
Entry semi_restricted_entry();
Entry mean_covariance_entry();
Entry ising_entry();
Entry spike_and_slab_entry();
Entry hopfield_entry();
Entry binomial_rbm_entry();
Entry rectified_entry();
Entry graded_entry();
Entry deep_energy_entry();
Entry rnn_rbm_entry();

std::vector<Entry> entries() {
  return {rbm_entry(),
          spin_rbm_entry(),
          gaussian_rbm_entry(),
          potts_rbm_entry(),
          replicated_softmax_entry(),
          class_rbm_entry(),
          deep_boltzmann_machine_entry(),
          conditional_rbm_entry(),
          factored_entry(),
          semi_restricted_entry(),
          mean_covariance_entry(),
          ising_entry(),
          spike_and_slab_entry(),
          hopfield_entry(),
          binomial_rbm_entry(),
          rectified_entry(),
          graded_entry(),
          deep_energy_entry(),
          rnn_rbm_entry()};
}

energy::Report check(const Entry& entry, DType dtype) {
  const SmallModel small = entry.small(dtype);
  if (entry.own_check != nullptr) return entry.own_check(small);
  return energy::check(small.model, {.inputs = small.inputs});
}

}  // namespace damo::zoo
