#pragma once
#include <bitset>

namespace damo::optim {

/// A set of elementwise functions, a bit each by `ScalarOp::number`. Where there are more functions
/// than bits some share one: a set that lacks the bit lacks the function.
using FunctionSet = std::bitset<128>;

/// Whether `needed` has a function that `set` has not.
inline bool lacks(const FunctionSet& set, const FunctionSet& needed) {
  return (needed & ~set).any();
}

}  // namespace damo::optim
