#pragma once
#include <cstddef>

#include <damo/graph/values/array.hpp>

namespace damo {

/// Scratch memory for one kernel call. It only grows, so a warmed-up call allocates nothing.
class Workspace {
 public:
  /// `bytes` of 64-byte aligned memory, valid until the next `bytes` or the end of the kernel.
  std::byte* bytes(std::size_t bytes) {
    memory_.reset(DType::boolean, Shape{static_cast<std::int64_t>(bytes)});
    return memory_.raw();
  }

 private:
  Array memory_;
};

}  // namespace damo
