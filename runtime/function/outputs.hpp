#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>

namespace damo {

/// The values of one call, and how many hold them. The function takes them back for a later call
/// when nobody does.
struct OutputBlock {
  OutputBlock(std::size_t n, std::shared_ptr<const std::vector<std::string>> output_names)
      : arrays(n), names(std::move(output_names)) {}
  std::vector<Array> arrays;
  /// By output, when some are borrowed: the function's own array, or null.
  std::vector<const Array*> borrowed{};
  std::shared_ptr<const std::vector<std::string>> names;
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
  /// The output of that name. Throws GraphError when there is none.
  const Array& operator[](std::string_view name) const { return (*this)[index_of(name)]; }
  /// Output `i` as an array of the caller's own: its memory is handed over, not copied, unless it
  /// is borrowed or a copy of these Outputs holds it too. Where it was is an empty array then.
  Array take(std::size_t i) &&;
  /// Output `i`, which has one element, converted to `T`; throws ShapeError when it has more.
  template <class T>
  T scalar(std::size_t i) const {
    return (*this)[i].item<T>();
  }
  template <class T>
  T scalar(std::string_view name) const {
    return (*this)[name].item<T>();
  }
  /// Output `i` as xt::xarray<T>: see runtime/function/xtensor.hpp. Throws TypeError for another
  /// dtype.
  template <class T>
  auto array(std::size_t i) const;
  template <class T>
  auto array(std::string_view name) const {
    return array<T>(index_of(name));
  }

 private:
  std::size_t index_of(std::string_view name) const;
  OutputHold hold_;
};

}  // namespace damo
