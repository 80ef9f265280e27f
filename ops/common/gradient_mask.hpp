#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include <damo/graph/op.hpp>

namespace damo {

/// How a derivative depends on where it is taken.
enum class Slope : std::uint8_t {
  constant,  ///< not at all: where nothing flows in, nothing flows out
  tame,      ///< it is finite where the operands are
  wild       ///< it may be infinite or NaN at finite operands
};

/// Which elements of what flows back count: those at which all of these bools hold. Each has the
/// rank of the variable and stretches to it, or is a scalar.
struct Mask {
  Vars asked;     ///< by `where` and `ifelse`: what was not chosen may be anything
  Vars compared;  ///< by maximum, clip and the like: what was not chosen was compared, so it is no
                  ///< NaN
  bool empty() const { return asked.empty() && compared.empty(); }
  Vars all() const;
  void add(const Mask& more);
};

/// What flows back to an operand, to be chosen where its mask holds.
struct MaskedFlow {
  Var value{};
  Mask mask{};
};

/// Not `condition`.
Var negation(const Var& condition);
/// Whether all of them hold; an empty Var for none.
Var conjunction(const Vars& conditions);
/// `value` where all conditions hold, and zero elsewhere.
Var selected(const Var& value, const Vars& conditions);
/// What `conditions` on elements of a variable say of another that is stretched along `axes` to it:
/// that they hold for some of its elements. `rank`: 0 for a scalar.
Vars before_stretching(const Vars& conditions, const std::vector<int>& axes, std::size_t rank);
/// Whether `condition` (of full rank, or a scalar) is known to be the same all along the axis.
bool constant_along(const Var& condition, std::size_t axis);

/// What all masks say.
Mask common_mask(std::span<const Mask> masks);
/// What `mask` says besides `known`.
Mask rest_of(const Mask& mask, const Mask& known);
/// Where at least one of the masks counts, as one condition; an empty mask where that is
/// everywhere.
Mask united(std::span<const Mask> masks);

/// What reverse mode asks of an op when some elements of its outputs do not count. The defaults are
/// those of an op that moves, adds or drops elements. An op without these answers is taken to have
/// a wild slope and to read all of its operands for each element.
class ReadsElements {
 public:
  ReadsElements() = default;
  ReadsElements(const ReadsElements&) = default;
  ReadsElements& operator=(const ReadsElements&) = delete;
  virtual ~ReadsElements() = default;

  virtual Slope slope(const Apply& node) const;
  /// Which elements of an input are read for the marked ones of an output: a bool that stretches to
  /// the input; an empty Var when it may be all.
  virtual Var read_for(const Apply& node, std::size_t input, std::size_t output,
                       const Var& marked) const;
  /// Which elements of an input are read at all, where an index or an extremum leaves some out
  /// whatever they are; an empty Var for all.
  virtual Var picked(const Apply& node, std::size_t input) const;
  /// `gradient` where only marked elements of the outputs are asked for (those of an output without
  /// a mark all are) and `g` is zero elsewhere.
  virtual Gradients gradient_of_marked(const Apply& node, const Vars& g, const Vars& marked) const;
  friend bool operator==(const ReadsElements&, const ReadsElements&) { return true; }

 protected:
  /// Where something arrives when ones flow back from all of the output.
  static Var read_for_ones(const Apply& node, std::size_t input);
};

/// The slope of a node, that of its graph if it has one.
Slope slope_of(const Apply& node);

}  // namespace damo
