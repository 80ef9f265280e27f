#pragma once
#include <damo/graph/leaves.hpp>
#include <damo/ops/draw_op.hpp>

namespace damo {

/// A draw from the stream with this state: `sizes` are int64 scalars, one an axis; parameters of
/// lower rank get leading axes.
Var draw(Draw::Distribution distribution, DType dtype, const SharedVar& state, const Vars& sizes,
         Vars parameters, Site site);

}  // namespace damo
