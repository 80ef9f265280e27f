#pragma once
#include <string>

#include <damo/graph/error.hpp>
#include <damo/graph/op.hpp>

namespace damo {

/// An error of a kernel on its way up through nested loops: the failing node is known, the places
/// it was called from are still being added. The function turns it into the kind of Error it was.
class LocatedError {
 public:
  /// From the Error being handled, with the node and its operands. Rethrows anything else.
  static LocatedError current(const Apply& node, TensorsIn in);
  void add_place(const std::string& place) { text_ += "\n  in       " + place; }
  [[noreturn]] void raise() const;

 private:
  enum class Kind : std::uint8_t { shape, type, graph, numeric, internal, other };
  LocatedError(Kind kind, std::string text) : kind_(kind), text_(std::move(text)) {}

  Kind kind_;
  std::string text_;
};

}  // namespace damo
