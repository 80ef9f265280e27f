#pragma once
#include <vector>

#include <damo/ops/common/registry.hpp>

namespace damo::detail {

// The parts of the registry, by theme.
std::vector<OpEntry> elementwise_entries();
std::vector<OpEntry> shape_entries();
std::vector<OpEntry> reduction_entries();
std::vector<OpEntry> product_entries();
std::vector<OpEntry> indexing_entries();
std::vector<OpEntry> other_entries();

}  // namespace damo::detail
