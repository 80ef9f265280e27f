#pragma once
#include <array>
#include <optional>
#include <string>

#include <damo/runtime/function/function_options.hpp>

namespace damo {

/// An input of a function: how an argument becomes its value.
class Parameter {
 public:
  /// `function` names the function in errors.
  Parameter(const In& in, std::optional<bool> allow_downcast, const std::string& function);

  const Var& var() const { return var_; }
  const std::string& name() const { return name_; }
  /// Holds the value of a left-out argument; an empty SharedVar when it must be given.
  const SharedVar& stored() const { return stored_; }
  bool is_mutable() const { return mutable_; }
  /// The next one of these, or an empty Var.
  const Var& update() const { return update_; }
  /// The same with a stored value of its own.
  Parameter copy() const;

  /// The argument as a tensor of the input's type, valid while argument and parameter are. Throws
  /// TypeError or ShapeError for one that does not fit; `index` is its place in the call.
  Tensor read(const Argument& argument, std::size_t index, const std::string& function);

 private:
  Tensor read_number(const Argument& argument, std::size_t index, const std::string& function);
  Tensor read_tensor(const Tensor& tensor, std::size_t index, const std::string& function);
  void store(const Argument& number);

  Var var_;
  std::string name_;
  bool strict_, mutable_;
  std::optional<bool> allow_downcast_;
  Var update_;
  SharedVar stored_{};
  std::array<std::byte, 8> number_{};
  Array converted_{};
};

}  // namespace damo
