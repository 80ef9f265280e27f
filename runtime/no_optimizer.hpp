#pragma once
#include <string>

#include <damo/graph/function_graph.hpp>

namespace damo {
struct Mode {
  static Mode fast() { return {}; }
};
struct Trace {
  std::string text() const { return {}; }
};
inline FunctionGraph optimize(const FunctionGraph& g, const Mode&, Trace* = nullptr) { return g; }
}  // namespace damo
