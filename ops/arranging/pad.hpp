#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include <damo/graph/var.hpp>

namespace damo {

/// What stands around a padded tensor, as NumPy's `pad` has it.
enum class PadMode : std::uint8_t {
  constant,
  edge,       ///< the last element goes on
  reflect,    ///< mirrored, the last element once
  symmetric,  ///< mirrored, the last element twice
  wrap        ///< from the other end, again and again (NumPy since 1.25)
};
struct PadOptions {
  PadMode mode = PadMode::constant;
  Arg value = 0.0;  ///< of `constant`, in x's dtype
};

/// `x` with more elements before and after it along each axis: a pair for each, of numbers or int64
/// scalars. Throws ShapeError for a negative one, and where there is nothing to repeat.
Var pad(const Arg& x, const std::vector<std::pair<Arg, Arg>>& widths,
        const PadOptions& options = {});
/// The same number at all ends.
Var pad(const Arg& x, const Arg& width, const PadOptions& options = {});

}  // namespace damo
