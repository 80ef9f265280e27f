#pragma once
#include <functional>
#include <span>
#include <utility>

#include <damo/graph/values/array.hpp>
#include <damo/ops/loop/scan_op.hpp>

namespace damo {

/// While alive, is told of every step that `evaluate` takes in a loop on this thread: the loop, the
/// values of its body's inputs, and the step.
class ScanWatch {
 public:
  using Values = std::span<const std::pair<Var, Array>>;
  using Callback = std::function<void(const Scan&, Values, std::int64_t step)>;
  explicit ScanWatch(Callback callback);
  ~ScanWatch();
  ScanWatch(const ScanWatch&) = delete;
  ScanWatch& operator=(const ScanWatch&) = delete;
  static void notify(const Scan& scan, Values values, std::int64_t step);

 private:
  Callback callback_;
  ScanWatch* outer_;
};

}  // namespace damo
