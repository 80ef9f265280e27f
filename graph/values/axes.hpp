#pragma once
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

namespace damo {

/// The integers that may name an axis. (Were bool among them, `{.keepdims = true}` would pass for a
/// list of axes.)
template <class T>
concept AxisNumber = std::integral<T> && !std::same_as<T, bool>;

/// The axes of a reduction: none named (all of them), one, or several. Negative ones count from the
/// end.
class Axes {
 public:
  class Entry {
   public:
    template <AxisNumber T>
    Entry(T axis) : axis(static_cast<int>(axis)) {}
    int axis;
  };
  Axes() = default;
  template <AxisNumber T>
  Axes(T axis) : axes_(std::vector<int>{static_cast<int>(axis)}) {}
  Axes(std::initializer_list<Entry> axes);
  Axes(std::vector<int> axes) : axes_(std::move(axes)) {}

  /// A bit for each axis of a tensor of `rank`. Throws ShapeError for an axis that is not there or
  /// is named twice.
  std::uint32_t mask(std::size_t rank) const;

 private:
  std::optional<std::vector<int>> axes_;
};

/// A bool that no number passes for.
class Flag {
 public:
  Flag() = default;
  template <std::same_as<bool> T>
  constexpr Flag(T value) : value_(value) {}
  constexpr operator bool() const { return value_; }

 private:
  bool value_ = false;
};

struct ReduceOptions {
  /// Whether the reduced axes stay, with size 1.
  Flag keepdims{};
};
struct VarianceOptions {
  Flag keepdims{};
  /// The divisor is the number of elements less this.
  int ddof = 0;
};
struct NormOptions {
  Flag keepdims{};
  /// (sum |x|^ord)^(1/ord); infinity for the largest |x|.
  double ord = 2;
};

}  // namespace damo
