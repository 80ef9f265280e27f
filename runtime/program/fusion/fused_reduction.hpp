#pragma once
#include <vector>

#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/reductions/reduce_parts.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/runtime/program/fusion/fused_loop.hpp>

namespace damo {

/// Elementwise nodes whose value only a sum, product or extremum reads: computed tile by tile and
/// reduced while they are in the cache. The bits are those of the ops run one by one, for any
/// number of threads.
class FusedReduction final : public FusedInstruction {
 public:
  /// Whether a unit and the node that reads it can be run so.
  static bool fits(const Unit& unit, const Apply& reduce);
  /// `in`: the slots of `external_inputs(unit)`; `out`: that of the reduction.
  FusedReduction(const Unit& unit, const Apply& reduce, std::vector<std::uint32_t> in,
                 std::uint32_t out);
  void run(Program& program) override;
  std::string title() const override;
  std::vector<std::pair<std::size_t, std::size_t>> inplace_candidates() const override {
    return {};
  }
  bool prepares() const override { return false; }
  std::vector<const Apply*> members() const override;

 private:
  /// How the elements are cut into parts, each reduced by itself.
  enum class Way : std::uint8_t {
    rows,    ///< tiles of whole rows, each of which becomes an element
    pieces,  ///< rows longer than a tile, in runs
    columns  ///< rows under each other, some at a time
  };

  const Reduce& op() const { return static_cast<const Reduce&>(reduce_.op()); }
  void resolve(Program& program);
  bool choose_way(bool last);
  template <Reduction R, class T>
  void reduce_tiles();
  template <class T>
  void sum_again();
  template <class T>
  void compute(Worker& worker, std::int64_t first, std::int64_t n, T* to) const;
  std::size_t count_factors() const;
  template <class T>
  const T* factor(std::size_t which, std::int64_t first) const;
  template <Reduction R, class T>
  T reduce_products(std::int64_t first, std::int64_t n) const;
  template <Reduction R, class T>
  T reduce_run(Worker& worker, std::int64_t first, std::int64_t n) const;
  template <Reduction R, class T>
  void reduce_rows();
  template <Reduction R, class T>
  void reduce_pieces();
  template <Reduction R, class T>
  void reduce_columns();

  const Apply& reduce_;
  Var keep_alive_;
  Way way_ = Way::rows;
  bool in_tiles_ = false;
  std::size_t factors_ = 0;
  std::int64_t n_ = 1;     ///< elements that become one
  std::int64_t kept_ = 1;  ///< how many they become
  Scratch memory_;
};

}  // namespace damo
