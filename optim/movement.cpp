#include <damo/ops/advanced_subtensor_op.hpp>
#include <damo/ops/broadcast_op.hpp>
#include <damo/ops/dimshuffle_op.hpp>
#include <damo/ops/effect_op.hpp>
#include <damo/ops/reshape_op.hpp>
#include <damo/ops/subtensor_op.hpp>
#include <damo/optim/movement.hpp>

namespace damo::optim {

bool is_movement(const Apply& node) {
  if (node.inputs().empty() || node.n_outputs() != 1) return false;
  const Op& op = node.op();
  return dynamic_cast<const DimShuffle*>(&op) != nullptr ||
         dynamic_cast<const BroadcastTo*>(&op) != nullptr ||
         dynamic_cast<const Reshape*>(&op) != nullptr ||
         dynamic_cast<const Subtensor*>(&op) != nullptr ||
         dynamic_cast<const AdvancedSubtensor*>(&op) != nullptr ||
         dynamic_cast<const SpecifyShape*>(&op) != nullptr ||
         dynamic_cast<const After*>(&op) != nullptr;
}

}  // namespace damo::optim
