#pragma once
#include <damo/runtime/program/fusion/fused_plan.hpp>
#include <damo/runtime/program/program.hpp>

namespace damo {

/// A unit of elementwise nodes and random draws as one loop over tiles small enough to stay in the
/// first-level cache. Inputs without gaps are read where they are, others are gathered into a tile;
/// values that only the unit needs never leave it. The bits are those of the ops run one by one,
/// for any number of threads.
class FusedInstruction : public Instruction {
 public:
  /// `in`: the slots of `external_inputs(unit)`; `out`: the slots of the members whose positions
  /// are `exported`.
  FusedInstruction(const Unit& unit, std::vector<std::uint32_t> in,
                   std::vector<std::size_t> exported, std::vector<std::uint32_t> out);
  void run(Program& program) override;
  std::string title() const override;
  Profile::Kind kind() const override;
  std::vector<std::pair<std::size_t, std::size_t>> inplace_candidates() const override;
  bool prepares() const override { return !plan_.has_draws; }
  void prepare(Program& program) override;
  void link(Program& program) override;
  std::vector<const Apply*> members() const override;

 protected:
  /// Where a tile lies.
  struct Cursor {
    Shape outer{};           ///< indices of the axes before the cut one
    std::int64_t start = 0;  ///< first index of the cut axis
    std::int64_t rows = 0;   ///< how many
    std::int64_t first = 0;  ///< the tile's first element
    std::int64_t count = 0;  ///< how many elements
  };
  /// What computes tiles: one for each thread.
  class Worker;

  /// The tile from `start` on of a line of the cut axis.
  Cursor cursor_at(std::int64_t line, std::int64_t start, std::int64_t rows) const;
  /// Computes all tiles; `to`: where each output goes.
  void run_all(std::byte* const* to) const;
  FusedPlan& plan() { return plan_; }
  const FusedPlan& plan() const { return plan_; }

 private:
  using Operand = FusedPlan::Operand;

  void resolve(Program& program);
  void gather(const Operand& operand, const std::byte* from, std::int64_t rows,
              std::byte* to) const;
  std::int64_t offset_of(const Operand& operand, const Cursor& cursor) const;

  FusedPlan plan_;
};

class FusedInstruction::Worker {
 public:
  explicit Worker(const FusedInstruction& loop);
  /// Computes a tile; `to`: where its part of each output goes.
  void run(const Cursor& cursor, std::byte* const* to) {
    place(cursor, to);
    run_steps(cursor.first, cursor.count);
  }
  /// Computes tiles that follow one another in all that is read or written.
  void run_straight(std::int64_t first_tile, std::int64_t last_tile, std::byte* const* to);

 private:
  void place(const Cursor& cursor, std::byte* const* to);
  void run_steps(std::int64_t first, std::int64_t count);
  static constexpr std::size_t max_places = 512;

  const FusedInstruction& loop_;
  alignas(64) std::byte scratch_[FusedPlan::scratch_bytes + std::size_t{64} * 512];
  const void* table_[max_places];
};

}  // namespace damo
