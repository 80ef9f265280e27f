#include <algorithm>
#include <cstring>
#include <type_traits>

#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/runtime/program/fusion/fused_loop.hpp>

namespace damo {
namespace {

constexpr std::size_t max_outputs = 64;  // a unit has fewer members

template <class T>
void repeat(T x, std::int64_t n, T* out) {
  constexpr std::int64_t few = 64;
  std::fill_n(out, std::min(n, few), x);
  for (std::int64_t done = few; done < n; done *= 2)
    std::memcpy(out + done, out, static_cast<std::size_t>(std::min(done, n - done)) * sizeof(T));
}

/// Copies one line of elements that lie `step` elements apart.
template <class T>
void gather_line(const std::byte* from, std::int64_t step, std::int64_t n, std::byte* to) {
  const T* in = reinterpret_cast<const T*>(from);
  T* out = reinterpret_cast<T*>(to);
  if (step == 0) {
    repeat(*in, n, out);
  } else if (step == 1) {
    std::memcpy(out, in, static_cast<std::size_t>(n) * sizeof(T));
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = in[i * step];
  }
}

/// Lines of n elements, of two or three in an unrolled loop: those of windows are that short.
struct Lines {
  std::int64_t count, apart, n, step;
};

template <class T, class N>
void gather_short(const T* in, const Lines& lines, N n, T* out) {
  for (std::int64_t i = 0; i < lines.count; ++i, in += lines.apart, out += n) {
    for (std::int64_t k = 0; k < n; ++k) out[k] = in[k * lines.step];
  }
}

template <class T>
void gather_lines(const std::byte* from, const Lines& lines, std::byte* to) {
  const T* in = reinterpret_cast<const T*>(from);
  T* out = reinterpret_cast<T*>(to);
  if (lines.n == 2) return gather_short(in, lines, std::integral_constant<std::int64_t, 2>{}, out);
  if (lines.n == 3) return gather_short(in, lines, std::integral_constant<std::int64_t, 3>{}, out);
  if (lines.n < 16) return gather_short(in, lines, lines.n, out);
  for (std::int64_t i = 0; i < lines.count; ++i)
    gather_line<T>(reinterpret_cast<const std::byte*>(in + i * lines.apart), lines.step, lines.n,
                   reinterpret_cast<std::byte*>(out + i * lines.n));
}

void gather_lines(std::size_t size, const std::byte* from, const Lines& lines, std::byte* to) {
  if (size == 8) return gather_lines<std::uint64_t>(from, lines, to);
  if (size == 4) return gather_lines<std::uint32_t>(from, lines, to);
  gather_lines<std::uint8_t>(from, lines, to);
}

}  // namespace

FusedInstruction::FusedInstruction(const Unit& unit, std::vector<std::uint32_t> in,
                                   std::vector<std::size_t> exported,
                                   std::vector<std::uint32_t> out)
    : Instruction(*unit.back(), std::move(in), std::move(out)), plan_(unit, std::move(exported)) {}

void FusedInstruction::resolve(Program& program) {
  plan_.resolve(in());
  plan_.lengthen_tiles();
  for (const std::uint32_t slot : out_slots()) program.set_shape(program.slots[slot], plan_.shape);
}

std::string FusedInstruction::title() const {
  std::string text = "fused";
  for (const FusedPlan::Step& step : plan_.steps) text += " " + step.node->op().name();
  return text;
}

std::vector<const Apply*> FusedInstruction::members() const {
  std::vector<const Apply*> nodes;
  for (const FusedPlan::Step& step : plan_.steps) nodes.push_back(step.node);
  return nodes;
}

Profile::Kind FusedInstruction::kind() const {
  return plan_.has_draws ? Profile::Kind::draw : Profile::Kind::elementwise;
}

/// An output may take over an input that no later step of the same tile reads.
std::vector<std::pair<std::size_t, std::size_t>> FusedInstruction::inplace_candidates() const {
  std::vector<std::pair<std::size_t, std::size_t>> result;
  for (std::size_t k = 0; k < plan_.exported.size(); ++k) {
    for (std::size_t e = 0; e < plan_.operands.size(); ++e) {
      const bool state =
          std::any_of(plan_.steps.begin(), plan_.steps.end(),
                      [&](const FusedPlan::Step& s) { return s.draw != nullptr && s.state == e; });
      if (plan_.operands[e].is_operand && !state && plan_.last_read[e] <= plan_.exported[k]) {
        result.emplace_back(e, k);
      }
    }
  }
  return result;
}

void FusedInstruction::link(Program& program) {
  Instruction::link(program);
  for (FusedPlan::Step& step : plan_.steps) {
    for (const Var& v : step.node->inputs()) {
      const auto member =
          std::find_if(plan_.steps.begin(), plan_.steps.end(),
                       [&](const FusedPlan::Step& s) { return s.node == v.owner_ptr(); });
      if (member != plan_.steps.end()) {
        step.tensors.push_back(
            &plan_.member_shapes[static_cast<std::size_t>(member - plan_.steps.begin())]);
        continue;
      }
      for (std::size_t e = 0; e < in_slots().size(); ++e) {
        if (same(program.slot_vars[in_slots()[e]], v)) step.tensors.push_back(in()[e]);
      }
    }
  }
}

void FusedInstruction::prepare(Program& program) {
  if (!changed(program)) return;
  resolve(program);
  settle();
}

void FusedInstruction::run(Program& program) {
  if (changed(program) || (plan_.has_draws && plan_.draws_changed())) {
    resolve(program);
    settle();
  } else if (plan_.isa != isa()) {
    plan_.choose_loops();
  }
  std::byte* to[max_outputs];
  for (std::size_t k = 0; k < plan_.exported.size(); ++k)
    to[k] = out()[k]->data = program.memory(program.slots[out_slots()[k]]);
  run_all(to);
}

std::int64_t FusedInstruction::offset_of(const Operand& operand, const Cursor& cursor) const {
  std::int64_t offset = cursor.start * operand.strides[plan_.split];
  for (std::size_t axis = 0; axis < plan_.split; ++axis) {
    offset += cursor.outer[axis] * operand.strides[axis];
  }
  return offset * static_cast<std::int64_t>(operand.size);
}

void FusedInstruction::gather(const Operand& operand, const std::byte* from, std::int64_t rows,
                              std::byte* to) const {
  const std::size_t last = plan_.merged.rank() - 1;
  const auto size = static_cast<std::int64_t>(operand.size);
  if (last == plan_.split) {
    gather_lines(operand.size, from, {1, 0, rows, operand.strides[last]}, to);
    return;
  }
  const std::int64_t line = plan_.merged[last];
  const std::int64_t together = last - 1 == plan_.split ? rows : plan_.merged[last - 1];
  const Lines lines{together, operand.strides[last - 1], line, operand.strides[last]};
  std::array<std::int64_t, max_rank> index{};
  for (std::int64_t left = rows * plan_.inner / line; left > 0; left -= together) {
    gather_lines(operand.size, from, lines, to);
    to += together * line * size;
    for (std::size_t axis = last - 1; axis-- > plan_.split;) {
      from += operand.strides[axis] * size;
      if (axis == plan_.split || ++index[axis] < plan_.merged[axis]) break;
      from -= operand.strides[axis] * plan_.merged[axis] * size;
      index[axis] = 0;
    }
  }
}

FusedInstruction::Cursor FusedInstruction::cursor_at(std::int64_t line, std::int64_t start,
                                                     std::int64_t rows) const {
  Cursor cursor;
  cursor.outer.resize(plan_.split);
  std::int64_t rest = line;
  for (std::size_t axis = plan_.split; axis-- > 0;) {
    cursor.outer[axis] = rest % plan_.merged[axis];
    rest /= plan_.merged[axis];
  }
  cursor.start = start;
  cursor.rows = std::min(rows, plan_.merged[plan_.split] - start);
  cursor.first = (line * plan_.merged[plan_.split] + start) * plan_.inner;
  cursor.count = cursor.rows * plan_.inner;
  return cursor;
}

void FusedInstruction::run_all(std::byte* const* to) const {
  const std::int64_t cuts = (plan_.merged[plan_.split] + plan_.rows - 1) / plan_.rows;
  parallel_for(plan_.tiles, plan_.tiles_a_chunk, [&](std::int64_t begin, std::int64_t end) {
    Worker worker(*this);
    if (plan_.is_straight()) return worker.run_straight(begin, end, to);
    std::byte* parts[max_outputs];
    for (std::int64_t tile = begin; tile < end; ++tile) {
      const Cursor cursor = cursor_at(tile / cuts, tile % cuts * plan_.rows, plan_.rows);
      for (std::size_t k = 0; k < plan_.exported.size(); ++k) {
        const std::size_t size = item_size(plan_.member_shapes[plan_.exported[k]].dtype);
        parts[k] = to[k] + cursor.first * static_cast<std::int64_t>(size);
      }
      worker.run(cursor, parts);
    }
  });
}

FusedInstruction::Worker::Worker(const FusedInstruction& loop) : loop_(loop) {
  const FusedPlan& plan = loop.plan_;
  const std::size_t tile_bytes =
      (static_cast<std::size_t>(plan.rows * plan.inner) * plan.item + 63) / 64 * 64;
  for (std::size_t e = 0; e < plan.operands.size(); ++e) {
    const Operand& o = plan.operands[e];
    if (o.access == FusedPlan::Access::fixed)
      loop.gather(o, loop.in()[e]->data, plan.rows, scratch_ + o.tile);
    table_[e] = scratch_ + o.tile;
  }
  for (std::size_t m = 0; m < plan.steps.size(); ++m) {
    table_[plan.operands.size() + m] = scratch_ + plan.member_tile[m] * tile_bytes;
  }
}

void FusedInstruction::Worker::place(const Cursor& cursor, std::byte* const* to) {
  const FusedPlan& plan = loop_.plan_;
  const TensorsIn in = loop_.in();
  for (std::size_t e = 0; e < plan.operands.size(); ++e) {
    const Operand& o = plan.operands[e];
    if (o.access == FusedPlan::Access::direct) {
      table_[e] = in[e]->data + loop_.offset_of(o, cursor);
    } else if (o.access == FusedPlan::Access::one) {
      table_[e] = in[e]->data;
    } else if (o.access == FusedPlan::Access::gathered) {
      loop_.gather(o, in[e]->data + loop_.offset_of(o, cursor), cursor.rows, scratch_ + o.tile);
    }
  }
  for (std::size_t k = 0; k < plan.exported.size(); ++k)
    table_[plan.operands.size() + plan.exported[k]] = to[k];
}

void FusedInstruction::Worker::run_steps(std::int64_t first, std::int64_t count) {
  const FusedPlan& plan = loop_.plan_;
  const TensorsIn in = loop_.in();
  for (const FusedPlan::Step& step : plan.steps) {
    if (step.joined) continue;
    void* result = const_cast<void*>(table_[step.place]);
    if (step.draw != nullptr && step.arity == 0) {
      step.draw->fill(*in[step.state], first, count, result);
      continue;
    }
    if (step.draw != nullptr) {
      step.draw->fill_from(*in[step.state], first, count,
                           static_cast<const float*>(table_[step.operands[0]]),
                           static_cast<float*>(result));
      continue;
    }
    const void* from[FusedPlan::max_arity];
    for (std::uint32_t k = 0; k < step.arity; ++k) from[k] = table_[step.operands[k]];
    step.loop(from, result, static_cast<std::size_t>(count));
  }
}

void FusedInstruction::Worker::run_straight(std::int64_t first_tile, std::int64_t last_tile,
                                            std::byte* const* to) {
  const FusedPlan& plan = loop_.plan_;
  std::byte* parts[max_outputs];
  struct {
    std::size_t place;
    std::int64_t bytes;
  } moving[max_places];
  std::size_t count = 0;
  const auto moves = [&](std::size_t place, std::size_t size) {
    moving[count++] = {place, plan.rows * static_cast<std::int64_t>(size)};
  };
  const std::int64_t first = first_tile * plan.rows;
  for (std::size_t e = 0; e < plan.operands.size(); ++e)
    if (plan.operands[e].access == FusedPlan::Access::direct) moves(e, plan.operands[e].size);
  for (std::size_t k = 0; k < plan.exported.size(); ++k) {
    const std::size_t size = item_size(plan.member_shapes[plan.exported[k]].dtype);
    parts[k] = to[k] + first * static_cast<std::int64_t>(size);
    moves(plan.operands.size() + plan.exported[k], size);
  }
  const std::int64_t n = plan.merged[0];
  place(loop_.cursor_at(0, first, plan.rows), parts);
  for (std::int64_t start = first; start < std::min(n, last_tile * plan.rows); start += plan.rows) {
    run_steps(start, std::min(plan.rows, n - start));
    for (std::size_t i = 0; i < count; ++i) {
      const void*& at = table_[moving[i].place];
      at = static_cast<const std::byte*>(at) + moving[i].bytes;
    }
  }
}

}  // namespace damo
