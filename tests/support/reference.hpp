#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <damo/graph/values/array.hpp>

namespace damo::test {

/// An op's value by plain loops in double, from the definition and not from Damo's kernels.
using Reference = std::function<Array(const std::vector<Array>&)>;

/// By the names of the registry.
const std::map<std::string, Reference>& references();

}  // namespace damo::test
