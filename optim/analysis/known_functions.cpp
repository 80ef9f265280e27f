#include <cmath>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/extended_math.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/scaled_math.hpp>
#include <damo/optim/analysis/known_functions.hpp>

namespace damo::optim {
namespace {

const ScalarOp* function_of(const Var& v) { return &as<Elementwise>(v)->scalar(); }

Vocabulary learn() {
  const Var x = dscalar();
  const Var y = dscalar();
  const Var p = bscalar();
  const Var q = bscalar();
  const auto f = function_of;
  Vocabulary words{};
  words.add = f(x + y), words.sub = f(x - y), words.mul = f(x * y), words.div = f(x / y);
  words.neg = f(-x), words.reciprocal = f(reciprocal(x)), words.sqr = f(sqr(x));
  words.pow = f(pow(x, y)), words.exp = f(exp(x)), words.exp2 = f(exp2(x)), words.log = f(log(x)),
  words.log1p = f(log1p(x));
  words.log2 = f(log2(x)), words.log10 = f(log10(x)), words.expm1 = f(expm1(x));
  words.sigmoid = f(sigmoid(x)), words.softplus = f(softplus(x)), words.tanh = f(tanh(x));
  words.sinh = f(sinh(x)), words.cosh = f(cosh(x)), words.erf = f(erf(x)), words.erfc = f(erfc(x));
  words.erfcx = f(erfcx(x)), words.sech_squared = f(sech_squared(x));
  words.log_cosh = f(log_cosh(x));
  words.log1mexp = f(log1mexp(x)), words.sqrt = f(sqrt(x)), words.abs = f(abs(x));
  words.sign = f(sign(x)), words.round = f(round(x)), words.floor = f(floor(x));
  words.ceil = f(ceil(x)), words.trunc = f(trunc(x)), words.relu = f(relu(x));
  words.less = f(x < y), words.less_equal = f(x <= y), words.greater = f(x > y);
  words.greater_equal = f(x >= y), words.eq = f(eq(x, y)), words.neq = f(neq(x, y));
  words.and_ = f(and_(p, q)), words.or_ = f(or_(p, q)), words.xor_ = f(xor_(p, q));
  words.not_ = f(not_(p)), words.isnan = f(isnan(x)), words.isinf = f(isinf(x));
  words.where = f(where(p, x, y)), words.maximum = f(maximum(x, y));
  words.minimum = f(minimum(x, y)), words.logaddexp = f(logaddexp(x, y));
  words.clip = f(clip(x, y, y)), words.xlogx = f(xlogx(x)), words.xlogy0 = f(xlogy0(x, y));
  return words;
}

}  // namespace

const Vocabulary& vocabulary() {
  static const Vocabulary words = learn();
  return words;
}

const ScalarOp* scalar_op(const Var& v) {
  const auto* e = as<Elementwise>(v);
  return e != nullptr ? &e->scalar() : nullptr;
}

bool is_conversion(const ScalarOp* f) {
  return f != nullptr && f->types == ScalarOp::Types::convert;
}

bool is_float_cast(const Var& v) {
  const ScalarOp* f = scalar_op(v);
  return is_conversion(f) && is_float(f->to) && is_float(v.inputs()[0].dtype());
}

bool is_widening(const Var& v) { return is_float_cast(v) && v.dtype() >= v.inputs()[0].dtype(); }

bool is_number(double value, double target, DType dtype) {
  return value == target ||
         (dtype == DType::float32 && value == static_cast<double>(static_cast<float>(target)));
}

bool adds_exactly(double a, double b) {
  const double sum = a + b;
  const double rest = sum - a;
  return (a - (sum - rest)) + (b - rest) == 0;
}

Var apply_scalar(const std::shared_ptr<const Op>& op, const std::vector<Arg>& operands) {
  switch (operands.size()) {
    case 1:
      return elementwise(op, {operands[0]});
    case 2:
      return elementwise(op, {operands[0], operands[1]});
    case 3:
      return elementwise(op, {operands[0], operands[1], operands[2]});
    default:
      throw InternalError("an elementwise op of more than three operands");
  }
}

}  // namespace damo::optim
