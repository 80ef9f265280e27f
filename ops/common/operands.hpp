#pragma once
#include <damo/graph/var.hpp>

namespace damo {

/// The operand as a float: int64 and bool in floatX.
Var as_float(const Arg& x);

/// A number or an int64 scalar that a user gave for `what`, as int64. Throws TypeError, with the
/// line, for anything else.
Var whole_scalar(const char* who, const char* what, const Arg& n, Site site);

}  // namespace damo
