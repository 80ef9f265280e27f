#pragma once
#include <optional>

#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/optim/analysis/function_set.hpp>

namespace damo::optim {

/// The elementwise functions that the rewrites know by identity.
struct Vocabulary {
  const ScalarOp *add, *sub, *mul, *div, *neg, *reciprocal, *sqr, *pow;
  const ScalarOp *exp, *exp2, *log, *log1p, *log2, *log10, *expm1, *sigmoid, *softplus, *tanh,
      *log1mexp;
  const ScalarOp *sqrt, *abs, *sign, *round, *floor, *ceil, *trunc, *relu;
  const ScalarOp *less, *less_equal, *greater, *greater_equal, *eq, *neq;
  const ScalarOp *and_, *or_, *xor_, *not_, *isnan, *isinf, *where;
  const ScalarOp *sinh, *cosh, *erf, *erfc, *erfcx, *sech_squared, *log_cosh;
  const ScalarOp *maximum, *minimum, *clip, *logaddexp, *xlogx, *xlogy0;
};
const Vocabulary& vocabulary();

/// The scalar function that `v` applies, or null when `v` is not elementwise.
const ScalarOp* scalar_op(const Var& v);

/// The set of one function.
inline FunctionSet head_bit(const ScalarOp& f) {
  return FunctionSet{}.set(f.number % FunctionSet{}.size());
}

/// Whether it converts between dtypes (null: no).
bool is_conversion(const ScalarOp* f);
/// Whether `v` is a conversion from one float dtype to another.
bool is_float_cast(const Var& v);
/// Whether it is one to a wider dtype, which rounds nothing.
bool is_widening(const Var& v);

/// Whether `value`, of `dtype`, is `target` as far as `dtype` can hold it.
bool is_number(double value, double target, DType dtype);
/// Whether a + b loses nothing (Knuth's two-sum).
bool adds_exactly(double a, double b);

/// Applies an elementwise op to any number of operands through the public conversions.
Var apply_scalar(const std::shared_ptr<const Op>& op, const std::vector<Arg>& operands);

}  // namespace damo::optim
