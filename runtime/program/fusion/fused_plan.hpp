#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/runtime/program/fusion/fuse.hpp>

namespace damo {

/// How a unit of elementwise nodes and random draws is run as one loop over tiles: its steps, which
/// are settled when the program is made, and the layout of its tiles, which follows the shapes.
struct FusedPlan {
  static constexpr std::size_t max_arity = 4;
  static constexpr std::int64_t longest_tile = 1024;
  static constexpr std::int64_t longest_straight = 16384;
  /// What a tile's buffers may take together.
  static constexpr std::size_t scratch_bytes = std::size_t{48} * 1024;

  /// One operation on tiles. Places number the external inputs first, then the members.
  struct Step {
    const Apply* node = nullptr;
    LoopSet loops{};
    LoopSet scaled{};  ///< where the first operand is one number
    Loop loop = nullptr;
    const Draw* draw = nullptr;
    std::uint32_t state = 0;  ///< a draw's state, among the inputs
    std::array<std::uint32_t, max_arity> operands{};
    std::uint32_t arity = 0;
    std::uint32_t place = 0;
    bool joined = false;                   ///< a later step computes it on its way
    std::vector<const Tensor*> tensors{};  ///< the node's inputs, for its shape rule
    Var keep_alive{};
  };
  enum class Access : std::uint8_t {
    unused,   ///< not an operand: a draw's state or size
    direct,   ///< read where it is
    one,      ///< one number, read where it is
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
  /// `exported`: the members whose values are outputs.
  FusedPlan(const Unit& unit, std::vector<std::size_t> exported);

  /// Lays the loop out for inputs of these shapes, axes before `border` apart from those after it.
  /// Throws LocatedError for what does not fit.
  void resolve(TensorsIn in, std::size_t border = 0);
  /// The shape of every member; throws LocatedError for what does not fit.
  void resolve_shape();
  /// The fastest loops of the present instruction set.
  void choose_loops();
  /// Whether draws would have another shape than that laid out: it may depend on values.
  bool draws_changed() const;
  /// Whether each tile lies behind the one before in all operands but those that are the same.
  bool is_straight() const;
  /// Makes the tiles of a single step longer that goes straight through its operands.
  void lengthen_tiles();

  std::vector<Step> steps;
  std::vector<Operand> operands;
  std::vector<std::size_t> exported;  ///< members
  std::vector<int> output_of;         ///< by member: which output it is, or -1
  std::vector<std::size_t> member_tile;
  std::vector<Tensor> member_shapes;   ///< shapes only
  std::vector<std::size_t> last_read;  ///< by place: the last step that reads it
  Shape shape;                         ///< of every member
  Shape merged;                        ///< the index space with as few axes as possible
  std::size_t split = 0;               ///< the merged axis that tiles cut
  std::int64_t inner = 1;              ///< elements in one index of that axis
  std::int64_t rows = 1;               ///< indices of that axis in a tile
  std::int64_t tiles = 0;
  std::int64_t tiles_a_chunk = 1;
  std::size_t n_tile_buffers = 0;
  std::size_t item = 4;  ///< bytes of the widest element
  Isa isa = Isa::sse2;
  bool has_draws = false;
  /// Zen 4 moves what is not in the cache faster by vectors of half the width.
  bool waits_for_memory = false;

 private:
  void join_products();
  void join_product(std::size_t product, std::size_t with);
  void check_parameter(const Step& step, const Shape& sample) const;
  void merge_axes(TensorsIn in, std::size_t border);
  void assign_tiles();
  void choose_tile();
  void cut(std::int64_t into_rows);
  void classify();
};

/// Variables that the unit reads and does not compute, each once.
Vars external_inputs(const Unit& unit);

}  // namespace damo
