#pragma once
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <damo/graph/op.hpp>

namespace damo {

/// A table of values by variable, for what looks up every node of a graph many times: one array, in
/// which the node's number says where to look (open addressing, Knuth volume 3). A node without an
/// index stands for its first output. Numbers are never given twice, so keys need not be kept
/// alive. References to values hold until the next insertion.
template <class T>
class Table {
 public:
  T* find(const Apply& node, std::size_t output = 0) {
    return const_cast<T*>(std::as_const(*this).find(node, output));
  }
  const T* find(const Apply& node, std::size_t output = 0) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[place(key(node, output))];
    return slot.key == 0 ? nullptr : &slot.value;
  }
  T* find(const Var& v) { return find(v.owner(), v.index()); }
  const T* find(const Var& v) const { return find(v.owner(), v.index()); }

  bool contains(const Apply& node) const { return find(node) != nullptr; }
  bool contains(const Var& v) const { return find(v) != nullptr; }

  /// Throws std::out_of_range for what is not there.
  const T& at(const Var& v) const {
    const T* value = find(v);
    if (value == nullptr) throw std::out_of_range("Table::at");
    return *value;
  }

  /// The value, and whether it is new: then it is `value`.
  std::pair<T*, bool> insert(const Apply& node, std::size_t output, T value) {
    if (2 * (size_ + 1) > slots_.size()) grow(2 * (size_ + 1));
    Slot& slot = slots_[place(key(node, output))];
    if (slot.key != 0) return {&slot.value, false};
    slot = {key(node, output), std::move(value)};
    ++size_;
    return {&slot.value, true};
  }
  std::pair<T*, bool> insert(const Var& v, T value) {
    return insert(v.owner(), v.index(), std::move(value));
  }
  void set(const Apply& node, std::size_t output, T value) {
    *insert(node, output, T{}).first = std::move(value);
  }
  T& operator[](const Var& v) { return *insert(v, T{}).first; }
  T& operator[](const Apply& node) { return *insert(node, 0, T{}).first; }

  std::size_t size() const { return size_; }
  void clear() {
    slots_.clear();
    size_ = 0;
  }
  /// Makes room for so many values.
  void reserve(std::size_t n) {
    if (2 * n > slots_.size()) grow(2 * n);
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    T value{};
  };

  static std::uint64_t key(const Apply& node, std::size_t output) {
    return (node.id() + 1) << 16U ^ output;
  }
  /// Where `key` is, or would be.
  std::size_t place(std::uint64_t key) const {
    const std::size_t last = slots_.size() - 1;
    std::size_t at = (key * 0x9e3779b97f4a7c15ULL) >> 32U & last;
    while (slots_[at].key != 0 && slots_[at].key != key) at = (at + 1) & last;
    return at;
  }
  void grow(std::size_t least) {
    std::size_t n = 16;
    while (n < least) n *= 2;
    std::vector<Slot> old(n);
    old.swap(slots_);
    for (Slot& slot : old) {
      if (slot.key != 0) slots_[place(slot.key)] = std::move(slot);
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace damo
