#pragma once
#include <array>

#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/runtime/program/fuse.hpp>
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

  /// Variables that the unit reads and does not compute, each once.
  static Vars external_inputs(const Unit& unit);

 private:
  static constexpr std::size_t max_arity = 4;
  /// What a tile's buffers may take together.
  static constexpr std::size_t scratch_bytes = std::size_t{48} * 1024;

  /// One operation on tiles. Places number the external inputs first, then the members.
  struct Step {
    const Apply* node = nullptr;
    LoopSet loops{};
    Loop loop = nullptr;
    const Draw* draw = nullptr;
    std::uint32_t state = 0;  ///< a draw's state, among the inputs
    std::array<std::uint32_t, max_arity> operands{};
    std::uint32_t arity = 0;
    std::uint32_t place = 0;
    std::vector<const Tensor*> tensors{};  ///< the node's inputs, for its shape rule
    Var keep_alive{};
  };
  enum class Access : std::uint8_t {
    unused,   ///< not an operand: a draw's state or size
    direct,   ///< read where it is
    fixed,    ///< the same elements in every tile: gathered once
    gathered  ///< gathered tile by tile
  };
  /// How an external operand is read.
  struct Operand {
    Access access = Access::unused;
    bool is_operand = false;
    std::size_t size = 0;  ///< bytes of an element
    Shape strides{};       ///< over the merged index space
    std::size_t tile = 0;  ///< offset of its tile in scratch memory
  };
  struct Cursor;

  void resolve(Program& program);
  void resolve_shape();
  bool draws_changed();
  void merge_axes();
  void choose_tile();
  void classify();
  void assign_tiles();
  void choose_loops();
  void run_chunk(std::int64_t begin, std::int64_t end) const;
  void run_tile(const Cursor& cursor, const void** table, std::byte* scratch) const;
  void gather(const Operand& operand, const std::byte* from, std::int64_t rows,
              std::byte* to) const;
  std::int64_t offset_of(const Operand& operand, const Cursor& cursor) const;

  std::vector<Step> steps_;
  std::vector<Operand> operands_;
  std::vector<std::size_t> exported_;  ///< members
  std::vector<int> output_of_;         ///< by member: which output it is, or -1
  std::vector<std::size_t> member_tile_;
  std::vector<Tensor> member_shapes_;   ///< shapes only
  std::vector<std::size_t> last_read_;  ///< by place: the last step that reads it
  Shape shape_;                         ///< of every member
  Shape merged_;                        ///< the index space with as few axes as possible
  std::size_t split_ = 0;               ///< the merged axis that tiles cut
  std::int64_t inner_ = 1;              ///< elements in one index of that axis
  std::int64_t rows_ = 1;               ///< indices of that axis in a tile
  std::int64_t tiles_ = 0;
  std::int64_t tiles_a_chunk_ = 1;
  std::size_t n_tile_buffers_ = 0;
  std::size_t item_ = 4;  ///< bytes of the widest element
  Isa isa_ = Isa::sse2;
  bool has_draws_ = false;
};

}  // namespace damo
