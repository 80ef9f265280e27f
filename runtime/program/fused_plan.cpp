#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/runtime/program/fused_loop.hpp>

// How a fused loop is laid out: decided when shapes change, not in every call.
namespace damo {
namespace {

constexpr std::int64_t longest_tile = 1024;

}  // namespace

bool FusedInstruction::draws_changed() {
  for (const Step& step : steps_) {
    if (step.draw == nullptr) continue;
    Shape shape;
    step.draw->run_shapes(*step.node, step.tensors, std::span(&shape, 1));
    if (shape != shape_) return true;
  }
  return false;
}

void FusedInstruction::resolve(Program& program) {
  resolve_shape();
  for (const std::uint32_t slot : out_slots()) program.set_shape(program.slots[slot], shape_);
  merge_axes();
  assign_tiles();
  choose_tile();
  classify();
  choose_loops();
}

/// The ops' own rules say what fits, so an error reads as it would without fusing.
void FusedInstruction::resolve_shape() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Tensor& result = member_shapes_[i];
    try {
      steps_[i].node->op().run_shapes(*steps_[i].node, steps_[i].tensors,
                                      std::span(&result.shape, 1));
      if (i > 0 && result.shape != member_shapes_[0].shape) {
        throw ShapeError("shape " + to_string(result.shape) + " where " +
                         to_string(member_shapes_[0].shape) + " was expected");
      }
    } catch (const Error&) {
      throw LocatedError::current(*steps_[i].node, steps_[i].tensors);
    }
    result.strides = contiguous_strides(result.shape);
  }
  shape_ = member_shapes_[0].shape;
}

/// Drops axes of size 1 and joins neighbours that every operand walks through as one.
void FusedInstruction::merge_axes() {
  merged_ = Shape{};
  for (Operand& o : operands_) o.strides = Shape{};
  const auto stride = [&](std::size_t e, std::size_t axis) {
    return in()[e]->shape[axis] == 1 ? 0 : in()[e]->strides[axis];
  };
  for (std::size_t axis = 0; axis < shape_.rank(); ++axis) {
    if (shape_[axis] == 1) continue;
    const std::size_t rank = merged_.rank();
    bool joins = rank > 0;
    for (std::size_t e = 0; joins && e < operands_.size(); ++e) {
      if (!operands_[e].is_operand) continue;
      joins = operands_[e].strides[rank - 1] == stride(e, axis) * shape_[axis];
    }
    if (joins) {
      merged_[rank - 1] *= shape_[axis];
    } else {
      merged_.push_back(shape_[axis]);
    }
    for (std::size_t e = 0; e < operands_.size(); ++e) {
      if (!operands_[e].is_operand) continue;
      Shape& strides = operands_[e].strides;
      if (!joins) strides.push_back(0);
      strides[merged_.rank() - 1] = stride(e, axis);
    }
  }
  if (merged_.rank() == 0) {
    merged_.push_back(1);
    for (Operand& o : operands_) o.strides.push_back(0);
  }
}

/// Tile buffers of values that stay inside: one is free again after the last step that reads it.
void FusedInstruction::assign_tiles() {
  std::vector<std::size_t> free;
  n_tile_buffers_ = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const std::size_t size = item_size(member_shapes_[i].dtype);
    std::vector<std::size_t> later;
    std::vector<std::uint32_t> seen;
    for (std::uint32_t k = 0; k < steps_[i].arity; ++k) {
      const std::uint32_t place = steps_[i].operands[k];
      if (place < operands_.size() || last_read_[place] != i) continue;
      const std::size_t member = place - operands_.size();
      if (output_of_[member] >= 0 || std::count(seen.begin(), seen.end(), place) > 0) continue;
      seen.push_back(place);
      const bool same_size = item_size(member_shapes_[member].dtype) == size;
      (same_size ? free : later).push_back(member_tile_[member]);
    }
    if (output_of_[i] < 0) {
      if (free.empty()) free.push_back(n_tile_buffers_++);
      member_tile_[i] = free.back();
      free.pop_back();
    }
    free.insert(free.end(), later.begin(), later.end());
  }
}

/// The longest tile whose buffers fit in scratch memory; it covers whole inner axes where those are
/// short.
void FusedInstruction::choose_tile() {
  std::size_t buffers = std::max<std::size_t>(n_tile_buffers_, 1);
  for (const Operand& o : operands_) buffers += o.is_operand ? 1 : 0;
  const auto fits = static_cast<std::int64_t>(scratch_bytes / (buffers * item_) / 16 * 16);
  const std::int64_t tile = std::clamp<std::int64_t>(fits, 1, longest_tile);
  split_ = merged_.rank() - 1;
  inner_ = 1;
  while (split_ > 0 && inner_ * merged_[split_] <= tile) inner_ *= merged_[split_--];
  rows_ = std::max<std::int64_t>(
      1, std::min(merged_[split_], tile / std::max<std::int64_t>(inner_, 1)));
  const std::int64_t elements = shape_.elements();
  tiles_ = 0;
  if (elements == 0) return;
  tiles_ = (merged_[split_] + rows_ - 1) / rows_;
  for (std::size_t axis = 0; axis < split_; ++axis) tiles_ *= merged_[axis];
  double nanoseconds = 0;
  for (const Step& step : steps_) {
    const bool heavy =
        step.draw != nullptr ||
        static_cast<const Elementwise&>(step.node->op()).scalar().types == ScalarOp::Types::real;
    nanoseconds += heavy ? 0.5 : 0.1;
  }
  constexpr double worth_a_thread = 10000;
  const double tile_cost = nanoseconds * static_cast<double>(rows_ * inner_);
  tiles_a_chunk_ = std::max<std::int64_t>(1, static_cast<std::int64_t>(worth_a_thread / tile_cost));
}

void FusedInstruction::classify() {
  std::size_t next = n_tile_buffers_;
  const std::size_t tile_bytes = static_cast<std::size_t>(rows_ * inner_) * item_;
  for (Operand& o : operands_) {
    if (!o.is_operand) continue;
    bool dense = rows_ == 1 || o.strides[split_] == inner_;
    std::int64_t step = 1;
    for (std::size_t axis = merged_.rank(); axis-- > split_ + 1;) {
      dense = dense && o.strides[axis] == step;
      step *= merged_[axis];
    }
    bool fixed = true;
    for (std::size_t axis = 0; axis <= split_; ++axis) fixed = fixed && o.strides[axis] == 0;
    o.access = dense ? Access::direct : fixed ? Access::fixed : Access::gathered;
    if (!dense) o.tile = (tile_bytes + 63) / 64 * 64 * next++;
  }
}

void FusedInstruction::choose_loops() {
  isa_ = isa();
  for (Step& step : steps_) {
    if (step.draw == nullptr) step.loop = step.loops.best();
  }
}

}  // namespace damo
