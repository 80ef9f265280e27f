#pragma once
#include <damo/graph/var.hpp>

// Signs that Python has for what has a name of its own here: they do not compile, and the
// compiler's message shows the line of what to write.
namespace damo {

// clang-format off
template <class T> void operator==(const Var&, const T&) = delete;  // eq(a, b)
template <class T> void operator!=(const Var&, const T&) = delete;  // neq(a, b)
template <class T> void operator&(const Var&, const T&) = delete;   // and_(a, b)
template <class T> void operator|(const Var&, const T&) = delete;   // or_(a, b)
template <class T> void operator^(const Var&, const T&) = delete;   // xor_(a, b); pow(a, b)
void operator~(const Var&) = delete;                                // not_(a)
// clang-format on

}  // namespace damo
