#pragma once
#include <vector>

#include <damo/ops/loop/scan_op.hpp>
#include <damo/runtime/program/program.hpp>

namespace damo {

/// One value that the body computes at each step.
struct LoopValue {
  std::uint32_t slot = 0;
  /// The storage that can be pointed at the place of the value; -1 when it has to be copied
  /// there.
  std::int32_t storage = -1;
  /// The body's input slot that takes the value at the next step; -1 when it is not fed back.
  std::int32_t state_slot = -1;
  std::size_t state_input = 0;
  /// A state that the body hands on as it is, and of which no trace is kept.
  bool constant = false;
  /// A state that its own next value may be written over, as in an accumulation.
  bool in_place = false;
  /// The node's output that decides where values go; -1 for none.
  int keeper = -1;
  /// Further outputs, copied from the keeper after the last step.
  std::vector<std::size_t> copies{};

  // Of the present call.
  Shape shape{};
  std::int64_t row_bytes = 0;
  std::byte* base = nullptr;
  std::byte* last = nullptr;
  const std::byte* first = nullptr;  ///< where a state's initial value is
  Array initial{};                   ///< used when that is not contiguous
  Array buffer{}, spare{};           ///< two buffers of a state of which no trace is kept
};

/// What is kept of a value that some output asks for.
Scan::Keep kept_of(const Scan& scan, const LoopValue& c);

/// Where each value that the body computes goes, settled before the loop runs. With `inplace`,
/// states may be written over.
std::vector<LoopValue> plan_carried(const Scan& scan, const Program& body, bool inplace);

}  // namespace damo
