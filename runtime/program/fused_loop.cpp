#include <algorithm>
#include <cstring>

#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/runtime/program/fused_loop.hpp>

namespace damo {
namespace {

constexpr std::size_t max_places = 512;

const Draw* as_draw(const Apply& node) { return as<Draw>(node.op()); }

/// Copies one line of elements that lie `step` elements apart.
template <class T>
void gather_line(const std::byte* from, std::int64_t step, std::int64_t n, std::byte* to) {
  const T* in = reinterpret_cast<const T*>(from);
  T* out = reinterpret_cast<T*>(to);
  if (step == 0) {
    std::fill_n(out, n, *in);
  } else if (step == 1) {
    std::memcpy(out, in, static_cast<std::size_t>(n) * sizeof(T));
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = in[i * step];
  }
}

void gather_line(std::size_t size, const std::byte* from, std::int64_t step, std::int64_t n,
                 std::byte* to) {
  if (size == 8) return gather_line<std::uint64_t>(from, step, n, to);
  if (size == 4) return gather_line<std::uint32_t>(from, step, n, to);
  gather_line<std::uint8_t>(from, step, n, to);
}

}  // namespace

/// Where a tile lies.
struct FusedInstruction::Cursor {
  Shape outer;             ///< indices of the axes before the cut one
  std::int64_t start = 0;  ///< first index of the cut axis
  std::int64_t rows = 0;   ///< how many
  std::int64_t first = 0;  ///< the tile's first element
  std::int64_t count = 0;  ///< how many elements
};

Vars FusedInstruction::external_inputs(const Unit& unit) {
  Vars found;
  for (const Apply* node : unit) {
    for (const Var& v : node->inputs()) {
      const bool inner = std::find(unit.begin(), unit.end(), v.owner_ptr()) != unit.end();
      const bool known =
          std::any_of(found.begin(), found.end(), [&](const Var& f) { return same(f, v); });
      if (!inner && !known) found.push_back(v);
    }
  }
  return found;
}

FusedInstruction::FusedInstruction(const Unit& unit, std::vector<std::uint32_t> in,
                                   std::vector<std::size_t> exported,
                                   std::vector<std::uint32_t> out)
    : Instruction(*unit.back(), std::move(in), std::move(out)),
      operands_(in_slots().size()),
      exported_(std::move(exported)),
      output_of_(unit.size(), -1),
      member_tile_(unit.size(), 0),
      member_shapes_(unit.size()),
      last_read_(operands_.size() + unit.size(), 0) {
  const Vars externals = external_inputs(unit);
  const auto place_of = [&](const Var& v) {
    const auto member = std::find(unit.begin(), unit.end(), v.owner_ptr());
    if (member != unit.end()) {
      return static_cast<std::uint32_t>(externals.size() + (member - unit.begin()));
    }
    const auto e =
        std::find_if(externals.begin(), externals.end(), [&](const Var& f) { return same(f, v); });
    return static_cast<std::uint32_t>(e - externals.begin());
  };
  for (std::size_t i = 0; i < unit.size(); ++i) {
    Step step;
    step.node = unit[i];
    step.keep_alive = unit[i]->output();
    step.place = static_cast<std::uint32_t>(externals.size() + i);
    step.draw = as_draw(*unit[i]);
    item_ = std::max(item_, item_size(unit[i]->types()[0].dtype));
    member_shapes_[i].dtype = unit[i]->types()[0].dtype;
    if (step.draw != nullptr) {
      has_draws_ = true;
      step.state = place_of(unit[i]->input(0));
    } else {
      const auto& op = static_cast<const Elementwise&>(unit[i]->op());
      step.loops = op.loops(Elementwise::compute_dtype(*unit[i]));
      for (const Var& v : unit[i]->inputs()) {
        const std::uint32_t place = place_of(v);
        step.operands[step.arity++] = place;
        last_read_[place] = i;
        if (place < externals.size()) operands_[place].is_operand = true;
      }
    }
    steps_.push_back(std::move(step));
  }
  for (std::size_t e = 0; e < externals.size(); ++e) {
    operands_[e].size = item_size(externals[e].dtype());
    if (operands_[e].is_operand) item_ = std::max(item_, operands_[e].size);
  }
  for (std::size_t k = 0; k < exported_.size(); ++k) {
    output_of_[exported_[k]] = static_cast<int>(k);
  }
}

std::string FusedInstruction::title() const {
  std::string text = "fused";
  for (const Step& step : steps_) text += " " + step.node->op().name();
  return text;
}

std::vector<const Apply*> FusedInstruction::members() const {
  std::vector<const Apply*> nodes;
  for (const Step& step : steps_) nodes.push_back(step.node);
  return nodes;
}

Profile::Kind FusedInstruction::kind() const {
  return has_draws_ ? Profile::Kind::draw : Profile::Kind::elementwise;
}

/// An output may take over an input that no later step of the same tile reads.
std::vector<std::pair<std::size_t, std::size_t>> FusedInstruction::inplace_candidates() const {
  std::vector<std::pair<std::size_t, std::size_t>> result;
  for (std::size_t k = 0; k < exported_.size(); ++k) {
    for (std::size_t e = 0; e < operands_.size(); ++e) {
      const bool state = std::any_of(steps_.begin(), steps_.end(), [&](const Step& s) {
        return s.draw != nullptr && s.state == e;
      });
      if (operands_[e].is_operand && !state && last_read_[e] <= exported_[k]) {
        result.emplace_back(e, k);
      }
    }
  }
  return result;
}

void FusedInstruction::link(Program& program) {
  Instruction::link(program);
  for (Step& step : steps_) {
    for (const Var& v : step.node->inputs()) {
      const auto member = std::find_if(steps_.begin(), steps_.end(),
                                       [&](const Step& s) { return s.node == v.owner_ptr(); });
      if (member != steps_.end()) {
        step.tensors.push_back(&member_shapes_[static_cast<std::size_t>(member - steps_.begin())]);
        continue;
      }
      for (std::size_t e = 0; e < in_slots().size(); ++e) {
        if (same(program.slot_vars[in_slots()[e]], v)) step.tensors.push_back(in()[e]);
      }
    }
  }
}

void FusedInstruction::run(Program& program) {
  if (changed(program) || (has_draws_ && draws_changed())) {
    resolve(program);
    settle();
  } else if (isa_ != isa()) {
    choose_loops();
  }
  for (std::size_t k = 0; k < exported_.size(); ++k) {
    out()[k]->data = program.memory(program.slots[out_slots()[k]]);
  }
  parallel_for(tiles_, tiles_a_chunk_,
               [this](std::int64_t begin, std::int64_t end) { run_chunk(begin, end); });
}

std::int64_t FusedInstruction::offset_of(const Operand& operand, const Cursor& cursor) const {
  std::int64_t offset = cursor.start * operand.strides[split_];
  for (std::size_t axis = 0; axis < split_; ++axis) {
    offset += cursor.outer[axis] * operand.strides[axis];
  }
  return offset * static_cast<std::int64_t>(operand.size);
}

void FusedInstruction::gather(const Operand& operand, const std::byte* from, std::int64_t rows,
                              std::byte* to) const {
  const std::size_t last = merged_.rank() - 1;
  const auto size = static_cast<std::int64_t>(operand.size);
  if (last == split_) {
    gather_line(operand.size, from, operand.strides[last], rows, to);
    return;
  }
  const std::int64_t line = merged_[last];
  std::array<std::int64_t, max_rank> index{};
  for (std::int64_t lines = rows * inner_ / line; lines > 0; --lines) {
    gather_line(operand.size, from, operand.strides[last], line, to);
    to += line * size;
    for (std::size_t axis = last; axis-- > split_;) {
      from += operand.strides[axis] * size;
      if (axis == split_ || ++index[axis] < merged_[axis]) break;
      from -= operand.strides[axis] * merged_[axis] * size;
      index[axis] = 0;
    }
  }
}

void FusedInstruction::run_chunk(std::int64_t begin, std::int64_t end) const {
  alignas(64) std::byte scratch[scratch_bytes + std::size_t{64} * 512];
  const void* table[max_places];
  const std::size_t tile_bytes = (static_cast<std::size_t>(rows_ * inner_) * item_ + 63) / 64 * 64;
  for (std::size_t e = 0; e < operands_.size(); ++e) {
    const Operand& o = operands_[e];
    if (o.access == Access::fixed) gather(o, in()[e]->data, rows_, scratch + o.tile);
    table[e] = scratch + o.tile;
  }
  for (std::size_t m = 0; m < steps_.size(); ++m) {
    table[operands_.size() + m] = scratch + member_tile_[m] * tile_bytes;
  }
  const std::int64_t cuts = (merged_[split_] + rows_ - 1) / rows_;
  for (std::int64_t tile = begin; tile < end; ++tile) {
    Cursor cursor;
    std::int64_t rest = tile / cuts;
    cursor.outer.resize(split_);
    for (std::size_t axis = split_; axis-- > 0;) {
      cursor.outer[axis] = rest % merged_[axis];
      rest /= merged_[axis];
    }
    cursor.start = tile % cuts * rows_;
    cursor.rows = std::min(rows_, merged_[split_] - cursor.start);
    cursor.first = (tile / cuts * merged_[split_] + cursor.start) * inner_;
    cursor.count = cursor.rows * inner_;
    run_tile(cursor, table, scratch);
  }
}

void FusedInstruction::run_tile(const Cursor& cursor, const void** table,
                                std::byte* scratch) const {
  for (std::size_t e = 0; e < operands_.size(); ++e) {
    const Operand& o = operands_[e];
    if (o.access == Access::direct) {
      table[e] = in()[e]->data + offset_of(o, cursor);
    } else if (o.access == Access::gathered) {
      gather(o, in()[e]->data + offset_of(o, cursor), cursor.rows, scratch + o.tile);
    }
  }
  for (std::size_t k = 0; k < exported_.size(); ++k) {
    table[operands_.size() + exported_[k]] =
        out()[k]->data + cursor.first * static_cast<std::int64_t>(item_size(out()[k]->dtype));
  }
  for (const Step& step : steps_) {
    void* to = const_cast<void*>(table[step.place]);
    if (step.draw != nullptr) {
      step.draw->fill(*in()[step.state], cursor.first, cursor.count, to);
      continue;
    }
    const void* from[max_arity];
    for (std::uint32_t k = 0; k < step.arity; ++k) from[k] = table[step.operands[k]];
    step.loop(from, to, static_cast<std::size_t>(cursor.count));
  }
}

}  // namespace damo
