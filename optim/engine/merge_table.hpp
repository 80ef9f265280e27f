#pragma once
#include <vector>

#include <damo/graph/op.hpp>

namespace damo::optim {

/// The nodes of a graph that is being rebuilt, of which equal ones are to be one: an array
/// addressed by a hash of op and inputs.
class MergeTable {
 public:
  /// The node met first of those equal to `node`; that is `node` itself when it is new. It is kept
  /// alive.
  const Apply& insert(const Apply& node);
  /// The node equal to `node`, or null.
  const Apply* find(const Apply& node) const;
  void clear();
  void reserve(std::size_t n);

 private:
  struct Slot {
    std::size_t hash = 0;
    const Apply* node = nullptr;
  };
  /// Where `node` is, or would be.
  std::size_t place(const Apply& node, std::size_t hash) const;

  std::vector<Slot> slots_;
  Vars kept_;
};

}  // namespace damo::optim
