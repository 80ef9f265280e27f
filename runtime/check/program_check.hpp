#pragma once
#include <unordered_map>
#include <unordered_set>

#include <damo/runtime/program/program.hpp>

namespace damo {

/// Runs every instruction beside its ops' own kernels and holds the plan to what it promises: an
/// instruction leaves its inputs as they are, unless it was allowed to write over one; gives what
/// the kernels give on copies of the inputs; a view lies in the memory it is a view of; and what an
/// instruction reads is what was written there for it. Throws InternalError naming the op.
class ProgramCheck final : public Observer {
 public:
  void begin(Program& program) override;
  void before(Program& program, std::size_t instruction) override;
  void after(Program& program, std::size_t instruction) override;

 private:
  /// What a slot held when it was written, and by which instruction.
  struct Written {
    std::uint64_t sum = 0;
    std::size_t by = 0;
  };
  using Copies = std::vector<std::pair<Var, Array>>;
  struct Run {
    std::unordered_map<std::uint32_t, Written> written{};
    Copies inputs{};
    std::unordered_set<std::uint32_t> results{};  ///< slots that instructions write
  };
  static void check_inputs(const Program& program, const Instruction& instruction,
                           const Copies& copies);
  static void check_results(const Program& program, const Instruction& instruction,
                            const Copies& copies);

  std::unordered_map<const Program*, Run> runs_;
};

}  // namespace damo
