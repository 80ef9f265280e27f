#include <algorithm>
#include <functional>
#include <queue>
#include <unordered_map>
#include <utility>

#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/runtime/program/overwrites.hpp>

namespace damo {
namespace {

class Overwriting {
 public:
  Overwriting(Program& program, const std::vector<std::optional<std::uint32_t>>& updated)
      : program_(program),
        base_(program.slots.size()),
        reads_(base_.size(), 0),
        roots_in_(base_.size(), 0),
        variable_of_(base_.size()) {
    for (std::size_t s = 0; s < base_.size(); ++s) base_[s] = static_cast<std::uint32_t>(s);
    for (const auto& instruction : program.instructions) {
      if (instruction->is_view())
        base_[instruction->out_slots()[0]] = base_[instruction->in_slots()[0]];
      for (const std::uint32_t s : instruction->in_slots()) ++reads_[base_[s]];
    }
    for (std::size_t i = 0; i < program.roots.size(); ++i) {
      ++roots_in_[base_[program.roots[i]]];
      variable_of_[program.roots[i]] = updated[i];
    }
  }

  void run() {
    for (const auto& instruction : program_.instructions) find(*instruction);
    put_readers_first();
    std::unordered_map<const Instruction*, std::size_t> position;
    for (const Candidate& c : chosen_) {
      position.emplace(c.instruction, position.size());
      program_.overwrites.insert(program_.overwrites.end(), c.pairs.begin(), c.pairs.end());
    }
    const auto waits = [&](const auto& instruction) { return position.contains(&*instruction); };
    auto& all = program_.instructions;
    const auto first =
        std::stable_partition(all.begin(), all.end(), [&](const auto& i) { return !waits(i); });
    program_.n_waiting = static_cast<std::size_t>(all.end() - first);
    std::sort(first, all.end(),
              [&](const auto& a, const auto& b) { return position.at(&*a) < position.at(&*b); });
  }

 private:
  /// An instruction and the pairs (variable, value) that it would write in place.
  struct Candidate {
    const Instruction* instruction;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  };

  void find(const Instruction& instruction) {
    if (instruction.is_view() || !instruction.prepares()) return;
    Candidate candidate{&instruction, {}};
    for (std::size_t k = 0; k < instruction.out_slots().size(); ++k) {
      const std::uint32_t value = instruction.out_slots()[k];
      // It comes last: what it computes is for the caller only.
      if (reads_[value] != 0 || roots_in_[value] != 1) return;
      const auto variable = variable_of_[value];
      if (variable && fits(instruction, *variable, k))
        candidate.pairs.emplace_back(*variable, value);
    }
    if (!candidate.pairs.empty()) chosen_.push_back(std::move(candidate));
  }

  bool fits(const Instruction& instruction, std::uint32_t variable, std::size_t output) const {
    if (roots_in_[variable] != 0) return false;
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

  /// By candidate, those that write over what it reads, as often as it does.
  std::vector<std::vector<std::size_t>> written_after() const {
    std::unordered_map<std::uint32_t, std::size_t> writer;
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      for (const auto& [variable, value] : chosen_[i].pairs) writer.emplace(variable, i);
    }
    std::vector<std::vector<std::size_t>> all(chosen_.size());
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      for (const std::uint32_t s : chosen_[i].instruction->in_slots()) {
        const auto at = writer.find(base_[s]);
        if (at != writer.end() && at->second != i) all[i].push_back(at->second);
      }
    }
    return all;
  }

  /// Puts those that read a variable before the one that writes over it. Where two read each
  /// other's, one of them goes back to where it was: it runs before both.
  void put_readers_first() {
    const auto later = written_after();
    std::vector<std::size_t> readers(chosen_.size(), 0);
    for (const auto& written : later) {
      for (const std::size_t i : written) ++readers[i];
    }
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> free;
    std::vector<bool> placed(chosen_.size(), false);
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      if (readers[i] == 0) free.push(i);
    }
    const auto place = [&](std::size_t i) {
      placed[i] = true;
      for (const std::size_t w : later[i]) {
        if (--readers[w] == 0 && !placed[w]) free.push(w);
      }
    };
    std::vector<Candidate> sorted;
    for (std::size_t first = 0; first < chosen_.size();) {
      if (!free.empty()) {
        const std::size_t i = free.top();
        free.pop();
        place(i);
        sorted.push_back(std::move(chosen_[i]));
      } else if (placed[first]) {
        ++first;
      } else {
        place(first);  // it goes back
      }
    }
    chosen_ = std::move(sorted);
  }

  Program& program_;
  std::vector<std::uint32_t> base_;
  std::vector<std::size_t> reads_;     // by slot: how often it, or a view of it, is read
  std::vector<std::size_t> roots_in_;  // how many roots lie in its memory
  std::vector<std::optional<std::uint32_t>> variable_of_;  // what it is the update of
  std::vector<Candidate> chosen_;
};

}  // namespace

void wait_to_overwrite(Program& program, const std::vector<std::optional<std::uint32_t>>& updated) {
  // Branches that are not always taken have an order of their own.
  if (program.guards.empty()) Overwriting(program, updated).run();
}

}  // namespace damo
