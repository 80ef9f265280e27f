#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <damo/graph/values/array.hpp>

namespace damo::test {

/// An op's value by plain loops in double, from the definition and not from Damo's kernels.
using Reference = std::function<Array(const std::vector<Array>&)>;

/// By the names of samples.
const std::map<std::string, Reference>& references();
/// Those of ops that one test file defines, as an object of static storage.
struct MoreReferences {
  explicit MoreReferences(const std::map<std::string, Reference>& more);
};

/// An elementwise function under broadcasting.
Reference elementwise(std::function<double(const std::vector<double>&)> f);

}  // namespace damo::test
