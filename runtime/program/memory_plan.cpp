#include <algorithm>

#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/shape/reshape.hpp>
#include <damo/runtime/program/memory_plan.hpp>

namespace damo {
namespace {

constexpr std::int32_t none = -1;

/// Slots that share one storage for good: a chain of in-place writes, with the views of its
/// members.
struct Block {
  std::size_t last_use = 0;
  bool exported = false;
  bool input = false;
};

class Planner {
 public:
  Planner(Program& program, bool inplace)
      : program_(program),
        inplace_(inplace),
        last_use_(program.slots.size(), 0),
        base_(program.slots.size()),
        block_of_(program.slots.size(), none),
        exported_(program.slots.size(), false) {}

  void run(const std::vector<bool>& mutable_inputs) {
    find_bases();
    find_last_uses();
    for (std::size_t i = 0; inplace_ && i < mutable_inputs.size(); ++i) {
      if (mutable_inputs[i]) add_input(program_.inputs[i]);
    }
    form_blocks();
    hand_out();
  }

 private:
  using Free = std::vector<std::pair<std::int32_t, const TensorType*>>;

  std::size_t n() const { return program_.instructions.size(); }
  Instruction& at(std::size_t i) { return *program_.instructions[i]; }

  /// The slot whose memory each slot lies in.
  void find_bases() {
    for (std::size_t s = 0; s < base_.size(); ++s) base_[s] = static_cast<std::uint32_t>(s);
    for (std::size_t i = 0; i < n(); ++i) {
      if (at(i).is_view()) base_[at(i).out_slots()[0]] = base_[at(i).in_slots()[0]];
    }
  }

  void find_last_uses() {
    for (std::size_t i = 0; i < n(); ++i) {
      for (const std::uint32_t s : at(i).out_slots()) last_use_[base_[s]] = i;
      for (const std::uint32_t s : at(i).in_slots()) last_use_[base_[s]] = i;
    }
    for (const std::uint32_t s : program_.roots) {
      last_use_[base_[s]] = n();
      exported_[s] = base_[s] == s;
    }
  }

  void add_input(std::uint32_t slot) {
    block_of_[slot] = static_cast<std::int32_t>(blocks_.size());
    blocks_.push_back({last_use_[slot], exported_[slot], true});
    inputs_.push_back(slot);
  }

  void form_blocks() {
    for (std::size_t i = 0; i < n(); ++i) {
      if (at(i).is_view()) continue;
      const auto candidates =
          inplace_ ? at(i).inplace_candidates() : decltype(at(i).inplace_candidates()){};
      std::vector<std::uint32_t> taken;
      for (std::size_t k = 0; k < at(i).out_slots().size(); ++k) {
        const std::uint32_t out = at(i).out_slots()[k];
        std::int32_t block = none;
        for (const auto& [input, output] : candidates) {
          const std::uint32_t in = at(i).in_slots()[input];
          if (output != k || std::count(taken.begin(), taken.end(), in) > 0) continue;
          if (!can_overwrite(i, input, out)) continue;
          block = block_of_[in];
          taken.push_back(in);
          break;
        }
        if (block == none) {
          block = static_cast<std::int32_t>(blocks_.size());
          blocks_.emplace_back();
        }
        block_of_[out] = block;
        Block& b = blocks_[static_cast<std::size_t>(block)];
        b.last_use = std::max(b.last_use, last_use_[out]);
        b.exported = b.exported || exported_[out];
      }
    }
  }

  bool can_overwrite(std::size_t i, std::size_t input, std::uint32_t out) {
    const std::uint32_t in = at(i).in_slots()[input];
    const std::int32_t block = block_of_[in];
    if (base_[in] != in || block == none) return false;
    const Block& b = blocks_[static_cast<std::size_t>(block)];
    if (b.exported || b.last_use != i) return false;
    // The other branch's value may need more memory than the caller's array has.
    if (b.input && at(i).node().op().chooses()) return false;
    const bool elementwise = as<Elementwise>(at(i).node().op()) != nullptr;
    std::size_t uses = 0;
    for (const std::uint32_t s : at(i).in_slots()) {
      if (block_of_[base_[s]] != block) continue;
      ++uses;
      if (s != in) return false;
    }
    if (uses > 1 && !elementwise) return false;
    const TensorType& from = program_.slot_vars[in].type();
    const TensorType& to = program_.slot_vars[out].type();
    const bool reshape = as<Reshape>(at(i).node().op()) != nullptr;
    return reshape ? from.dtype == to.dtype : same_size(from, to);
  }

  static bool same_size(const TensorType& in, const TensorType& out) {
    if (in.dtype != out.dtype || in.rank() != out.rank()) return false;
    for (std::size_t axis = 0; axis < in.rank(); ++axis) {
      if (in.broadcastable(axis) != out.broadcastable(axis)) return false;
    }
    return true;
  }

  /// Greedy: a block takes a storage whose owner has died, preferably one that held the same type.
  void hand_out() {
    std::vector<std::int32_t> storage_of(blocks_.size(), none);
    std::vector<std::vector<std::int32_t>> dying(n() + 1);
    Free free;
    types_.resize(blocks_.size());
    for (const std::uint32_t slot : inputs_) {
      const auto block = static_cast<std::size_t>(block_of_[slot]);
      program_.slots[slot].storage = storage_of[block] = new_storage(blocks_[block]);
    }
    for (std::size_t i = 0; i < n(); ++i) {
      for (const std::uint32_t out : at(i).out_slots()) {
        if (at(i).is_view()) break;
        const auto block = static_cast<std::size_t>(block_of_[out]);
        if (storage_of[block] == none) {
          storage_of[block] = take(blocks_[block], program_.slot_vars[out].type(), free);
          dying[blocks_[block].last_use].push_back(static_cast<std::int32_t>(block));
          types_[block] = &program_.slot_vars[out].type();
        }
        program_.slots[out].storage = storage_of[block];
      }
      release(dying[i], storage_of, free);
    }
  }

  std::int32_t take(const Block& block, const TensorType& type, Free& free) {
    if (!block.exported && !free.empty()) {
      const auto end = free.rbegin() + std::min<std::ptrdiff_t>(std::ssize(free), 16);
      const auto pick =
          std::find_if(free.rbegin(), end, [&](const auto& f) { return *f.second == type; });
      const auto it = pick == end ? free.end() - 1 : pick.base() - 1;
      const std::int32_t storage = it->first;
      free.erase(it);
      return storage;
    }
    return new_storage(block);
  }

  std::int32_t new_storage(const Block& block) {
    program_.storages.emplace_back();
    program_.storages.back().exported = block.exported;
    return static_cast<std::int32_t>(program_.storages.size() - 1);
  }

  void release(const std::vector<std::int32_t>& blocks, const std::vector<std::int32_t>& storage_of,
               Free& free) {
    for (const std::int32_t block : blocks) {
      const auto b = static_cast<std::size_t>(block);
      if (!blocks_[b].exported) free.emplace_back(storage_of[b], types_[b]);
    }
  }

  Program& program_;
  bool inplace_;
  std::vector<std::size_t> last_use_;
  std::vector<std::uint32_t> base_;
  std::vector<std::int32_t> block_of_;
  std::vector<bool> exported_;
  std::vector<Block> blocks_;
  std::vector<std::uint32_t> inputs_;  // those that are mutable
  std::vector<const TensorType*> types_;
};

}  // namespace

void plan_memory(Program& program, bool inplace, const std::vector<bool>& mutable_inputs) {
  Planner(program, inplace).run(mutable_inputs);
}

}  // namespace damo
