#pragma once
#include <damo/graph/var.hpp>

namespace damo {

/// The operand as a float: int64 and bool in floatX.
Var as_float(const Arg& x);

/// The operand as what computes takes it: one of a dtype for storage as int64.
Var computable(const Arg& x);
/// The same, and a literal as int64.
Var whole(const Arg& x);

/// A number or an int64 scalar that a user gave for `what`, as int64. Throws TypeError, with the
/// line, for anything else.
Var whole_scalar(const char* who, const char* what, const Arg& n, Site site);

}  // namespace damo
