#pragma once
#include <string>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/optim/engine/pipeline.hpp>

namespace damo::test {

/// `v` rewritten as a function's only output; its inputs are those it depends on.
Var rewritten(const Var& v, const Mode& mode = Mode::fast(), Trace* trace = nullptr);
/// The same for several outputs.
Vars rewritten(const Vars& outputs, const Mode& mode = Mode::fast(), Trace* trace = nullptr);

/// Checks that `before` is rewritten to what `after` is rewritten to; prints all when not.
void check_rewrite(const Var& before, const Var& after, const Mode& mode = Mode::fast());
/// Checks that the expression, once rewritten, applies no op of that name.
void check_lacks(const Var& before, const std::string& op_name);
/// Whether any node that `v` needs applies an op of that name.
bool applies(const Var& v, const std::string& op_name);

/// A vector of `dtype` with these elements.
Array array_of(const std::vector<double>& values, DType dtype);
/// The elements of an array of any dtype.
std::vector<double> values_of(const Array& a);
/// Signed zeros, infinities, NaN, and the sizes at which exp, sigmoid and softplus saturate.
std::vector<double> adversarial();
/// How many representable numbers of `dtype` lie between `actual` and `truth`; 0 for NaN both.
double ulps(double actual, long double truth, DType dtype);

}  // namespace damo::test
