#pragma once
#include <functional>

#include <damo/runtime/function/function.hpp>

#include "support/progress.hpp"

namespace damo::examples {

/// What its metric means.
inline constexpr const char* free_energy_caption =
    "Mean free energy of images, in nats: the lower, the likelier the model takes them to be, up "
    "to "
    "log Z. Only the difference between training and validation images counts.";

/// The mean free energy of validation images and of as many training images. The two move together
/// while a model learns what is common to both; a gap that grows is overfitting (Hinton, A
/// practical guide to training restricted Boltzmann machines, 2010, section 6).
class FreeEnergyGap {
 public:
  /// `free_energy` maps images (n, pixels) to values (n,); `train` (n, pixels) is at least as long
  /// as `valid`.
  FreeEnergyGap(const std::function<Var(const Var&)>& free_energy, const Var& train,
                const Array& valid);
  /// {"free_energy_train", ...}, {"free_energy_valid", ...}, in nats.
  Metrics measure();

 private:
  Function means_;
};

}  // namespace damo::examples
