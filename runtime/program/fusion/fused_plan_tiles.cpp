#include <algorithm>

#include <damo/runtime/program/fusion/fused_plan.hpp>

namespace damo {
namespace {

/// Whether a step does little to a number.
bool is_light(const FusedPlan::Step& step) {
  return step.draw == nullptr &&
         static_cast<const Elementwise&>(step.node->op()).scalar().types != ScalarOp::Types::real;
}

}  // namespace

/// Tile buffers of values that stay inside: one is free again after the last step that reads it.
void FusedPlan::assign_tiles() {
  std::vector<std::size_t> free;
  n_tile_buffers = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].joined) continue;
    const std::size_t size = item_size(member_shapes[i].dtype);
    std::vector<std::size_t> later;
    std::vector<std::uint32_t> seen;
    for (std::uint32_t k = 0; k < steps[i].arity; ++k) {
      const std::uint32_t place = steps[i].operands[k];
      if (place < operands.size() || last_read[place] != i) continue;
      const std::size_t member = place - operands.size();
      if (output_of[member] >= 0 || std::count(seen.begin(), seen.end(), place) > 0) continue;
      seen.push_back(place);
      const bool same_size = item_size(member_shapes[member].dtype) == size;
      (same_size ? free : later).push_back(member_tile[member]);
    }
    if (output_of[i] < 0) {
      if (free.empty()) free.push_back(n_tile_buffers++);
      member_tile[i] = free.back();
      free.pop_back();
    }
    free.insert(free.end(), later.begin(), later.end());
  }
}

/// The longest tile whose buffers fit in scratch memory; it covers whole inner axes where those are
/// short.
void FusedPlan::choose_tile() {
  std::size_t buffers = std::max<std::size_t>(n_tile_buffers, 1);
  for (const Operand& o : operands) buffers += o.is_operand ? 1 : 0;
  const auto fits = static_cast<std::int64_t>(scratch_bytes / (buffers * item) / 16 * 16);
  const std::int64_t tile = std::clamp<std::int64_t>(fits, 1, longest_tile);
  split = merged.rank() - 1;
  inner = 1;
  while (split > 0 && inner * merged[split] <= tile) inner *= merged[split--];
  cut(std::max<std::int64_t>(1, std::min(merged[split], tile / std::max<std::int64_t>(inner, 1))));
}

void FusedPlan::cut(std::int64_t into_rows) {
  rows = into_rows;
  tiles = 0;
  if (shape.elements() == 0) return;
  tiles = (merged[split] + rows - 1) / rows;
  for (std::size_t axis = 0; axis < split; ++axis) tiles *= merged[axis];
  double nanoseconds = 0;
  for (const Step& step : steps) {
    nanoseconds += is_light(step) ? 0.1 : 0.5;
  }
  constexpr double worth_a_thread = 10000;
  const double tile_cost = nanoseconds * static_cast<double>(rows * inner);
  tiles_a_chunk = std::max<std::int64_t>(1, static_cast<std::int64_t>(worth_a_thread / tile_cost));
}

void FusedPlan::classify() {
  std::size_t next = n_tile_buffers;
  const std::size_t tile_bytes = static_cast<std::size_t>(rows * inner) * item;
  for (Operand& o : operands) {
    if (!o.is_operand) continue;
    bool dense = rows == 1 || o.strides[split] == inner;
    std::int64_t step = 1;
    for (std::size_t axis = merged.rank(); axis-- > split + 1;) {
      dense = dense && o.strides[axis] == step;
      step *= merged[axis];
    }
    bool fixed = true;
    for (std::size_t axis = 0; axis <= split; ++axis) fixed = fixed && o.strides[axis] == 0;
    o.access = dense ? Access::direct : fixed ? Access::fixed : Access::gathered;
    if (!dense) o.tile = (tile_bytes + 63) / 64 * 64 * next++;
  }
}

bool FusedPlan::is_straight() const {
  return merged.rank() == 1 && std::none_of(operands.begin(), operands.end(), [](const Operand& o) {
           return o.access == Access::gathered;
         });
}

void FusedPlan::lengthen_tiles() {
  const auto live = [](const Step& step) { return !step.joined; };
  if (!is_straight() || has_draws || std::count_if(steps.begin(), steps.end(), live) != 1) return;
  Step& step = *std::find_if(steps.begin(), steps.end(), live);
  const auto is_fixed = [&](std::uint32_t place) {
    return operands[place].access == Access::fixed;
  };
  if (step.scaled) {
    auto& [a, b, c, unused] = step.operands;
    if (is_fixed(b)) std::swap(a, b);
    if (is_fixed(a) && a != b && a != c) operands[a].access = Access::one;
  }
  if (!std::any_of(step.operands.begin(), step.operands.begin() + step.arity, is_fixed))
    cut(std::max<std::int64_t>(1, std::min(merged[0], longest_straight)));
  constexpr std::int64_t second_level_cache = std::int64_t{1} << 20;
  const std::int64_t bytes = (step.arity + 1) * merged[0] * static_cast<std::int64_t>(item);
  waits_for_memory = is_light(step) && bytes > second_level_cache;
  choose_loops();
}

void FusedPlan::choose_loops() {
  isa = damo::isa();
  for (Step& step : steps) {
    if (step.draw != nullptr || step.joined) continue;
    const std::uint32_t first = step.operands[0];
    const bool scaled = first < operands.size() && operands[first].access == Access::one;
    const LoopSet& loops = scaled ? step.scaled : step.loops;
    const bool narrower = waits_for_memory && isa == Isa::avx512 && multiplies_half_width();
    step.loop = narrower ? loops.of(Isa::avx2) : loops.best();
  }
}

}  // namespace damo
