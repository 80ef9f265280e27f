#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace damo {

/// Memory that grows and is kept: warmed-up kernels work without allocating. Page-aligned, as
/// large panels are read across many pages.
class Scratch {
 public:
  /// Room for `n` elements, their values unspecified.
  template <class T>
  T* reserve(std::int64_t n) {
    const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(T);
    if (bytes > capacity_) {
      memory_.reset();
      memory_.reset(static_cast<std::byte*>(::operator new(bytes, alignment)));
      capacity_ = bytes;
    }
    return reinterpret_cast<T*>(memory_.get());
  }
  template <class T>
  const T* data() const {
    return reinterpret_cast<const T*>(memory_.get());
  }

 private:
  static constexpr std::align_val_t alignment{4096};
  struct Free {
    void operator()(std::byte* p) const { ::operator delete(p, alignment); }
  };
  std::unique_ptr<std::byte[], Free> memory_;
  std::size_t capacity_ = 0;
};

}  // namespace damo
