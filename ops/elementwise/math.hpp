#pragma once
#include <initializer_list>

#include <damo/graph/var.hpp>

// Elementwise mathematics. Operands of different rank are aligned at their last axes, an axis known
// to be 1 stretches, and dtypes meet as `promote` says; functions without an integer meaning turn
// int64 and bool into floatX.
namespace damo {

Var operator+(const Arg& a, const Arg& b);
Var operator-(const Arg& a, const Arg& b);
Var operator*(const Arg& a, const Arg& b);
/// True division: two integers give floatX.
Var operator/(const Arg& a, const Arg& b);
/// Remainder with the sign of the divisor, as in Python.
Var operator%(const Arg& a, const Arg& b);
Var operator-(const Arg& a);
/// Quotient rounded towards minus infinity.
Var floor_div(const Arg& a, const Arg& b);
Var pow(const Arg& base, const Arg& exponent);

Comparison operator<(const Arg& a, const Arg& b);
Comparison operator<=(const Arg& a, const Arg& b);
Comparison operator>(const Arg& a, const Arg& b);
Comparison operator>=(const Arg& a, const Arg& b);
// `a < b < c` compares a bool with c. What is meant is and_(a < b, b < c).
// clang-format off
template <class T> void operator<(const Comparison&, const T&) = delete;   // and_(a < b, b < c)
template <class T> void operator<=(const Comparison&, const T&) = delete;  // and_(a < b, b <= c)
template <class T> void operator>(const Comparison&, const T&) = delete;   // and_(a > b, b > c)
template <class T> void operator>=(const Comparison&, const T&) = delete;  // and_(a > b, b >= c)
// clang-format on
Var eq(const Arg& a, const Arg& b);
Var neq(const Arg& a, const Arg& b);
Var and_(const Arg& a, const Arg& b);
Var or_(const Arg& a, const Arg& b);
Var xor_(const Arg& a, const Arg& b);
Var not_(const Arg& a);
/// a where cond (a bool; an int64 holds where it is not 0; a float is a TypeError) holds, b
/// elsewhere; NaN in the branch not taken does not leak, in value or gradient.
Var where(const Arg& cond, const Arg& a, const Arg& b);

Var exp(const Arg& x);
Var expm1(const Arg& x);
Var log(const Arg& x);
Var log1p(const Arg& x);
Var log2(const Arg& x);
Var log10(const Arg& x);
/// log(1 - e^x) for x <= 0 (Maechler 2012).
Var log1mexp(const Arg& x);
/// log(e^a + e^b).
Var logaddexp(const Arg& a, const Arg& b);
Var sqrt(const Arg& x);
Var sqr(const Arg& x);
Var reciprocal(const Arg& x);
Var abs(const Arg& x);
Var sign(const Arg& x);
Var floor(const Arg& x);
Var ceil(const Arg& x);
Var trunc(const Arg& x);
/// To the nearest integer, halves to even.
Var round(const Arg& x);
Var sin(const Arg& x);
Var cos(const Arg& x);
Var tan(const Arg& x);
Var arcsin(const Arg& x);
Var arccos(const Arg& x);
Var arctan(const Arg& x);
Var atan2(const Arg& y, const Arg& x);
Var sinh(const Arg& x);
Var cosh(const Arg& x);
Var tanh(const Arg& x);
/// 1 / (1 + e^-x).
Var sigmoid(const Arg& x);
/// log(1 + e^x).
Var softplus(const Arg& x);
Var relu(const Arg& x);
Var erf(const Arg& x);
Var erfc(const Arg& x);
/// log |Gamma(x)|.
Var gammaln(const Arg& x);
Var digamma(const Arg& x);
/// The derivative of digamma.
Var trigamma(const Arg& x);
/// The n-th derivative of digamma, for any whole n from 0 on; NaN for another one. No gradient
/// flows into n.
Var polygamma(const Arg& n, const Arg& x);
/// x log x, 0 at 0.
Var xlogx(const Arg& x);
/// x log y, 0 where x is 0 unless y is NaN.
Var xlogy0(const Arg& x, const Arg& y);
/// NaN if either is NaN, as in NumPy.
Var maximum(const Arg& a, const Arg& b);
Var minimum(const Arg& a, const Arg& b);
Var clip(const Arg& x, const Arg& low, const Arg& high);
Var isnan(const Arg& x);
Var isinf(const Arg& x);
/// To bool: != 0; from float to int64: towards zero.
Var cast(const Arg& x, DType dtype);

}  // namespace damo
