#pragma once
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include <damo/graph/array.hpp>

namespace damo {

/// The values of one call, and how many hold them. The function takes them back for a later call
/// when nobody does.
struct OutputBlock {
  explicit OutputBlock(std::size_t n) : arrays(n) {}
  std::vector<Array> arrays;
  std::atomic<int> holders{0};
};

/// A hold on an OutputBlock. Letting go publishes what was read, so that the function may write the
/// block again on another thread.
class OutputHold {
 public:
  OutputHold() = default;
  explicit OutputHold(std::shared_ptr<OutputBlock> block) : block_(std::move(block)) { take(); }
  OutputHold(const OutputHold& other) : block_(other.block_) { take(); }
  OutputHold(OutputHold&& other) noexcept = default;
  OutputHold& operator=(OutputHold other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~OutputHold() {
    if (block_) block_->holders.fetch_sub(1, std::memory_order_release);
  }
  OutputBlock* get() const { return block_.get(); }

 private:
  void take() const {
    if (block_) block_->holders.fetch_add(1, std::memory_order_relaxed);
  }
  std::shared_ptr<OutputBlock> block_;
};

/// What a call returned. Copies share the values; they stay as they are while any copy lives, and
/// their memory goes back to the function when the last one goes.
class Outputs {
 public:
  Outputs() = default;
  explicit Outputs(std::shared_ptr<OutputBlock> block) : hold_(std::move(block)) {}

  std::size_t size() const { return hold_.get() == nullptr ? 0 : hold_.get()->arrays.size(); }
  /// Output `i` without copying, valid while this lives. Throws GraphError when there is none.
  const Array& operator[](std::size_t i) const;
  /// Output `i`, which has one element, converted to `T`; throws ShapeError when it has more.
  template <class T>
  T scalar(std::size_t i) const {
    return (*this)[i].item<T>();
  }
  /// Output `i` as xt::xarray<T>: see runtime/convert.hpp. Throws TypeError for another dtype.
  template <class T>
  auto array(std::size_t i) const;

 private:
  OutputHold hold_;
};

}  // namespace damo
