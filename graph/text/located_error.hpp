#pragma once
#include <string>
#include <vector>

#include <damo/graph/op.hpp>
#include <damo/graph/text/error_text.hpp>

namespace damo {

/// An error of a kernel on its way up through nested loops: the failing node is known, the places
/// it was called from are still being added. Whoever was called by the user turns it into the kind
/// of Error it was.
class LocatedError {
 public:
  /// From the Error being handled, with the node and its operands. Rethrows anything else.
  static LocatedError current(const Apply& node, TensorsIn in);
  /// One that is complete but for its places.
  template <class E>
  static LocatedError of(ErrorText text) {
    return {&throw_as<E>, std::move(text)};
  }
  /// "scan 'gibbs', step 3": innermost first.
  void add_place(std::string place) { places_.push_back(std::move(place)); }
  [[noreturn]] void raise() const;

 private:
  using Throw = void (*)(const std::string&);
  LocatedError(Throw kind, ErrorText text) : throw_(kind), text_(std::move(text)) {}
  template <class E>
  [[noreturn]] static void throw_as(const std::string& text) {
    throw E(text);
  }

  Throw throw_;
  ErrorText text_;
  std::string hint_{};
  std::vector<std::string> places_{};
};

}  // namespace damo
