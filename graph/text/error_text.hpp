#pragma once
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <damo/graph/values/type.hpp>
#include <damo/graph/var.hpp>

namespace damo {

/// The text of an error: what was wrong, and below it labelled lines,
///     dot: inner sizes differ, 784 and 500
///       left   float32 (20, 784)  'v' (an input), made at rbm.cpp:30
class ErrorText {
 public:
  /// `what`, after the name of the op that says so unless it says it itself.
  ErrorText(const std::string& op, std::string_view what);
  void add(std::string label, std::string line);
  /// The operands of a node with the types they have: "left" and "right", or "input 0"...
  void add_operands(std::span<const Var> inputs, std::span<const TensorType> types);
  /// Every line of `lines` as a hint.
  void add_hint(const std::string& lines);
  std::string text() const;

 private:
  std::string headline_;
  std::vector<std::pair<std::string, std::string>> lines_;
};

/// What `v` is and where it was made, without its type: "'v' (an input), made at rbm.cpp:30",
/// "transpose(W), made at rbm.cpp:41".
std::string reference(const Var& v);
/// The shortest text that names `v` in a hint: its name, or its expression.
std::string short_name(const Var& v);

}  // namespace damo
