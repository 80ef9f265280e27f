#pragma once
#include <damo/graph/op.hpp>

// Recognises the indexing with which loops' values are read.
namespace damo {

/// x[-1].
bool takes_last(const Apply& node);
/// x[1:].
bool drops_first(const Apply& node);
/// What the gradient of that adds to zeros: inc_subtensor(a[1:], b).
bool adds_after_first(const Apply& node);
/// Whether the index only picks, reorders or drops rows of the first axis, and keeps the axis.
bool selects_rows(const Apply& node);

}  // namespace damo
