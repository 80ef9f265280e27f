#pragma once
#include <stdexcept>
#include <string>

namespace damo {

/// Base of everything Damo throws on purpose.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Sizes or ranks that do not fit.
struct ShapeError : Error {
  using Error::Error;
};
/// A dtype, or a kind of argument, that does not fit.
struct TypeError : Error {
  using Error::Error;
};
/// A graph that cannot become a function: missing inputs, duplicate updates, a malformed scan.
struct GraphError : Error {
  using Error::Error;
};
/// A gradient that does not exist or would be silently zero.
struct GradError : Error {
  using Error::Error;
};
/// NaN or infinity where it was to be reported, a failed numeric check.
struct NumericError : Error {
  using Error::Error;
};
/// A condition of an `Assert` that did not hold.
struct AssertionError : NumericError {
  using NumericError::NumericError;
};
/// Files and folders.
struct IoError : Error {
  using Error::Error;
};
/// A broken promise inside Damo: names the pass, rule or op at fault. Please report it.
struct InternalError : Error {
  using Error::Error;
};

}  // namespace damo
