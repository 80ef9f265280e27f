#pragma once
#include <string>
#include <utility>
#include <vector>

#include <damo/io/checkpoint.hpp>
#include <damo/ops/random.hpp>
#include <damo/ops/updates.hpp>

namespace damo::examples {

/// What a checkpoint must hold for training to go on with the same bits: every shared variable that
/// the training function changes, and the states of its random streams.
class ModelState {
 public:
  /// Each variable that `updates` changes is kept under its name; those without a name, or with one
  /// that is taken, are numbered.
  ModelState(const Updates& updates, const RandomStream& rng);
  void save(io::Checkpoint& checkpoint) const;
  /// Throws IoError when an array is missing or of another dtype or shape; nothing has changed
  /// then.
  void load(const io::Checkpoint& checkpoint) const;

 private:
  std::vector<std::pair<std::string, SharedVar>> variables_;
  mutable RandomStream rng_;
};

}  // namespace damo::examples
