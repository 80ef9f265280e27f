#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace damo {

/// A loop that is running: the name of the scan and the step it is at.
struct LoopPlace {
  std::string scan;
  std::int64_t step = 0;
};

/// While alive, kernels on this thread run inside a step of a loop, and can ask which.
class LoopScope {
 public:
  /// `name` must outlive the scope.
  explicit LoopScope(const std::string& name);
  ~LoopScope();
  LoopScope(const LoopScope&) = delete;
  LoopScope& operator=(const LoopScope&) = delete;
  void at(std::int64_t step) { step_ = step; }
  /// The loops that are running on this thread, outermost first.
  static std::vector<LoopPlace> places();

 private:
  const std::string& name_;
  std::int64_t step_ = 0;
  const LoopScope* outer_;
};

/// "scan 'frames', step 3, scan 'gibbs', step 0"; "" outside loops.
std::string to_string(const std::vector<LoopPlace>& places);

}  // namespace damo
