#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/runtime/function/outputs.hpp>

namespace damo {

const Array& Outputs::operator[](std::size_t i) const {
  if (i >= size()) {
    throw GraphError(fmt::format("outputs: there is no output {}, the function has {}", i, size()));
  }
  const OutputBlock& block = *hold_.get();
  if (!block.borrowed.empty() && block.borrowed[i] != nullptr) return *block.borrowed[i];
  return block.arrays[i];
}

Array Outputs::take(std::size_t i) && {
  const Array& value = (*this)[i];
  OutputBlock& block = *hold_.get();
  const bool own = &value == &block.arrays[i] && block.holders.load(std::memory_order_acquire) == 1;
  if (own) return std::move(block.arrays[i]);
  return value;
}

std::size_t Outputs::index_of(std::string_view name) const {
  if (hold_.get() != nullptr) {
    const auto& names = *hold_.get()->names;
    const auto at = std::find(names.begin(), names.end(), name);
    if (at != names.end()) return static_cast<std::size_t>(at - names.begin());
  }
  throw GraphError(fmt::format("outputs: there is no output named '{}'", name));
}

}  // namespace damo
