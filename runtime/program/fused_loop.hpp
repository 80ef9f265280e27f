#pragma once
#include <damo/runtime/program/fused_plan.hpp>
#include <damo/runtime/program/program.hpp>

namespace damo {

/// A unit of elementwise nodes and random draws as one loop over tiles small enough to stay in the
/// first-level cache. Inputs without gaps are read where they are, others are gathered into a tile;
/// values that only the unit needs never leave it. The bits are those of the ops run one by one,
/// for any number of threads.
class FusedInstruction final : public Instruction {
 public:
  /// `in`: the slots of `external_inputs(unit)`; `out`: the slots of the members whose positions
  /// are `exported`.
  FusedInstruction(const Unit& unit, std::vector<std::uint32_t> in,
                   std::vector<std::size_t> exported, std::vector<std::uint32_t> out);
  void run(Program& program) override;
  std::string title() const override;
  Profile::Kind kind() const override;
  std::vector<std::pair<std::size_t, std::size_t>> inplace_candidates() const override;
  void link(Program& program) override;
  std::vector<const Apply*> members() const override;

 private:
  using Operand = FusedPlan::Operand;
  struct Cursor;

  void resolve(Program& program);
  void run_chunk(std::int64_t begin, std::int64_t end) const;
  void run_tile(const Cursor& cursor, const void** table, std::byte* scratch) const;
  void gather(const Operand& operand, const std::byte* from, std::int64_t rows,
              std::byte* to) const;
  std::int64_t offset_of(const Operand& operand, const Cursor& cursor) const;

  FusedPlan plan_;
};

}  // namespace damo
