#include <algorithm>
#include <utility>

#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/runtime/program/overwrites.hpp>

namespace damo {
namespace {

class Overwriting {
 public:
  Overwriting(Program& program, const std::vector<std::optional<std::uint32_t>>& updated)
      : program_(program), updated_(updated), base_(program.slots.size()), reads_(base_.size(), 0) {
    for (std::size_t s = 0; s < base_.size(); ++s) base_[s] = static_cast<std::uint32_t>(s);
    for (const auto& instruction : program.instructions) {
      if (instruction->is_view())
        base_[instruction->out_slots()[0]] = base_[instruction->in_slots()[0]];
      for (const std::uint32_t s : instruction->in_slots()) ++reads_[base_[s]];
    }
  }

  void run() {
    for (const auto& instruction : program_.instructions) find(*instruction);
    while (drop_one_read_too_late()) {
    }
    for (const Candidate& c : chosen_)
      program_.overwrites.insert(program_.overwrites.end(), c.pairs.begin(), c.pairs.end());
    const auto waits = [this](const auto& instruction) { return position(*instruction) >= 0; };
    auto& all = program_.instructions;
    const auto first =
        std::stable_partition(all.begin(), all.end(), [&](const auto& i) { return !waits(i); });
    program_.n_waiting = static_cast<std::size_t>(all.end() - first);
    std::sort(first, all.end(),
              [this](const auto& a, const auto& b) { return position(*a) < position(*b); });
  }

 private:
  /// An instruction and the pairs (variable, value) that it would write in place.
  struct Candidate {
    const Instruction* instruction;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  };

  std::ptrdiff_t position(const Instruction& instruction) const {
    const auto at = std::find_if(chosen_.begin(), chosen_.end(),
                                 [&](const Candidate& c) { return c.instruction == &instruction; });
    return at == chosen_.end() ? -1 : at - chosen_.begin();
  }

  /// How many roots lie in the memory of a slot.
  std::ptrdiff_t roots_in(std::uint32_t slot) const {
    return std::count_if(program_.roots.begin(), program_.roots.end(),
                         [&](std::uint32_t root) { return base_[root] == slot; });
  }

  std::optional<std::uint32_t> variable_of(std::uint32_t value) const {
    for (std::size_t i = 0; i < program_.roots.size(); ++i) {
      if (program_.roots[i] == value) return updated_[i];
    }
    return std::nullopt;
  }

  void find(const Instruction& instruction) {
    if (instruction.is_view() || !instruction.prepares()) return;
    Candidate candidate{&instruction, {}};
    for (std::size_t k = 0; k < instruction.out_slots().size(); ++k) {
      const std::uint32_t value = instruction.out_slots()[k];
      // It comes last: what it computes is for the caller only.
      if (reads_[value] != 0 || roots_in(value) != 1) return;
      const auto variable = variable_of(value);
      if (variable && fits(instruction, *variable, k))
        candidate.pairs.emplace_back(*variable, value);
    }
    if (!candidate.pairs.empty()) chosen_.push_back(std::move(candidate));
  }

  bool fits(const Instruction& instruction, std::uint32_t variable, std::size_t output) const {
    if (roots_in(variable) != 0) return false;
    const auto candidates = instruction.inplace_candidates();
    const auto in = instruction.in_slots();
    const bool over = std::any_of(candidates.begin(), candidates.end(), [&](const auto& c) {
      return in[c.first] == variable && c.second == output;
    });
    // Elementwise, it may be read more than once, but not by way of a view.
    const bool elementwise = as<Elementwise>(instruction.node().op()) != nullptr;
    std::size_t uses = 0;
    for (const std::uint32_t s : in) {
      if (base_[s] != variable) continue;
      if (s != variable) return false;
      ++uses;
    }
    return over && (uses == 1 || elementwise);
  }

  bool reads(const Instruction& instruction, const Candidate& overwritten) const {
    return std::any_of(overwritten.pairs.begin(), overwritten.pairs.end(), [&](const auto& pair) {
      const auto in = instruction.in_slots();
      return std::any_of(in.begin(), in.end(),
                         [&](std::uint32_t s) { return base_[s] == pair.first; });
    });
  }

  /// Puts those that read a variable before the one that writes over it. Where two read each
  /// other's, one of them goes back to where it was: it runs before both.
  bool drop_one_read_too_late() {
    std::vector<Candidate> sorted;
    while (!chosen_.empty()) {
      const auto free = std::find_if(chosen_.begin(), chosen_.end(), [&](const Candidate& c) {
        return std::none_of(chosen_.begin(), chosen_.end(), [&](const Candidate& other) {
          return other.instruction != c.instruction && reads(*other.instruction, c);
        });
      });
      if (free == chosen_.end()) {
        chosen_.erase(chosen_.begin());
        sorted.insert(sorted.end(), chosen_.begin(), chosen_.end());
        chosen_ = std::move(sorted);
        return true;
      }
      sorted.push_back(std::move(*free));
      chosen_.erase(free);
    }
    chosen_ = std::move(sorted);
    return false;
  }

  Program& program_;
  const std::vector<std::optional<std::uint32_t>>& updated_;
  std::vector<std::uint32_t> base_;
  std::vector<std::size_t> reads_;  // by slot: how often it, or a view of it, is read
  std::vector<Candidate> chosen_;
};

}  // namespace

void wait_to_overwrite(Program& program, const std::vector<std::optional<std::uint32_t>>& updated) {
  // Branches that are not always taken have an order of their own.
  if (program.guards.empty()) Overwriting(program, updated).run();
}

}  // namespace damo
