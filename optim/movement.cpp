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
  return as<DimShuffle>(op) != nullptr || as<BroadcastTo>(op) != nullptr ||
         as<Reshape>(op) != nullptr || as<Subtensor>(op) != nullptr ||
         as<AdvancedSubtensor>(op) != nullptr || as<SpecifyShape>(op) != nullptr ||
         as<After>(op) != nullptr;
}

}  // namespace damo::optim
