#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <damo/graph/var.hpp>

namespace damo::test {

/// A value that another program printed: of this function at these arguments.
struct Tabulated {
  const char* function;
  std::vector<double> arguments;
  double value;
};

using Functions = std::map<std::string, std::function<Var(const Vars&)>>;

/// Holds every row to the function of its name, in float64 and, where the arguments and the value
/// are floats, in float32; both within so many roundings. Every function must have a row.
void check_tabulated(const std::vector<Tabulated>& rows, const Functions& functions,
                     double roundings = 8);

}  // namespace damo::test
