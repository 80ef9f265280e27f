#pragma once
#include <damo/graph/op.hpp>

namespace damo {

/// An op that can tell, before its kernel writes over `inplace_input`, whether it would fail. So a
/// value that must stay if anything fails may be written over after all else has been done.
class ChecksAhead {
 public:
  ChecksAhead() = default;
  ChecksAhead(const ChecksAhead&) = default;
  ChecksAhead& operator=(const ChecksAhead&) = default;
  virtual ~ChecksAhead() = default;
  /// Throws what `perform` would for these inputs, whose shapes `run_shapes` has accepted.
  virtual void check_ahead(const Apply&, TensorsIn, Workspace&) const {}
  friend bool operator==(const ChecksAhead&, const ChecksAhead&) { return true; }
};

}  // namespace damo
